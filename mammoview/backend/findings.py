"""Findings: the peaks of a heatmap and their surroundings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import find_contours
from skimage.morphology import local_maxima
from skimage.segmentation import watershed

from mammoview.domain import REFERENCE_MM, Drawn, Finding, Heatmap, Outline
from mammoview.prepare import CELL

__all__ = ["find"]

APART = 2
"""Cells (of 3.2 mm) within which only the highest peak counts."""


@dataclass(frozen=True, slots=True, eq=False)
class _Region:
    """The cells (I, J) of one finding, the heat of its peak, and the heat down to which it reaches."""

    cells: NDArray[np.bool_]
    score: float
    floor: float


def find(heatmap: Heatmap) -> tuple[Finding, ...]:
    """One finding for each peak of heat at or above the level, highest score first.

    A peak's region is its basin, down to half its height or to the level, whichever is higher: two
    masses whose heat has run together stay two findings, and the level decides which peaks count,
    not where the centre of a strong one lies. The outline is the region's isoline between cell
    centres, the centre is the heat-weighted centre of mass, the score is the peak. Outlines of
    findings that touch meet half way between their cells.
    """
    peaks = _peaks(heatmap)
    basins = watershed(-heatmap.heat, peaks, np.ones((3, 3)), mask=heatmap.heat >= heatmap.level)
    regions = [_region(heatmap, basins == n, peaks == n) for n in range(1, peaks.max(initial=0) + 1)]
    taken = np.any([region.cells for region in regions], axis=0)
    findings = [_finding(heatmap, region, taken & ~region.cells) for region in regions]
    return tuple(sorted(findings, key=lambda finding: -finding.score))


def _peaks(heatmap: Heatmap) -> NDArray[np.int32]:
    """Local maxima that no cell within `APART` outdoes, numbered; a plateau is one peak."""
    heat = heatmap.heat
    highest = heat == ndimage.maximum_filter(heat, 2 * APART + 1, mode="constant")
    peaks, _ = ndimage.label(
        local_maxima(np.pad(heat, 1))[1:-1, 1:-1] & highest & (heat >= heatmap.level), np.ones((3, 3))
    )
    return np.asarray(peaks, np.int32)


def _region(heatmap: Heatmap, basin: NDArray[np.bool_], peak: NDArray[np.bool_]) -> _Region:
    """In one piece, side by side: cells that meet only at a corner would need two outlines."""
    score = float(heatmap.heat[peak].max())
    floor = max(heatmap.level, score / 2)
    parts, _ = ndimage.label(basin & (heatmap.heat >= floor))
    return _Region(parts == parts[peak][0], score, floor)


def _finding(heatmap: Heatmap, region: _Region, others: NDArray[np.bool_]) -> Finding:
    cells = np.argwhere(region.cells)
    weights = heatmap.heat[region.cells].astype(np.float64)
    centre = heatmap.frame.to_scan(np.average(cells, axis=0, weights=weights))[0]
    outline = Outline(heatmap.frame.to_scan(_isoline(heatmap.heat, region, others)), drawn_by=Drawn.MODEL)
    area = len(cells) * (CELL * REFERENCE_MM) ** 2
    return Finding(outline, (float(centre[0]), float(centre[1])), outline.box(), region.score, float(area))


def _isoline(heat: NDArray[np.float32], region: _Region, others: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The line between cell centres where heat falls to the region's floor, (N, 2) in cells.

    Towards cells of other findings (`others`), and towards cells that are hot enough and yet cut off, it
    runs half way and no further: the findings' floors differ, and two interpolated lines would cross.
    """
    own, heat, others = np.pad(region.cells, 1), np.pad(heat, 1).astype(np.float64), np.pad(others, 1)
    rings = find_contours(own.astype(np.float64), 0.5)  # its border, and those of its holes
    border = max(rings, key=lambda ring: np.ptp(ring, axis=0).prod())[:-1]
    one, two = np.floor(border).astype(int), np.ceil(border).astype(int)
    first = own[tuple(one.T)][:, None]
    inner, outer = np.where(first, one, two), np.where(first, two, one)
    floor, inside, beyond = region.floor * (1 - 1e-6), heat[tuple(inner.T)], heat[tuple(outer.T)]
    fall = (inside - floor) / np.maximum(inside - beyond, 1e-12)
    furthest = np.where(others[tuple(outer.T)] | (beyond >= floor), 0.5, 1.0)
    share = np.minimum(fall, furthest)[:, None]
    return np.asarray(inner + share * (outer - inner) - 1, np.float64)
