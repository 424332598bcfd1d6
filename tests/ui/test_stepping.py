"""Steps are counted in the browser, so that none is lost and none is taken twice."""

from __future__ import annotations

import pytest

from mammoview.ui.viewer.stepping import Taken, steps_asked

NONE: Taken = ("", 0, 0)


def sent(cases: object, views: object, by: object = "a") -> dict[str, object]:
    return {"by": by, "cases": cases, "views": views}


def test_of_two_quick_presses_the_second_message_is_enough() -> None:
    assert steps_asked(sent(0, 2), NONE) == (0, 2, ("a", 0, 2))


def test_a_message_that_comes_again_asks_for_nothing() -> None:
    taken = steps_asked(sent(1, 0), NONE)[2]
    assert steps_asked(sent(1, 0), taken)[:2] == (0, 0)
    assert steps_asked(sent(0, 0), taken)[:2] == (-1, 0)


def test_another_viewer_counts_from_the_beginning() -> None:
    assert steps_asked(sent(0, 1, "b"), ("a", 5, 7)) == (0, 1, ("b", 0, 1))


@pytest.mark.parametrize(
    "message",
    [None, "v", [], {}, sent("1", 0), sent(1.5, 0), sent(None, 1), sent(1, 1, by=""), sent(1, 1, "x" * 99)],
)
def test_what_is_no_count_asks_for_nothing(message: object) -> None:
    assert steps_asked(message, ("a", 1, 1)) == (0, 0, ("a", 1, 1))
