"""The reader's mark on the film: what the browser is told of it, and what it may tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Marking", "Pixel", "mark_data", "take_mark"]

Pixel = tuple[int, int]
"""(row, column) of a scan pixel."""


@dataclass(frozen=True, slots=True)
class Marking:
    """The marks on a film, and where a new one goes.

    Attributes
    ----------
    mark : Pixel or None
        The one that can still be moved.
    kept : tuple of Pixel
        Those that are recorded.
    put : callable
        Told the pixel of a new mark.
    """

    mark: Pixel | None
    kept: tuple[Pixel, ...]
    put: Callable[[Pixel], None]


def mark_data(viewer: str, film: str, marking: Marking) -> dict[str, Any]:
    """For the browser; the same values give the same data."""
    mark = None if marking.mark is None else list(marking.mark)
    return {"viewer": viewer, "film": film, "mark": mark, "kept": [*map(list, marking.kept)]}


def take_mark(sent: object, film: str, shape: tuple[int, ...], marking: Marking) -> None:
    """Put a mark as the browser sent it: what is for another film, beside it or no pixel is dropped."""
    match sent:
        case {"film": str(named), "mark": [int(row), int(column)]}:
            if named == film and 0 <= row < shape[0] and 0 <= column < shape[1]:
                marking.put((row, column))
