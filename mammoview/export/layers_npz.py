"""`layers.npz`: every layer of an assessment as an array, and where it lies on the scan.

    tissue_M_S      (I, J) float32   suspicion at magnification M (0.5, 0.33, 0.25) and stride S (64, 32)
    heat            (I, J) float32   heatmap with local results, one cell per 3.2 mm
    baseline_heat   (I, J) float32   heatmap without them
    saliency_M      (H, W) float32   pixel saliency at magnification M, patches weighted by context
    saliency_M_W    (H, W) float32   the same in the other weightings W (normalised, entropy, log-probability)
    kept_M          (I, J) bool      cells of the tissue grid whose saliency was added up
    breast          (I, J) bool      the breast, one cell per 3.2 mm

Beside each of them but `kept_M`, `NAME_matrix` holds six float64 numbers (a, b, c, d, e, f) that lead
from the array's edges to the scan's: with x = column + 0.5 and y = row + 0.5 of an element, its
centre lies at x' = a x + c y + e, y' = b x + d y + f, that is in row y' - 0.5 and column x' - 0.5.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mammoview.domain import Assessment, Weighting
from mammoview.geometry import Frame

__all__ = ["content", "layers", "write"]


def write(assessment: Assessment, path: Path) -> None:
    """Write `content` to a file."""
    path.write_bytes(content(assessment))


def content(assessment: Assessment) -> bytes:
    """All layers, compressed, as `numpy.load` reads them; the same bytes each time."""
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **layers(assessment))
    return file.getvalue()


def layers(assessment: Assessment) -> dict[str, NDArray[Any]]:
    """Name to array, as the module's description lists them."""
    placed: dict[str, tuple[NDArray[Any], Frame]] = {
        "heat": (assessment.heatmap.heat, assessment.heatmap.frame),
        "baseline_heat": (assessment.baseline.heat, assessment.baseline.frame),
        "breast": (assessment.breast.inside, assessment.breast.frame),
    }
    for (magnification, stride), grid in assessment.grids.items():
        placed[f"tissue_{magnification.key}_{stride}"] = (grid.suspicion, grid.frame)
    for magnification, saliency in assessment.saliency.items():
        for weighting, values in saliency.maps.items():
            suffix = "" if weighting is Weighting.CONTEXT else f"_{weighting.value}"
            placed[f"saliency_{magnification.key}{suffix}"] = (values, saliency.frame)
    arrays = {name: array for name, (array, _) in placed.items()}
    matrices = {f"{name}_matrix": np.array(frame.canvas_matrix()) for name, (_, frame) in placed.items()}
    kept = {f"kept_{magnification.key}": one.kept for magnification, one in assessment.saliency.items()}
    return {**arrays, **matrices, **kept}
