"""What a perfect heatmap would be, and the local results that join into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from mammoview.backend.scan import scan_tissue
from mammoview.domain import Magnification
from mammoview.evaluation.store import Prepared
from mammoview.models.tissue import TissueClassifier
from mammoview.prepare import CELL

__all__ = ["TARGET_SIGMA", "heat_target", "tissue_logits"]

TARGET_SIGMA: Final = 1.0
"""Of the Gaussian blur of the annotation, in cells of 3.2 mm."""


def heat_target(boxes: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Annotations averaged over cells and Gaussian blurred (paper §4.1), (I, J) in [0, 1].

    `boxes` (K, 4) are first row, first column, last row, last column as edges in reference pixels
    of the field; each stands for the ellipse inside it.
    """
    fine = 8  # samples along a cell
    drawn = np.zeros([n * fine for n in shape], np.uint8)
    for r0, c0, r1, c1 in boxes * (fine / CELL):
        centre = (round((c0 + c1) / 2 - 0.5), round((r0 + r1) / 2 - 0.5))
        half = (max(1, round((c1 - c0) / 2)), max(1, round((r1 - r0) / 2)))
        cv2.ellipse(drawn, centre, half, 0, 0, 360, 1, thickness=-1)
    cells = cv2.resize(drawn.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(
        cv2.GaussianBlur(cells, (0, 0), TARGET_SIGMA, borderType=cv2.BORDER_CONSTANT), np.float32
    )


def tissue_logits(classifier: TissueClassifier, films: Sequence[Prepared]) -> dict[str, NDArray[np.float32]]:
    """Logit of suspicion of every heatmap cell, from the ×0.5 classifier at stride 32, by film name."""
    grids = {}
    for film in tqdm(films, desc="local results", unit="film"):
        image = np.asarray(film.images[Magnification.HALF.reduction], np.float32) / np.float32(255)
        with torch.inference_mode():
            logits = scan_tissue(classifier, image, (32,))[32]
        grids[film.name] = logits[: film.inside.shape[0], : film.inside.shape[1]]
    return grids
