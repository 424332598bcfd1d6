"""Assessments wait in one line; each reader can leave it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import pytest

from mammoview.domain import Progress
from mammoview.errors import WeightsMissing
from mammoview.ui.work import Line, State, Work


def finish(work: Work[object], within_s: float = 5.0) -> None:
    until(lambda: work.finished, within_s)


def until(holds: Callable[[], bool], within_s: float = 5.0) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.005)


class Gate:
    """A task that reports, then waits until it is let through."""

    def __init__(self) -> None:
        self.entered, self.open = threading.Event(), threading.Event()

    def __call__(self, progress: Progress) -> str:
        progress(0.25, "scanning")
        self.entered.set()
        while not self.open.wait(0.005):
            progress(0.5, "still scanning")
        return "assessed"


def test_the_reader_gets_what_the_work_gave() -> None:
    work: Work[object] = Work(lambda progress: "assessed")
    Line().add(work)
    finish(work)
    assert (work.state, work.result) == (State.DONE, "assessed")


def test_only_one_assessment_runs_at_a_time_in_the_order_they_came() -> None:
    queue, gates = Line(), [Gate() for _ in range(3)]
    works: list[Work[object]] = [Work(gate) for gate in gates]
    for work in works:
        queue.add(work)
    assert gates[0].entered.wait(5)
    time.sleep(0.05)
    assert [work.state for work in works] == [State.RUNNING, State.WAITING, State.WAITING]
    assert [queue.ahead_of(work) for work in works] == [0, 1, 2]
    for gate, work in zip(gates, works, strict=True):
        gate.open.set()
        finish(work)
    assert [work.state for work in works] == [State.DONE] * 3


def test_progress_says_what_is_being_done() -> None:
    gate = Gate()
    work: Work[object] = Work(gate)
    Line().add(work)
    until(lambda: work.what == "still scanning")
    assert work.share == 0.5
    gate.open.set()
    finish(work)


def test_cancelling_stops_the_running_work_and_the_next_one_begins() -> None:
    queue, gate = Line(), Gate()
    running: Work[object] = Work(gate)
    following: Work[object] = Work(lambda progress: "assessed")
    queue.add(running)
    queue.add(following)
    assert gate.entered.wait(5)
    running.cancel()
    finish(running)
    finish(following)
    assert (running.state, running.result, following.state) == (State.CANCELLED, None, State.DONE)


def test_work_cancelled_while_it_waits_is_never_begun() -> None:
    queue, gate, begun = Line(), Gate(), []
    first: Work[object] = Work(gate)
    second: Work[object] = Work(begun.append)
    queue.add(first)
    queue.add(second)
    second.cancel()
    assert second.state is State.CANCELLED
    assert queue.ahead_of(first) == 0
    gate.open.set()
    third: Work[object] = Work(lambda progress: "assessed")
    queue.add(third)
    finish(third)
    assert begun == []


def test_abandoned_work_goes_on_until_another_reader_waits() -> None:
    queue, gates = Line(), [Gate(), Gate()]
    left, waiting = (Work[object](gate) for gate in gates)
    queue.add(left)
    assert gates[0].entered.wait(5)
    queue.abandon(left)
    assert not left.stopping
    queue.add(waiting)
    finish(left)
    assert left.state is State.CANCELLED
    assert gates[1].entered.wait(5)
    queue.abandon(waiting)
    assert not waiting.stopping
    gates[1].open.set()
    finish(waiting)
    assert waiting.state is State.DONE


def test_a_known_failure_is_told_in_its_own_words() -> None:
    def without_weights(progress: Progress) -> None:
        raise WeightsMissing("There are no weights in weights/: get them first.")

    work: Work[object] = Work(without_weights)
    work.do()
    assert (work.state, work.failure) == (State.FAILED, "There are no weights in weights/: get them first.")


def test_neither_page_nor_log_repeat_the_words_of_an_unexpected_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def stumble(progress: Progress) -> None:
        raise KeyError("DOE^JANE")

    caplog.set_level(logging.DEBUG)
    work: Work[object] = Work(stumble)
    work.do()
    assert work.state is State.FAILED
    assert "KeyError" in work.failure
    assert "DOE" not in work.failure + caplog.text
    assert "test_work" in caplog.text


def test_finished_work_does_not_hold_on_to_its_film() -> None:
    work: Work[object] = Work(lambda progress: "assessed")
    work.do()
    assert work._task is None
