"""Long work waits in one line: two assessments at once would slow each other down many times."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import Any, Generic, TypeVar

from mammoview.domain import Progress
from mammoview.errors import Cancelled, MammoviewError
from mammoview.ui.log import place_of

__all__ = ["Line", "State", "Work", "line"]

log = logging.getLogger(__name__)
Result = TypeVar("Result")


class State(StrEnum):
    """How far a piece of work has come."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Work(Generic[Result]):
    """One piece of work; a thread of the line does it while its reader's page looks on.

    Attributes
    ----------
    state : State
    share : float
        Of the work that is done, 0 to 1.
    what : str
        What is being done.
    result : what the task returned, once `state` is DONE
    failure : str
        One sentence, once `state` is FAILED.
    abandoned : bool
        Whether its reader's page is gone: then it stops when other work comes after it.
    """

    def __init__(self, task: Callable[[Progress], Result]) -> None:
        self.state = State.WAITING
        self.share = 0.0
        self.what = ""
        self.result: Result | None = None
        self.failure = ""
        self.abandoned = False
        self._task: Callable[[Progress], Result] | None = task
        self._stop = threading.Event()

    @property
    def finished(self) -> bool:
        return self.state in (State.DONE, State.FAILED, State.CANCELLED)

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def cancel(self) -> None:
        """Ask it to stop: at once while it waits, else at the next step it reports."""
        self._stop.set()
        if self.state is State.WAITING:
            self.state = State.CANCELLED
            self._task = None

    def do(self) -> None:
        """Called by the line, once."""
        task, self._task = self._task, None
        if task is None:
            return
        start = time.monotonic()
        try:
            self.state = State.RUNNING
            self._report(0.0, "starting")
            self.result = task(self._report)
            self.state = State.DONE
        except Cancelled:
            self.state = State.CANCELLED
        except MammoviewError as error:
            self._fail(str(error), error)
        except Exception as error:
            self._fail(f"Something unexpected happened inside Mammoview ({type(error).__name__}).", error)
        log.info("work %s after %.1f s", self.state, time.monotonic() - start)

    def _report(self, share: float, what: str) -> None:
        if self._stop.is_set():
            raise Cancelled("The reader asked to stop.")
        self.share, self.what = min(1.0, max(0.0, share)), what

    def _fail(self, sentence: str, error: Exception) -> None:
        self.failure = sentence
        self.state = State.FAILED
        log.warning("work failed: %s at %s", type(error).__name__, place_of(error))


class Line:
    """Does pieces of work one after the other, in the order they came, in a thread of its own."""

    def __init__(self) -> None:
        self._waiting: list[Work[Any]] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name="assessments", daemon=True).start()

    def add(self, work: Work[Any]) -> None:
        with self._changed:
            self._waiting.append(work)
            self._make_way()
            self._changed.notify()

    def abandon(self, work: Work[Any]) -> None:
        """Nobody looks on any more: go on only as long as no other reader waits for it to end."""
        with self._changed:
            work.abandoned = True
            self._make_way()

    def ahead_of(self, work: Work[Any]) -> int:
        """How many pieces of work come before it, the running one among them."""
        with self._changed:
            before = self._waiting[: self._waiting.index(work)] if work in self._waiting else []
            return sum(not other.finished for other in before)

    def _make_way(self) -> None:
        wanted = [n for n, work in enumerate(self._waiting) if not (work.abandoned or work.finished)]
        for work in self._waiting[: wanted[-1]] if wanted else ():
            if work.abandoned:
                work.cancel()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                work = self._waiting[0]
            work.do()
            with self._changed:
                self._waiting.pop(0)
            del work


@cache
def line() -> Line:
    """The one line of this process."""
    return Line()
