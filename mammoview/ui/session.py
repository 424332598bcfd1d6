"""What one reader has before her: a case, its assessments, her uploads; gone when her session ends."""

from __future__ import annotations

import itertools
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from mammoview import WEIGHTS
from mammoview.domain import (
    Agreement,
    Assessment,
    Film,
    LesionType,
    Magnification,
    Mammogram,
    Progress,
    Settings,
)
from mammoview.errors import MammoviewError
from mammoview.results import Results, key_of
from mammoview.scorecard import agreements
from mammoview.ui import uploads
from mammoview.ui.desk import Desk, folder_of_readings
from mammoview.ui.round import Round
from mammoview.ui.work import State, Work, line

if TYPE_CHECKING:
    from mammoview.backend import Assessor

__all__ = ["Session", "of_this_reader"]

log = logging.getLogger(__name__)
KEPT_FILMS = 4
_NAME = "mammoview.session"
_SWEEPING = threading.Lock()


@dataclass
class _Case:
    """The films of one case and all that has been done with them; films are counted from 0."""

    key: Hashable
    films: tuple[Film, ...]
    number: int
    results: Results
    before_her: int | None = None
    mammograms: dict[int, Mammogram] = field(default_factory=dict)
    keys: dict[int, str] = field(default_factory=dict)
    assessments: dict[int, Assessment] = field(default_factory=dict)
    agreements: dict[int, Mapping[Magnification, tuple[Agreement, ...]]] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)
    cancelled: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class _UnderWay:
    """An assessment, and the film it was started for: its result belongs to no other case."""

    case: _Case
    film: int
    work: Work[Assessment]


class Session:
    """One reader's session; no other session, cache or address leads to it.

    When her page is gone for longer than she may take to return (`server.disconnectedSessionTTL`),
    it ends: work stops, uploads and results are dropped. Streamlit itself forgets a session only when
    the next reader comes or goes.

    Attributes
    ----------
    lock
        Held by the one run of the page's script that may use the session: Streamlit starts the next run
        while the one before it is still on its way to stopping.
    desk
        What she reads before the networks' findings are shown.
    round
        Her way through the cases of the operator's folder.
    begins_with_demo
        Whether her address asked for the demo case.
    hung_over
        The film over which she hung the views of the case; None while one film is shown.
    """

    def __init__(self, begin_with_demo: bool = False) -> None:
        self.assess_on_opening = self.begins_with_demo = begin_with_demo
        self.lock = threading.RLock()
        self.desk = Desk(folder_of_readings())
        self.round = Round()
        self.hung_over: int | None = None
        self._case: _Case | None = None
        self._numbers = itertools.count(1)
        self._under_way: _UnderWay | None = None
        self._further: list[int] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._uploaded: tuple[Hashable, tuple[Path, ...]] | None = None
        self._leaving: threading.Timer | None = None
        self._asked: set[str] = set()

    def leave(self) -> None:
        """Her page is gone: end soon, unless she returns; till then nobody waits for her work."""
        if (work := self.work) is not None:
            line().abandon(work)
        self._leaving = threading.Timer(st.get_option("server.disconnectedSessionTTL"), self.end)
        self._leaving.daemon = True
        self._leaving.start()

    def stay(self) -> None:
        """Her page is there again."""
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        if (work := self.work) is not None:
            work.abandoned = False

    def end(self) -> None:
        """Stop working and drop everything that was hers."""
        with self.lock:
            self.close()
            self.desk.clear()
            self.round = Round()
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
        under_way = self._under_way
        return None if under_way is None else under_way.work

    @property
    def assessed_film(self) -> int | None:
        under_way = self._under_way
        return None if under_way is None else under_way.film

    @property
    def case_number(self) -> int:
        """Counts the cases that were opened; never that of another case."""
        return self._present().number

    def open(self, key: Hashable, films: Callable[[], tuple[Film, ...]], hers: bool = True) -> None:
        """Put a case before the reader; one that is there already stays as it is.

        What is found on films that are `hers` is kept with her uploads and goes with them; of films that
        every reader of this machine may open, for all of them.
        """
        if self._case is not None and self._case.key == key:
            return
        self.close()
        results = Results(self._own("results") if hers else folder_of_results())
        self._case = _Case(key, films(), next(self._numbers), results)

    def close(self) -> None:
        """Put the case away, and stop working on it."""
        if (work := self.work) is not None:
            work.cancel()
        self._under_way, self._further = None, []
        self._case = None
        self.hung_over = None

    def uploaded(self, key: Hashable, files: Sequence[uploads.Upload]) -> tuple[Path, ...]:
        """The reader's files in a folder of her own, stored once for each `key`."""
        if self._uploaded is None or self._uploaded[0] != key:
            self._uploaded = None
            self._uploaded = key, uploads.store(files, self._own("films"))
        return self._uploaded[1]

    def look_at(self, index: int) -> None:
        """This film is before her."""
        self._present().before_her = index

    def film_before(self, first: int) -> int:
        """The film that she looked at last, or `first` where she comes to the case."""
        before = self._present().before_her
        return first if before is None else before

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
        """What was found on a film of the case, since it was opened or when she had it open before."""
        case = self._present()
        if index not in case.assessments and self._asked and (key := self._key(index)) in self._asked:
            kept = case.results.get(key)
            if kept is None:
                self._asked.discard(key)
            else:
                case.assessments[index] = kept
        return case.assessments.get(index)

    def agreements(self, index: int) -> Mapping[Magnification, tuple[Agreement, ...]]:
        """How an assessed film agrees with its outlines at each magnification; computed once."""
        case = self._present()
        if index not in case.agreements:
            assessment, outlines = case.assessments[index], self.mammogram(index).outlines
            case.agreements[index] = {
                each: agreements(assessment, outlines, each) for each in assessment.saliency
            }
        return case.agreements[index]

    def failure(self, index: int) -> str | None:
        """Why the last assessment of this film gave nothing, in one sentence; None if it did not fail."""
        return self._present().failures.get(index)

    def cancelled(self, index: int) -> bool:
        """Whether the reader stopped the last assessment of this film."""
        return index in self._present().cancelled

    def running(self, index: int) -> bool:
        return self.work is not None and self.assessed_film == index

    def state(self, index: int) -> str:
        """Why there is no assessment of this film: "not run", "running" or "failed"."""
        if self.running(index):
            return "running"
        return "not run" if self.failure(index) is None else "failed"

    def assess(self, index: int) -> None:
        """Add the film to the line of assessments; nothing happens while another is under way.

        One that was assessed before, by whomever may open it, is there at once; one that she has before
        her is assessed again.
        """
        if self.work is None:
            case, key = self._present(), self._key(index)
            again = index in case.assessments
            work = Work(partial(_found, self.mammogram(index), key, case.results, again))
            self._asked.add(key)
            case.failures.pop(index, None)
            case.cancelled.discard(index)
            self._under_way = _UnderWay(case, index, work)
            line().add(work)

    @property
    def not_assessed(self) -> list[int]:
        """Films of the case that have no assessment before her; none of them is read to know."""
        return [index for index in range(len(self.films)) if index not in self._present().assessments]

    @property
    def further(self) -> int:
        """How many films of the case are assessed after the one under way."""
        return len(self._further)

    def assess_all(self) -> None:
        """Assess every film of the case that is not, one after the other; a cancelled one ends it."""
        if self.work is None and (films := self.not_assessed):
            self._further = films
            self._go_on()

    def collect(self) -> None:
        """Keep what the finished work gave, with the case it was started for, and go on to the next film."""
        under_way = self._under_way
        if under_way is None or not under_way.work.finished:
            return
        self._under_way = None
        case, index, work = under_way.case, under_way.film, under_way.work
        if work.result is not None:
            case.assessments[index] = work.result
            case.agreements.pop(index, None)
        elif work.state is State.CANCELLED:
            case.cancelled.add(index)
            self._further = []
        else:
            case.failures[index] = work.failure
        self._go_on()

    def _go_on(self) -> None:
        """Begin with the next film that is to be assessed and can be read."""
        while self._further and self.work is None:
            index = self._further.pop(0)
            try:
                self.assess(index)
            except MammoviewError as error:
                self._present().failures[index] = str(error)

    def _key(self, index: int) -> str:
        """Of the film's result; made once, since it goes through all pixels."""
        case = self._present()
        if index not in case.keys:
            case.keys[index] = key_of(self.mammogram(index), sorted(WEIGHTS.glob("*.json")), Settings())
        return case.keys[index]

    def _own(self, name: str) -> Path:
        """A folder of hers, which goes with her session."""
        if self._folder is None:
            self._folder = uploads.new_folder()
        folder = Path(self._folder.name) / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def _present(self) -> _Case:
        if self._case is None:
            raise LookupError("no case is open")
        return self._case


def of_this_reader() -> Session:
    """Her session; a new one listens to the address, of which only `case=demo` means anything."""
    if _NAME not in st.session_state:
        with _SWEEPING:
            _sweep()
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


def folder_of_results() -> Path:
    """Where results of films that every reader may open are kept."""
    named = os.environ.get("MAMMOVIEW_RESULTS")
    return Path(named).expanduser() if named else Path(__file__).parents[2] / ".cache" / "results"


def _found(mammogram: Mammogram, key: str, results: Results, again: bool, progress: Progress) -> Assessment:
    """The result that is kept, or else a new one, which then is."""
    kept = None if again else results.get(key)
    if kept is not None and (kept.scan.rows, kept.scan.columns) == mammogram.pixels.shape:
        return kept
    found = _assess(mammogram, progress)
    try:
        results.put(key, found)
    except OSError as error:  # it is shown all the same
        log.warning("a result could not be kept: %s", type(error).__name__)
    return found


def _assess(mammogram: Mammogram, progress: Progress) -> Assessment:
    progress(0.0, "loading the networks")
    return _assessor()(mammogram, progress=progress)


@cache
def _sweep() -> None:
    """Once for this process, before its first reader can upload."""
    uploads.sweep(Path(tempfile.gettempdir()))


@cache
def _assessor() -> Assessor:
    """The networks, loaded once for all readers: they keep nothing from a call."""
    from mammoview.backend import Assessor  # torch takes seconds to load; a film is shown without it

    return Assessor()
