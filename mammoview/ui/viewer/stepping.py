"""To the next and the previous view or case by key: what the browser is told, and what it may tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Stepping", "Taken", "step_data", "steps_asked"]

Taken = tuple[str, int, int]
"""The viewer that counts, and the steps over cases and over views that it has asked for so far."""

_LONGEST = 40  # characters of a viewer's name for itself


@dataclass(frozen=True, slots=True)
class Stepping:
    """Where the film on the screen stands, and what a step does.

    Attributes
    ----------
    views : tuple of str
        Labels of the films of the case.
    view : int
        Which of them is shown, from 0.
    case, cases : int or None, int
        Which case of the list, from 1, and how long the list is; None for a case that is not in it.
    ends : (bool, bool)
        Whether the list has no case before it, and none after it.
    taken : callable
        Tells what was asked for and done before; a message may come before the page is drawn again.
    go : callable
        Told the steps over cases, those over views, and what is done with them; either is 0.
    """

    views: tuple[str, ...]
    view: int
    case: int | None
    cases: int
    ends: tuple[bool, bool]
    taken: Callable[[], Taken]
    go: Callable[[int, int, Taken], None]


def step_data(viewer: str, stepping: Stepping) -> dict[str, Any]:
    """For the browser; the same values give the same data."""
    return {
        "viewer": viewer,
        "views": list(stepping.views),
        "view": stepping.view,
        "case": stepping.case,
        "cases": stepping.cases,
        "ends": list(stepping.ends),
    }


def steps_asked(sent: object, taken: Taken) -> tuple[int, int, Taken]:
    """Steps over cases and over views that were not taken yet.

    The browser sends its count, not the step: of two quick presses one message may be all that arrives.
    What is no such count asks for nothing.
    """
    match sent:
        case {"by": str(by), "cases": int(cases), "views": int(views)} if 0 < len(by) <= _LONGEST:
            before = taken if taken[0] == by else (by, 0, 0)
            return cases - before[1], views - before[2], (by, cases, views)
    return 0, 0, taken
