"""Findings: the peaks of a heatmap and their surroundings."""

from __future__ import annotations

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


def find(heatmap: Heatmap) -> tuple[Finding, ...]:
    """One finding for each peak of heat at or above the level, highest score first.

    A peak's region is its basin, down to half its height or to the level, whichever is higher: two
    masses whose heat has run together stay two findings, and the level decides which peaks count,
    not where the centre of a strong one lies. The outline is the region's isoline between cell
    centres, the centre is the heat-weighted centre of mass, the score is the peak.
    """
    peaks = _peaks(heatmap)
    basins = watershed(-heatmap.heat, peaks, np.ones((3, 3)), mask=heatmap.heat >= heatmap.level)
    findings = [_finding(heatmap, basins == n, peaks == n) for n in range(1, peaks.max(initial=0) + 1)]
    return tuple(sorted(findings, key=lambda finding: -finding.score))


def _peaks(heatmap: Heatmap) -> NDArray[np.int32]:
    """Local maxima that no cell within `APART` outdoes, numbered; a plateau is one peak."""
    heat = heatmap.heat
    highest = heat == ndimage.maximum_filter(heat, 2 * APART + 1, mode="constant")
    peaks, _ = ndimage.label(
        local_maxima(np.pad(heat, 1))[1:-1, 1:-1] & highest & (heat >= heatmap.level), np.ones((3, 3))
    )
    return np.asarray(peaks, np.int32)


def _finding(heatmap: Heatmap, basin: NDArray[np.bool_], peak: NDArray[np.bool_]) -> Finding:
    score = float(heatmap.heat[peak].max())
    floor = max(heatmap.level, score / 2)
    parts, _ = ndimage.label(basin & (heatmap.heat >= floor), np.ones((3, 3)))
    region = parts == parts[peak][0]
    cells = np.argwhere(region)
    weights = heatmap.heat[region].astype(np.float64)
    centre = heatmap.frame.to_scan(np.average(cells, axis=0, weights=weights))[0]
    outline = Outline(heatmap.frame.to_scan(_isoline(heatmap.heat, region, floor)), drawn_by=Drawn.MODEL)
    area = len(cells) * (CELL * REFERENCE_MM) ** 2
    return Finding(outline, (float(centre[0]), float(centre[1])), outline.box(), score, float(area))


def _isoline(heat: NDArray[np.float32], region: NDArray[np.bool_], floor: float) -> NDArray[np.float64]:
    """The line between cell centres where heat falls to `floor`; cells of other regions count as below it."""
    near = np.where(ndimage.binary_dilation(region, np.ones((3, 3))), heat, 0)
    below = np.nextafter(np.float32(floor), np.float32(0))
    alone = np.pad(np.where(region, near, np.minimum(near, below)), 1)
    return np.asarray(max(find_contours(alone, floor * (1 - 1e-6)), key=len)[:-1] - 1, np.float64)
