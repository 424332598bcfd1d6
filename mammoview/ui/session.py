"""What one reader has before her: a case, its assessments, her uploads; gone when her session ends."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from mammoview.domain import Assessment, Film, LesionType, Mammogram, Progress
from mammoview.ui import uploads
from mammoview.ui.work import State, Work, line

if TYPE_CHECKING:
    from mammoview.models import Suite

__all__ = ["Session", "of_this_reader"]

KEPT_FILMS = 4
_NAME = "mammoview.session"


@dataclass
class _Case:
    """The films of one case and all that has been done with them; films are counted from 0."""

    key: Hashable
    films: tuple[Film, ...]
    mammograms: dict[int, Mammogram] = field(default_factory=dict)
    assessments: dict[int, Assessment] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)
    cancelled: set[int] = field(default_factory=set)


class Session:
    """One reader's session; no other session, cache or address leads to it.

    When her page is gone for longer than she may take to return (`server.disconnectedSessionTTL`),
    it ends: work stops, uploads and results are dropped. Streamlit itself forgets a session only when
    the next reader comes or goes.
    """

    def __init__(self, begin_with_demo: bool = False) -> None:
        self.assess_on_opening = begin_with_demo
        self.assessed_film: int | None = None
        self._case: _Case | None = None
        self._work: Work[Assessment] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._uploaded: tuple[Hashable, tuple[Path, ...]] | None = None
        self._leaving: threading.Timer | None = None

    def leave(self) -> None:
        """Her page is gone: end soon, unless she returns."""
        self._leaving = threading.Timer(st.get_option("server.disconnectedSessionTTL"), self.end)
        self._leaving.daemon = True
        self._leaving.start()

    def stay(self) -> None:
        """Her page is there again."""
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def end(self) -> None:
        """Stop working and drop everything that was hers."""
        self.close()
        self._uploaded = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    @property
    def films(self) -> tuple[Film, ...]:
        return () if self._case is None else self._case.films

    @property
    def work(self) -> Work[Assessment] | None:
        """The assessment under way; `assessed_film` is its film."""
        return self._work

    def open(self, key: Hashable, films: Callable[[], tuple[Film, ...]]) -> None:
        """Put a case before the reader; one that is there already stays as it is."""
        if self._case is not None and self._case.key == key:
            return
        self.close()
        self._case = _Case(key, films())

    def close(self) -> None:
        """Put the case away, and stop working on it."""
        if self._work is not None:
            self._work.cancel()
        self._work = None
        self._case = None

    def uploaded(self, key: Hashable, files: Sequence[uploads.Upload]) -> tuple[Path, ...]:
        """The reader's files in a folder of her own, stored once for each `key`."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="mammoview-", ignore_cleanup_errors=True)
        if self._uploaded is None or self._uploaded[0] != key:
            self._uploaded = None
            self._uploaded = key, uploads.store(files, Path(self._folder.name))
        return self._uploaded[1]

    def first_with_a_mass(self) -> int:
        """The first film on which a reader outlined a mass, or the first film."""
        for index in range(len(self.films)):
            if any(line.lesion_type is LesionType.MASS for line in self.mammogram(index).outlines):
                return index
        return 0

    def mammogram(self, index: int) -> Mammogram:
        """A film of the case; always the same object while it is kept."""
        case = self._present()
        if index not in case.mammograms:
            while len(case.mammograms) >= KEPT_FILMS:
                case.mammograms.pop(next(iter(case.mammograms)))
            case.mammograms[index] = case.films[index].read()
        return case.mammograms[index]

    def assessment(self, index: int) -> Assessment | None:
        return self._present().assessments.get(index)

    def failure(self, index: int) -> str | None:
        """Why the last assessment of this film gave nothing, in one sentence; None if it did not fail."""
        return self._present().failures.get(index)

    def cancelled(self, index: int) -> bool:
        """Whether the reader stopped the last assessment of this film."""
        return index in self._present().cancelled

    def running(self, index: int) -> bool:
        return self.work is not None and self.assessed_film == index

    def assess(self, index: int) -> None:
        """Add the film to the line of assessments; nothing happens while another is under way."""
        if self.work is None:
            self._work = Work(partial(_assess, self.mammogram(index)))
            self._present().failures.pop(index, None)
            self._present().cancelled.discard(index)
            self.assessed_film = index
            line().add(self._work)

    def collect(self) -> None:
        """Keep what the finished work gave."""
        work, index = self.work, self.assessed_film
        if work is None or index is None or not work.finished:
            return
        self._work = None
        if work.result is not None:
            self._present().assessments[index] = work.result
        elif work.state is State.CANCELLED:
            self._present().cancelled.add(index)
        else:
            self._present().failures[index] = work.failure

    def _present(self) -> _Case:
        if self._case is None:
            raise LookupError("no case is open")
        return self._case


def of_this_reader() -> Session:
    """Her session; a new one listens to the address, of which only `case=demo` means anything."""
    if _NAME not in st.session_state:
        st.session_state[_NAME] = Session(begin_with_demo=st.query_params.get("case") == "demo")
    return _present()


def _leave(session: Session) -> None:
    session.leave()


@st.cache_resource(scope="session", show_spinner=False, on_release=_leave)
def _present() -> Session:
    """The session, as long as its page is connected: Streamlit says at once when that ends."""
    session: Session = st.session_state[_NAME]
    session.stay()
    return session


def _assess(mammogram: Mammogram, progress: Progress) -> Assessment:
    progress(0.0, "loading the networks")
    from mammoview.backend import assess  # torch takes seconds to load; a film is shown without it

    return assess(mammogram, _suite(), progress=progress)


@cache
def _suite() -> Suite:
    """The networks, loaded once for all readers: they keep nothing from a call."""
    from mammoview.models import load_suite

    return load_suite()
