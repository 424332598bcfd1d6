"""The local results that join into the heatmap: each magnification's suspicion on the heatmap's cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mammoview.domain import Magnification
from mammoview.geometry import Frame

__all__ = ["LOCAL_STRIDE", "local_results"]

LOCAL_STRIDE: Final = {Magnification.HALF: 32, Magnification.THIRD: 16, Magnification.QUARTER: 16}
"""Magnified pixels between patches: no coarser than a cell of the heatmap (64 reference pixels)."""


def local_results(
    logits: Mapping[Magnification, NDArray[np.float32]],
    frames: Mapping[Magnification, Frame],
    cells: Frame,
    shape: tuple[int, int],
) -> NDArray[np.float32]:
    """Logits of suspicion (3, I, J) at the centres of the heatmap's cells, bilinear between patches.

    Parameters
    ----------
    logits : mapping of Magnification to ndarray, float32
        At `LOCAL_STRIDE`.
    frames : mapping of Magnification to Frame
        Of these grids: one cell is one pixel.
    cells : Frame
        Of the heatmap.
    shape : (I, J)
        Of the heatmap.
    """
    centres = cells.centres(shape).reshape(-1, 2)
    sampled = [
        ndimage.map_coordinates(logits[m], frames[m].from_scan(centres).T, order=1, mode="nearest")
        for m in Magnification
    ]
    return np.asarray(np.stack(sampled).reshape(len(sampled), *shape), np.float32)
