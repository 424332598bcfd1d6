"""The sidecar `NAME.json` beside a film that does not say side, view, spacing or true size itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mammoview.domain import Given, Laterality, View
from mammoview.errors import UnreadableScan
from mammoview.readers.guard import head, shown
from mammoview.readers.limits import COARSEST_MM, FINEST_MM, check_size, plausible_spacing

__all__ = ["beside", "completed", "read_sidecar"]

_LARGEST = 64 * 1024  # bytes
_SIDES = {"L": Laterality.LEFT, "LEFT": Laterality.LEFT, "R": Laterality.RIGHT, "RIGHT": Laterality.RIGHT}


def completed(given: Given, film: Path) -> Given:
    """What the reader gave, completed by the film's sidecar where there is one; the reader wins.

    Raises
    ------
    UnreadableScan
        If the sidecar is there and cannot be used.
    """
    path = beside(film)
    if path is None:
        return given
    said = read_sidecar(path)
    return replace(
        given,
        laterality=given.laterality or said.laterality,
        view=given.view or said.view,
        spacing_mm=said.spacing_mm if given.spacing_mm is None else given.spacing_mm,
        spacing_source=said.spacing_source if given.spacing_mm is None else given.spacing_source,
        as_size=given.as_size or said.as_size,
        outlines=given.outlines or said.outlines,
    )


def beside(film: Path) -> Path | None:
    """The film's sidecar: `film.json` for `film.png`, else `film.png.json`; None where there is neither."""
    names = (f"{film.stem}.json", f"{film.name}.json")
    return next((path for name in names if (path := film.parent / name) != film and _is_file(path)), None)


def _is_file(path: Path) -> bool:
    """No file, too, where its name would be longer than names may be."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_sidecar(path: Path) -> Given:
    """Read a sidecar.

    `laterality` (L or R), `view` (CC, MLO …), `spacing_mm` (a number), `as_size` ([rows, columns]) and
    `outlines` (a `.OVERLAY` in the sidecar's folder or below) are taken; other entries are left alone.

    Raises
    ------
    UnreadableScan
        If it is not such a file, naming the entry that is wrong.
    """
    entries = _entries(path)
    readers: Mapping[str, Callable[[Any], Any]] = {
        "laterality": lambda value: _SIDES[value.strip().upper()],
        "view": lambda value: View(value.strip().upper()),
        "spacing_mm": _spacing,
        "as_size": _size,
        "outlines": lambda value: _inside(path.parent, value),
    }
    said: dict[str, Any] = {}
    for name, reader in readers.items():
        if entries.get(name) is not None:
            try:
                said[name] = reader(entries[name])
            except (AttributeError, KeyError, OSError, OverflowError, TypeError, ValueError):
                raise UnreadableScan(
                    f"{shown(path)}: {name} must be {_EXPECTED[name]}; mend the sidecar"
                ) from None
    return Given(**said, spacing_source="the sidecar beside the film")


_EXPECTED = {
    "laterality": "L or R",
    "view": "one of " + ", ".join(View),
    "spacing_mm": "the millimetres per pixel of the film at its true size, "
    f"{FINEST_MM:g} to {COARSEST_MM:g}, such as 0.05",
    "as_size": "the film's true size as [rows, columns]",
    "outlines": "the name of an .OVERLAY file that lies in the sidecar's own folder",
}


def _entries(path: Path) -> dict[str, Any]:
    text = head(path, _LARGEST + 1)
    try:
        entries = json.loads(text) if len(text) <= _LARGEST else None
    except (ValueError, RecursionError):
        entries = None
    if not isinstance(entries, dict):
        raise UnreadableScan(
            f"{shown(path)}: this sidecar is not a JSON object that tells of a film; mend it or move it away"
        )
    return entries


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    return float(value)


def _spacing(value: object) -> float:
    spacing = _number(value)
    if not plausible_spacing(spacing):
        raise ValueError(spacing)
    return spacing


def _size(value: object) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise TypeError(value)
    rows, columns = (_number(side) for side in value)
    if not (rows.is_integer() and columns.is_integer() and min(rows, columns) >= 1):
        raise ValueError(value)
    check_size(int(rows), int(columns), "as_size")
    return int(rows), int(columns)


def _inside(folder: Path, value: object) -> Path:
    if not isinstance(value, str):
        raise TypeError(value)
    path = (folder / value).resolve(strict=True)
    if not (path.is_relative_to(folder.resolve()) and path.is_file()):
        raise ValueError(value)
    return path
