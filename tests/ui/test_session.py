"""What was worked out for one case is never shown with another."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mammoview.domain import Assessment, Film, Magnification, Mammogram, Progress
from mammoview.errors import UnreadableScan
from mammoview.ui import session as sessions
from mammoview.ui.session import Session
from mammoview.ui.work import Work, line
from tests import handmade
from tests.handmade import PLAIN, dark, saliency, square


class Sent(io.BytesIO):
    """A file as a browser sends it."""

    name = "film.png"
    size = 1


def until(holds: Callable[[], bool], within_s: float = 5.0) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.005)


class Assessing:
    """Assessments that end when `open` is set."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.result = handmade.assessment(
            *(saliency(dark(each), magnification=each) for each in Magnification)
        )

    def __call__(self, mammogram: Mammogram, progress: Progress) -> Assessment:
        while not self.open.wait(0.005):
            progress(0.5, "assessing")
        return self.result


@pytest.fixture
def assessing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Assessing]:
    gate = Assessing()
    monkeypatch.setattr(sessions, "_assess", gate)
    yield gate
    gate.open.set()


def films() -> tuple[Film, ...]:
    mammogram = handmade.mammogram([square(100, 100, 40, PLAIN)])
    return (Film("film", None, None, lambda: mammogram),)


def other_films() -> tuple[Film, ...]:
    mammogram = handmade.mammogram([square(100, 100, 40, PLAIN)])
    other = replace(mammogram, pixels=mammogram.pixels + np.uint16(1))
    return (Film("other film", None, None, lambda: other),)


def under_way(session: Session) -> Work[Assessment]:
    assert session.work is not None
    return session.work


def assessed(session: Session, assessing: Assessing) -> None:
    session.assess(0)
    assessing.open.set()
    until(lambda: under_way(session).finished)
    session.collect()
    assessing.open.clear()


def test_a_result_stays_with_the_case_it_was_worked_out_for(assessing: Assessing) -> None:
    session = Session()
    session.open("first", films)
    session.assess(0)
    late = session._under_way
    assessing.open.set()
    until(lambda: under_way(session).finished)
    session.open("second", other_films)
    session._under_way = late
    session.collect()
    assert session.assessment(0) is None
    assert not session.cancelled(0)
    assert session.work is None


def test_another_case_has_another_number_and_the_same_case_keeps_it() -> None:
    session = Session()
    numbers = []
    for key in ("first", "first", "second", "first"):
        session.open(key, films)
        numbers.append(session.case_number)
    assert numbers == [1, 1, 2, 3]


def test_an_abandoned_assessment_makes_way_for_the_next_reader(assessing: Assessing) -> None:
    gone, present = Session(), Session()
    for session in (gone, present):
        session.open("case", films)
        session.assess(0)
    left, waiting = under_way(gone), under_way(present)
    gone.leave()
    until(lambda: left.finished)
    until(lambda: line().ahead_of(waiting) == 0)
    gone.stay()
    gone.collect()
    assert gone.cancelled(0)
    assert not waiting.stopping


def test_a_reader_who_returns_finds_her_assessment_when_nobody_waited(assessing: Assessing) -> None:
    session = Session()
    session.open("case", films)
    session.assess(0)
    work = under_way(session)
    session.leave()
    session.stay()
    other = Session()
    other.open("case", films)
    other.assess(0)
    assert not work.stopping
    assessing.open.set()
    until(lambda: work.finished)
    session.collect()
    assert session.assessment(0) is assessing.result


def test_agreements_are_worked_out_once_for_each_assessment(assessing: Assessing) -> None:
    session = Session()
    session.open("case", films)
    assessed(session, assessing)
    first = session.agreements(0)
    assert set(first) == set(Magnification)
    assert [len(rows) for rows in first.values()] == [1, 1, 1]
    assert session.agreements(0) is first
    assessed(session, assessing)
    assert session.agreements(0) is not first


def test_her_session_ends_only_between_two_runs_of_the_page() -> None:
    session = Session()
    session.open("case", films)
    (stored,) = session.uploaded("key", [Sent(b"x")])
    with session.lock:
        ending = threading.Thread(target=session.end)
        ending.start()
        ending.join(0.05)
        assert session.films
        assert stored.exists()
    ending.join(5)
    assert not session.films
    assert not stored.exists()


def test_a_case_that_is_opened_again_has_what_was_found_on_it(assessing: Assessing) -> None:
    session = Session()
    session.open("case", films)
    assessed(session, assessing)
    session.open("another", other_films)
    assert session.assessment(0) is None
    session.open("case", films)
    again = session.assessment(0)
    assert again is not None
    assert np.array_equal(again.heatmap.heat, assessing.result.heatmap.heat)
    session.end()


def test_another_reader_has_nothing_of_it_before_she_asks_and_then_at_once(
    assessing: Assessing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMOVIEW_RESULTS", str(tmp_path / "results"))
    first, second = Session(), Session()
    for session in (first, second):
        session.open("case", films, hers=False)
    assessed(first, assessing)
    assert second.assessment(0) is None
    second.assess(0)  # the assessing is closed again: only what is kept can end it
    until(lambda: under_way(second).finished)
    second.collect()
    assert second.assessment(0) is not None


def test_what_was_found_on_an_upload_is_kept_for_its_reader_alone_and_goes_with_her(
    assessing: Assessing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMOVIEW_RESULTS", str(tmp_path / "results"))
    first, second = Session(), Session()
    for session in (first, second):
        session.open("case", films)
    assessed(first, assessing)
    folder = first._own("results")
    assert list(folder.iterdir())
    assert not (tmp_path / "results").exists()
    second.assess(0)
    time.sleep(0.1)
    assert not under_way(second).finished
    under_way(second).cancel()
    first.end()
    assert not folder.exists()


def test_assess_again_assesses_again(assessing: Assessing) -> None:
    session = Session()
    session.open("case", films)
    assessed(session, assessing)
    session.assess(0)
    time.sleep(0.1)
    assert not under_way(session).finished
    under_way(session).cancel()


def test_all_views_are_assessed_one_after_the_other_and_one_that_cannot_be_read_is_passed_over(
    assessing: Assessing,
) -> None:
    def unreadable() -> Mammogram:
        raise UnreadableScan("the second film is broken; choose another one")

    def case() -> tuple[Film, ...]:
        first, third = films()[0], other_films()[0]
        return first, Film("broken", None, None, unreadable), third

    session = Session()
    session.open("case", case)
    session.assess_all()
    assert (session.assessed_film, session.further) == (0, 2)
    assessing.open.set()
    until(lambda: under_way(session).finished)
    session.collect()
    assert (session.assessed_film, session.further) == (2, 0)
    assert session.failure(1) == "the second film is broken; choose another one"
    until(lambda: under_way(session).finished)
    session.collect()
    assert session.work is None
    assert session.not_assessed == [1]


def test_cancelling_one_of_all_views_ends_them_all(assessing: Assessing) -> None:
    session = Session()
    session.open("case", lambda: (*films(), *other_films()))
    session.assess_all()
    under_way(session).cancel()
    until(lambda: under_way(session).finished)
    session.collect()
    assert session.work is None
    assert session.not_assessed == [0, 1]
