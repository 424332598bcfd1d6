"""`python -m mammoview`."""

import signal
import sys

from mammoview.cli import main

if __name__ == "__main__":
    for name in ("SIGTERM", "SIGHUP"):  # end as Ctrl-C does: what is half-written is taken away
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
    sys.exit(main())
