"""`python -m mammoview`."""

import sys

from mammoview.cli import main

if __name__ == "__main__":
    sys.exit(main())
