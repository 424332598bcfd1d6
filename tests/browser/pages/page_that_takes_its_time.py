"""The page on a slow machine: the same assessment, which rests whenever it tells how far it is."""

import time

from mammoview.ui import session
from mammoview.ui.page import main

RESTS = 0.3  # s
without_rest = getattr(session, "_without_rest", session._assess)


def slowly(mammogram, progress):
    def resting(share, what):
        time.sleep(RESTS)
        progress(share, what)

    return without_rest(mammogram, resting)


session._without_rest, session._assess = without_rest, slowly  # the page runs again and again
main()
