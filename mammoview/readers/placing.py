"""What a reader gave is put upon a film: its true size, and outlines drawn at that size."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoview.domain import REFERENCE_MM, Outline
from mammoview.errors import UnreadableOutlines, UnreadableScan
from mammoview.readers.guard import shown
from mammoview.readers.limits import check_size, plausible_spacing
from mammoview.readers.overlay import read_annotation

__all__ = ["at_true_size", "coarser_sampling", "drawn_on"]

Grey = TypeVar("Grey", np.uint8, np.uint16)

_SLACK = 0.02
"""How far beyond a film's edge an outline may reach, as a share of the film; DDSM's do by a few columns."""


def at_true_size(pixels: NDArray[Grey], size: tuple[int, int], name: str) -> NDArray[Grey]:
    """Resample a film that was stored resized; (h, w) to (H, W), edges to edges, each axis on its own.

    Linear where an axis grows, by area where it shrinks (no aliasing).

    Raises
    ------
    OversizedScan
        If the true size is larger than any film.
    """
    check_size(*size, name)
    rows, columns = size
    along_rows = cv2.resize(pixels, (pixels.shape[1], rows), interpolation=_kernel(pixels.shape[0], rows))
    resized = cv2.resize(along_rows, (columns, rows), interpolation=_kernel(pixels.shape[1], columns))
    return np.asarray(resized, pixels.dtype)


def _kernel(before: int, after: int) -> int:
    return cv2.INTER_AREA if after < before else cv2.INTER_LINEAR


def coarser_sampling(
    stored: tuple[int, int], size: tuple[int, int], spacing_mm: tuple[float, float] | None
) -> tuple[float, float] | None:
    """Distance in mm of the samples that a resized film really holds; None if nothing was lost.

    An unknown spacing is taken as the reference's, as everything downstream does.

    Raises
    ------
    UnreadableScan
        If the true size leaves samples so far apart that they are no mammogram's.
    """
    shrunk = [max(1.0, true / held) for true, held in zip(size, stored, strict=True)]
    down, across = (
        mm * factor for mm, factor in zip(spacing_mm or (REFERENCE_MM, REFERENCE_MM), shrunk, strict=True)
    )
    if shrunk == [1.0, 1.0]:
        return None
    if not (plausible_spacing(down) and plausible_spacing(across)):
        raise UnreadableScan(
            f"A film of {size[0]} × {size[1]} pixels that is stored as {stored[0]} × {stored[1]} has samples "
            f"{down:g} × {across:g} mm apart, which is no mammogram's: check its true size and its spacing"
        )
    return down, across


def drawn_on(path: Path, shape: tuple[int, int], name: str) -> tuple[tuple[Outline, ...], tuple[str, ...]]:
    """Outlines of a DDSM `.OVERLAY` on a film of this true size, and warnings.

    Raises
    ------
    UnreadableOutlines
        If the file is no overlay, or its outlines lie off the film.
    """
    annotation = read_annotation(path)
    if max(_beyond(outline, shape) for outline in annotation.outlines) > _SLACK:
        raise UnreadableOutlines(
            f"{shown(path)}: its outlines reach beyond {name} ({shape[0]} × {shape[1]} pixels); "
            "give the film's true size as rows × columns, or the overlay that belongs to it"
        )
    placed = annotation.on_film(shape)
    return placed.outlines, placed.warnings


def _beyond(outline: Outline, shape: tuple[int, int]) -> float:
    """How far an outline reaches over the film's edge, as a share of the film."""
    r0, c0, r1, c1 = outline.box()
    rows, columns = shape
    return max(-r0 / rows, (r1 - rows + 1) / rows, -c0 / columns, (c1 - columns + 1) / columns)
