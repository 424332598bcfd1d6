"""What the operator's folder holds, found out in the background and kept for every reader of it.

Only what any reader may read in that folder is kept here, never what one of them did with it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from mammoview.errors import MammoviewError
from mammoview.readers.catalogue import Case, CaseFacts
from mammoview.ui.library import Library
from mammoview.ui.log import place_of

__all__ = ["Known", "Worklist", "worklist"]

log = logging.getLogger(__name__)

FRESH_S = 15.0
"""For so long at least the folder is not looked at again."""
REST = 20
"""Nor for so many times what the last look took: an archive on a slow disk is not read all the time."""
UNREADABLE = CaseFacts(doubt="Its files cannot be read.")
TROUBLE = "The folder could not be looked through; the list is as it was before."

_Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the folder at one moment.

    Attributes
    ----------
    cases : tuple of Case
        In order of their names.
    facts : mapping of name to CaseFacts
        Of the cases that were read so far.
    progress : str
        What is still being done, in words; empty where all is known.
    trouble : str
        Why the cases are those of an earlier look; empty where they are not.
    """

    cases: tuple[Case, ...] = ()
    facts: Mapping[str, CaseFacts] = field(default_factory=dict)
    progress: str = ""
    trouble: str = ""

    def case(self, name: str) -> Case | None:
        return next((case for case in self.cases if case.name == name), None)


class Worklist:
    """The cases below a root; looking at them never waits for a file."""

    def __init__(self, root: Path) -> None:
        self._library = Library(root)
        self._lock = threading.Lock()
        self._cases: tuple[Case, ...] = ()
        self._facts: dict[str, tuple[_Stamp, CaseFacts]] = {}
        self._progress = ""
        self._trouble = ""
        self._thread: threading.Thread | None = None
        self._fresh_until = 0.0

    def look(self) -> Known:
        """What is known by now; the folder is looked at again in the background where that is long ago."""
        self._begin()
        return self._known()

    def wait(self) -> Known:
        """As `look`, once everything is known."""
        if (thread := self._begin()) is not None:
            thread.join()
        return self._known()

    def _begin(self) -> threading.Thread | None:
        with self._lock:
            if self._thread is None and time.monotonic() >= self._fresh_until:
                self._progress = "Looking for cases …"
                self._thread = threading.Thread(target=self._work, name="cases", daemon=True)
                self._thread.start()
            return self._thread

    def _known(self) -> Known:
        with self._lock:
            cases = self._cases
            facts = {case.name: self._facts[case.name][1] for case in cases if case.name in self._facts}
            return Known(cases, facts, self._progress, self._trouble)

    def _work(self) -> None:
        start = time.monotonic()
        try:
            cases = self._library.cases(self._tell_looking)
            with self._lock:
                self._cases, self._trouble = cases, ""
                known = {case.name for case in cases}
                self._facts = {name: kept for name, kept in self._facts.items() if name in known}
            for number, case in enumerate(cases):
                self._progress = f"Reading what the files say: {number} of {len(cases)} cases …"
                self._read(case)
        except Exception as error:
            log.error("unexpected %s at %s", type(error).__name__, place_of(error))
            self._trouble = TROUBLE
        finally:
            took = time.monotonic() - start
            log.info("looked at the folder of cases in %.1f s", took)
            with self._lock:
                self._fresh_until = time.monotonic() + max(FRESH_S, REST * took)
                self._progress = ""
                self._thread = None

    def _tell_looking(self, entries: int) -> None:
        self._progress = f"Looking for cases: {entries} files and folders seen …"

    def _read(self, case: Case) -> None:
        stamp = _stamp(case)
        kept = self._facts.get(case.name)
        if kept is not None and kept[0] == stamp:
            return
        facts = _facts(case)
        with self._lock:
            self._facts[case.name] = stamp, facts
        time.sleep(0)  # readers' pages go first


def _facts(case: Case) -> CaseFacts:
    """Nothing that a file holds ends the list."""
    try:
        return case.facts()
    except MammoviewError as error:
        return CaseFacts(doubt=str(error))
    except OSError:
        return UNREADABLE
    except Exception as error:
        log.error("unexpected %s at %s", type(error).__name__, place_of(error))
        return UNREADABLE


def _stamp(case: Case) -> _Stamp:
    """Another one when a file or a folder of the case is."""
    found = []
    for path in case.files:
        try:
            status = path.stat()
            found.append((str(path), status.st_size, status.st_mtime_ns))
        except (OSError, ValueError):
            found.append((str(path), -1, -1))
    return tuple(found)


@cache
def worklist(root: Path) -> Worklist:
    """The one list of this process for a root."""
    return Worklist(root)
