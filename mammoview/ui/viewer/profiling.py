"""The line of which the reader wants a profile, as the browser tells of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mammoview.domain import Magnification, Weighting
from mammoview.line_profile import Line

__all__ = ["Profiled", "Profiling", "take_line"]

_LAYERS = ("heatmap", "grid", "saliency")


@dataclass(frozen=True, slots=True)
class Profiled:
    """A line, and what was shown over the film where it lies.

    Attributes
    ----------
    line : Line
    layers : tuple of str
        Of "heatmap", "grid" and "saliency" those that are shown: a hidden one is not asked for.
    magnification : Magnification
    stride : int
        Of the tissue grid.
    weighting : Weighting
        Of the saliency.
    """

    line: Line
    layers: tuple[str, ...]
    magnification: Magnification
    stride: int
    weighting: Weighting


Profiling = Callable[[Profiled | None], None]
"""Told of a line whenever it or what is shown is another, and of None when it is taken away."""


def take_line(sent: object, film: str, shape: tuple[int, ...], tell: Profiling) -> None:
    """Tell of a line as the browser sent it; one for another film, far beside it or damaged is dropped."""
    match sent:
        case {"film": str(named), "line": None} if named == film:
            tell(None)
        case {"film": str(named), "line": {"from": start, "to": end}, **shown} if named == film:
            profiled = _profiled(_point(start, shape), _point(end, shape), shown)
            if profiled is not None:
                tell(profiled)


def _profiled(
    start: tuple[float, float] | None, end: tuple[float, float] | None, shown: dict[Any, Any]
) -> Profiled | None:
    if start is None or end is None:
        return None
    try:
        layers = tuple(name for name in _LAYERS if name in shown["shown"])
        magnification = next(each for each in Magnification if each.key == shown["magnification"])
        return Profiled(
            Line(start, end), layers, magnification, int(shown["stride"]), Weighting(shown["weighting"])
        )
    except (KeyError, StopIteration, TypeError, ValueError, OverflowError):
        return None


def _point(sent: object, shape: tuple[int, ...]) -> tuple[float, float] | None:
    """A scan point that is on the film or no further beside it than the film is long."""
    match sent:
        case [int() | float() as row, int() | float() as column]:
            reach = float(max(shape))
            near = all(-reach <= at <= 2 * reach for at in (row, column))  # of no NaN, nor of infinity
            return (float(row), float(column)) if near else None
    return None
