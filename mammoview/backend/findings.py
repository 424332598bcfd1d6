"""Findings: the connected hot regions of a heatmap, and the score of the film."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import find_contours

from mammoview.domain import REFERENCE_MM, Drawn, Finding, Heatmap, Outline, TissueGrid
from mammoview.prepare import CELL

__all__ = ["film_score", "find"]


def find(heatmap: Heatmap) -> tuple[Finding, ...]:
    """One finding for each connected region at or above the heat level, highest score first.

    The outline is the level's isoline between cell centres, the centre is the heat-weighted centre
    of mass, the score is the peak of heat in the region.
    """
    regions, count = ndimage.label(heatmap.heat >= heatmap.level, structure=np.ones((3, 3)))
    findings = [_finding(heatmap, regions == number) for number in range(1, count + 1)]
    return tuple(sorted(findings, key=lambda finding: -finding.score))


def _finding(heatmap: Heatmap, region: NDArray[np.bool_]) -> Finding:
    heat = np.pad(np.where(ndimage.binary_dilation(region, np.ones((3, 3))), heatmap.heat, 0), 1)
    alone = np.where(
        np.pad(region, 1), heat, np.minimum(heat, np.nextafter(np.float32(heatmap.level), np.float32(0)))
    )
    isoline = max(find_contours(alone, heatmap.level * (1 - 1e-6)), key=len)[:-1] - 1
    outline = Outline(heatmap.frame.to_scan(isoline), drawn_by=Drawn.MODEL)
    cells = np.argwhere(region)
    weights = heatmap.heat[region].astype(np.float64)
    centre = heatmap.frame.to_scan(np.average(cells, axis=0, weights=weights))[0]
    area = len(cells) * (CELL * REFERENCE_MM) ** 2
    return Finding(
        outline, (float(centre[0]), float(centre[1])), outline.box(), float(weights.max()), float(area)
    )


def film_score(grid: TissueGrid, heatmap: Heatmap) -> float:
    """Score of a film in [0, 1]: the largest product of suspicion and heat over the grid's cells.

    Equation 1 of the paper with C_ij, the positional context of patch ij, read as the heat at its
    centre; the maximum stands for the sum, which would grow with the size of the breast.
    """
    cells = np.rint(heatmap.frame.from_scan(grid.centres())).astype(int)
    rows, columns = (np.clip(axis, 0, n - 1) for axis, n in zip(cells.T, heatmap.heat.shape, strict=True))
    context = heatmap.heat[rows, columns].reshape(grid.suspicion.shape)
    return float((grid.suspicion * context).max())
