"""The paper's frame: the 2048 × 2048 pixels that it crops from each film, "right-aligned on the nipple" (§3).

No part of an assessment uses it (the whole breast is assessed); it shows what the paper's networks saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mammoview.domain import REFERENCE_MM
from mammoview.geometry import Frame

__all__ = ["SIDE", "PaperFrame", "paper_frame"]

SIDE: Final = 2048
"""Pixels along the frame at the 50 µm reference: 102.4 mm."""


@dataclass(frozen=True, slots=True)
class PaperFrame:
    """The frame, and the point of the breast's edge on which it was laid.

    Attributes
    ----------
    frame : Frame
        `SIDE` × `SIDE` pixels of 50 µm, the nipple's side to the right.
    tip : (float, float)
        (row, column) on the scan: the middle of the frame's right edge.
    beyond_film : bool
        Whether the frame reaches over an edge of the film.
    """

    frame: Frame
    tip: tuple[float, float]
    beyond_film: bool


def paper_frame(
    breast: NDArray[Any],
    frame: Frame,
    mirrored: bool,
    rows: int,
    spacing_mm: tuple[float, float] = (REFERENCE_MM, REFERENCE_MM),
    nipple: tuple[float, float] | None = None,
) -> PaperFrame:
    """Lay the paper's frame on a scan by the nipple, or by the edge of its breast.

    Without a nipple its place is taken by the point of the breast's edge that is furthest from the chest
    wall; where several rows reach as far, by the middle one.

    Parameters
    ----------
    breast : ndarray of shape (I, J), bool
        The breast on a coarse copy of the scan; some of it must be True.
    frame : Frame
        Where that copy lies on the scan as it is stored.
    mirrored : bool
        Whether the nipple points left there.
    rows : int
        Of the scan.
    spacing_mm : (float, float)
        Millimetres per scan pixel down and across.
    nipple : (float, float) or None
        (row, column) on the scan, as it is estimated.
    """
    columns = frame.scan_width
    tip_row, tip_column = _furthest(breast, frame, mirrored) if nipple is None else nipple
    whole = Frame(columns, mirrored)
    ((down, across),) = whole.from_scan([(tip_row, tip_column)]) + 0.5  # edges
    laid = whole.magnified(*(mm / REFERENCE_MM for mm in spacing_mm))
    height, width = (SIDE * REFERENCE_MM / mm for mm in spacing_mm)
    top, left = down - height / 2, across - width
    beyond = top < 0 or left < 0 or top + height > rows or across > columns
    origin = (top * laid.scale[0], left * laid.scale[1])
    return PaperFrame(laid.cut(*origin), (float(tip_row), float(tip_column)), bool(beyond))


def _furthest(breast: NDArray[Any], frame: Frame, mirrored: bool) -> tuple[float, float]:
    """The point of the breast's edge on the scan that is furthest from the chest wall."""
    reached = np.flatnonzero(breast.any(axis=0))
    furthest = reached[0] if mirrored else reached[-1]
    row = float(np.median(np.flatnonzero(breast[:, furthest])))
    ((tip_row, tip_column),) = frame.to_scan([(row, furthest - 0.5 if mirrored else furthest + 0.5)])
    return float(tip_row), float(tip_column)
