"""DDSM's composite `TAPE_*.COMB.16_PGM`: the four views of a case on one sheet, at a fifteenth.

The MLO views lie above the CC views and the right breast left of the left one, as on a light box. Each
takes a fifteenth of its film, rounded up. A gap of ten black pixels parts the views; what a shorter
view leaves free is white.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mammoview.domain import Laterality, View
from mammoview.errors import TruncatedScan, UnreadableScan
from mammoview.readers.ddsm_ics import CaseDescription, Position
from mammoview.readers.guard import head, shown
from mammoview.readers.limits import check_size

__all__ = ["REDUCTION", "places", "read_sheet"]

REDUCTION = 15
"""Film pixels along the side of a pixel of the sheet."""

_WIDEST_GAP = 20
_LARGEST = 64 * 1024 * 1024  # bytes; a genuine sheet has half a megabyte
_HEADER = re.compile(rb"P5\s+(\d{1,6})\s+(\d{1,6})\s+65535\s")
_RIGHT, _LEFT = Laterality.RIGHT, Laterality.LEFT


def read_sheet(path: Path) -> NDArray[np.uint16]:
    """Grey levels of a sheet, (H, W).

    It is a PGM of 16 bits, but for a second line break after the header, which shifts every byte for
    other readers of PGM; so the pixels are counted from the end.

    Raises
    ------
    UnreadableScan
        If it is no such file; TruncatedScan if it ends early, OversizedScan if it declares too much.
    """
    name, data = shown(path), head(path, _LARGEST)
    header = _HEADER.match(data)
    if header is None:
        raise UnreadableScan(f"{name}: it is not a sheet of 16-bit grey (PGM); get the file again")
    columns, rows = int(header[1]), int(header[2])
    check_size(rows, columns, name)
    size = 2 * rows * columns
    if len(data) < header.end() + size:
        raise TruncatedScan(f"{name}: the file ends before its last pixel; get it again from where it came")
    return np.frombuffer(data[len(data) - size :], ">u2").reshape(rows, columns).astype(np.uint16)


def places(case: CaseDescription, sheet: tuple[int, int], name: str) -> dict[Position, tuple[slice, slice]]:
    """Rows and columns of each view on a sheet of this size.

    Raises
    ------
    UnreadableScan
        If the `.ics` does not give the size of all four films, or these do not make up the sheet.
    """
    sizes = {
        (side, view): _reduced(case, (side, view), name)
        for side in Laterality
        for view in (View.CC, View.MLO)
    }
    heights = {view: max(sizes[side, view][0] for side in Laterality) for view in (View.CC, View.MLO)}
    widths = {view: sum(sizes[side, view][1] for side in Laterality) for view in (View.CC, View.MLO)}
    down, across = sheet[0] - sum(heights.values()), sheet[1] - max(widths.values())
    if not (0 <= down <= _WIDEST_GAP and 0 <= across <= _WIDEST_GAP):
        raise UnreadableScan(
            f"{name}: its {sheet[0]} × {sheet[1]} pixels are not the four views that {case.file} describes; "
            "open the .ics that belongs to it"
        )
    tops = {View.MLO: 0, View.CC: heights[View.MLO] + down}
    return {
        (side, view): (
            slice(tops[view], tops[view] + rows),
            slice(first := (sizes[_RIGHT, view][1] + across if side is _LEFT else 0), first + columns),
        )
        for (side, view), (rows, columns) in sizes.items()
    }


def _reduced(case: CaseDescription, position: Position, name: str) -> tuple[int, int]:
    size = case.film(position).size
    if size is None:
        raise UnreadableScan(
            f"{name}: it can only be divided by the film sizes in the case's .ics; put that beside it"
        )
    return -(-size[0] // REDUCTION), -(-size[1] // REDUCTION)
