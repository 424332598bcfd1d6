"""How the views of a case hang, and what the browser is told of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mammoview.domain import Assessment, Laterality, Mammogram, View

__all__ = ["Hanging", "Hung", "Place", "hang", "hanging_data", "take_wish"]

MOST = 4  # films that hang at once; a session keeps no more
MISSING = "not in this case"
_USUAL = {  # right breast on the viewer's left, so that the chest walls meet in the middle
    (Laterality.RIGHT, View.CC): (0, 0, "left"),
    (Laterality.LEFT, View.CC): (0, 1, "right"),
    (Laterality.RIGHT, View.MLO): (1, 0, "left"),
    (Laterality.LEFT, View.MLO): (1, 1, "right"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """One pane of the hanging.

    Attributes
    ----------
    name : str
        "RCC", "LMLO" …; "LCC 2" for a second film of that name.
    row, column : int
        Counted from the upper left.
    side : str
        "left" or "right" of the middle, or "beside" the usual four.
    film : int or None
        The film's number in its case; None for an empty pane.
    words : str
        What the reader has to know of it, or why it is empty.
    """

    name: str
    row: int
    column: int
    side: str
    film: int | None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Hung:
    """A film of the case with what may be shown of it; see `viewer` for the fields' meaning."""

    mammogram: Mammogram
    assessment: Assessment | None
    state: str
    withheld: bool


@dataclass(frozen=True, slots=True)
class Hanging:
    """The views of a case, as they would hang.

    Attributes
    ----------
    places : tuple of Place
    current : int
        Number of the film that is shown when one is.
    films : mapping of int to Hung
        By number; empty until the reader has asked for the hanging.
    on : bool
        Whether they hang now.
    turn : callable
        Told whether they shall hang.
    open : callable
        Told the number of the film to show alone.
    case : int
        Tells this case from every other that the session has had.
    """

    places: tuple[Place, ...]
    current: int
    films: dict[int, Hung]
    on: bool
    turn: Callable[[bool], None]
    open: Callable[[int], None]
    case: int


def hang(labels: Sequence[tuple[Laterality | None, View | None]]) -> tuple[Place, ...]:
    """Which film hangs where, by what each is labelled as: RCC | LCC over RMLO | LMLO.

    A view that no film is labelled as is an empty place. A further film of a view, and one that is labelled
    otherwise or not at all, hangs beside these four under its own name, never in the place of another; where
    more than four films would hang, the rest is named and not shown.
    """
    usual: dict[tuple[Laterality, View], int] = {}
    beside: list[int] = []
    for number, (laterality, view) in enumerate(labels):
        if (
            laterality is None
            or view is None
            or (laterality, view) not in _USUAL
            or (laterality, view) in usual
        ):
            beside.append(number)
        else:
            usual[laterality, view] = number
    names = _names(labels)
    places = []
    for (laterality, view), (row, column, side) in _USUAL.items():
        film = usual.get((laterality, view))
        places.append(Place(f"{laterality}{view}", row, column, side, film, MISSING if film is None else ""))
    room = MOST - len(usual)
    for at, number in enumerate(beside):
        shown = at < room
        words = (
            "a second film of this view" if names[number][-1].isdigit() else "not one of the usual four views"
        )
        place = Place(
            names[number],
            at % 2,
            2 + at // 2,
            "beside",
            number if shown else None,
            words if shown else f"{words}; more than {MOST} do not hang at once, choose it on the left",
        )
        places.append(place)
    return tuple(places)


def _names(labels: Sequence[tuple[Laterality | None, View | None]]) -> list[str]:
    names: list[str] = []
    for laterality, view in labels:
        name = f"{laterality or '?'}{view or '?'}"
        same = sum(
            laterality is not None and view is not None and each.split(" ")[0] == name for each in names
        )
        names.append(f"{name} {same + 1}" if same else name)
    return names


def hanging_data(viewer: str, hanging: Hanging) -> dict[str, Any]:
    """For the browser; the same values give the same data."""
    places = [asdict(place) for place in hanging.places]
    return {
        "viewer": viewer,
        "case": hanging.case,
        "places": places,
        "current": hanging.current,
        "on": hanging.on,
    }


def take_wish(sent: object, hanging: Hanging) -> None:
    """Do as the browser asks: whether the views shall hang, or which film of them to show alone.

    A wish that was made of another case, and came late, is dropped.
    """
    match sent:
        case {"case": int(named)} if named != hanging.case:
            return
        case {"case": int(), "on": bool(on)}:
            hanging.turn(on)
        case {"case": int(), "open": int(number)} if number in [place.film for place in hanging.places]:
            hanging.open(number)
