"""The tissue grids against the annotation: cells at lesions, and all lattice negatives inside the breast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammoview.domain import REFERENCE_MM, BreastMask, Outline, TissueGrid

__all__ = ["Cells", "area_over", "sorted_cells"]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Suspicions of one film's grid at one magnification.

    Attributes
    ----------
    positive : ndarray of shape (K,), float32
        Of the cell at each lesion's centre; NaN where the centre lies beyond the grid.
    negative : ndarray of shape (M,), float32
        Of every cell inside the breast whose patch touches no annotation.
    """

    positive: NDArray[np.float32]
    negative: NDArray[np.float32]


def sorted_cells(grid: TissueGrid, breast: BreastMask, lesions: Sequence[Outline]) -> Cells:
    """Sort the cells of a grid at stride 32, the paper's lattice, into positives and negatives."""
    shape = grid.suspicion.shape
    free = _inside(grid.centres(), breast)
    reach = grid.patch * grid.magnification.mm / REFERENCE_MM / 2
    in_cells = reach / (grid.stride * grid.magnification.reduction)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    positive = np.full(len(lesions), np.nan, np.float32)
    for i, lesion in enumerate(lesions):
        points = grid.frame.from_scan(lesion.vertices)
        low, high = points.min(axis=0) - in_cells, points.max(axis=0) + in_cells
        free &= ~((index > low) & (index < high)).all(axis=-1)
        row, column = np.rint(grid.frame.from_scan([lesion.centre()])[0]).astype(int)
        if 0 <= row < shape[0] and 0 <= column < shape[1]:
            positive[i] = grid.suspicion[row, column]
    return Cells(positive, grid.suspicion[free])


def area_over(films: Sequence[Cells]) -> Callable[[NDArray[np.int64]], float]:
    """The area under the ROC over all cells of a sample of films, given by their indices with repeats.

    How often each lesion's cell outdoes the negatives of each film is counted once, so that a
    resample costs one product; ties count half (Hanley & McNeil 1982). NaN without both kinds.
    """
    owner = np.repeat(np.arange(len(films)), [len(f.positive) for f in films])
    positive = np.concatenate([np.empty(0, np.float32), *(f.positive for f in films)])
    owner, positive = owner[~np.isnan(positive)], positive[~np.isnan(positive)]
    count = np.array([len(f.negative) for f in films], np.float64)
    wins = np.stack([_wins(positive, f.negative) for f in films], axis=1)

    def area(index: NDArray[np.int64]) -> float:
        weights = np.bincount(index, minlength=len(films)).astype(np.float64)
        pairs = weights[owner].sum() * (count @ weights)
        return float(weights[owner] @ wins @ weights / pairs) if pairs else float("nan")

    return area


def _wins(positive: NDArray[np.float32], negative: NDArray[np.float32]) -> NDArray[np.float64]:
    ordered = np.sort(negative)
    below, upto = (np.searchsorted(ordered, positive, side) for side in ("left", "right"))
    return np.asarray((below + upto) / 2, np.float64)


def _inside(centres: NDArray[np.float64], breast: BreastMask) -> NDArray[np.bool_]:
    cells = np.rint(breast.frame.from_scan(centres)).astype(int)
    shape = breast.inside.shape
    rows, columns = (np.clip(axis, 0, n - 1) for axis, n in zip(cells.T, shape, strict=True))
    return np.asarray(breast.inside[rows, columns].reshape(centres.shape[:2]), bool)
