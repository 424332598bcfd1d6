"""Prepared films with a mass at a known place."""

from __future__ import annotations

import numpy as np

from mammoview.evaluation.store import Prepared
from mammoview.prepare import CELL

SHAPE = (20, 16)
"""Cells of a film: 64 × 51 mm."""
MIDDLE = np.array(SHAPE) * CELL / 2


def breast(
    mass: bool,
    background: int = 80,
    middle: np.ndarray = MIDDLE,
    validation: bool = False,
    longer: float = 1.0,
) -> Prepared:
    """An even breast, perhaps with a mass of 9.6 mm whose centre lies at `middle` (reference pixels).

    From top to bottom the mass is so many times `longer`.
    """
    images = {}
    for reduction in (2, 3, 4, 8):
        height, width = (n * CELL // reduction for n in SHAPE)
        down, across = ((np.mgrid[:height, :width] + 0.5) * reduction).astype(float)
        distance = np.hypot((down - middle[0]) / longer, across - middle[1])
        images[reduction] = (background + mass * 100 * np.exp(-((distance / 70) ** 2))).astype(np.uint8)
    half = np.array([96 * longer, 96])
    boxes = np.array([[*(middle - half), *(middle + half)]]) if mass else np.empty((0, 4))
    return Prepared("film", "patient", validation, boxes, np.ones(SHAPE, bool), images)
