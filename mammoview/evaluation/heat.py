"""What a perfect heatmap would be, and the local results that join into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from mammoview.backend.local import LOCAL_STRIDE, local_results
from mammoview.backend.scan import scan_tissue
from mammoview.domain import Magnification
from mammoview.evaluation.store import Prepared
from mammoview.geometry import Frame
from mammoview.models.cards import HEATMAP_REDUCTION
from mammoview.models.heatmap import HeatmapNetwork
from mammoview.models.tissue import TissueClassifier
from mammoview.prepare import CELL

__all__ = ["TARGET_SIGMA", "field_frame", "heat_logits", "heat_target", "local_logits"]

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


def field_frame(film: Prepared) -> Frame:
    """The field of a prepared film at the reference, as if it were a scan itself."""
    return Frame(film.inside.shape[1] * CELL)


def local_logits(
    classifiers: Mapping[Magnification, TissueClassifier], films: Sequence[Prepared]
) -> dict[str, NDArray[np.float32]]:
    """What joins into each film's heatmap, by its name: (3, I, J), see `backend.local`."""
    return {film.name: _local(classifiers, film) for film in tqdm(films, desc="local results", unit="film")}


def heat_logits(network: HeatmapNetwork, films: Sequence[Prepared]) -> dict[str, NDArray[np.float32]]:
    """Logits of heat (I, J) without local results, by film name."""
    device = next(network.parameters()).device
    logits = {}
    for film in films:
        image = np.asarray(film.images[HEATMAP_REDUCTION], np.float32) / np.float32(255)
        with torch.inference_mode():
            heat = network.alone(torch.from_numpy(image)[None, None].to(device))
        logits[film.name] = np.asarray(heat[0, 0].float().cpu().numpy(), np.float32)
    return logits


def _local(classifiers: Mapping[Magnification, TissueClassifier], film: Prepared) -> NDArray[np.float32]:
    logits, frames = {}, {}
    for magnification, classifier in classifiers.items():
        stride = LOCAL_STRIDE[magnification]
        image = np.asarray(film.images[magnification.reduction], np.float32) / np.float32(255)
        logits[magnification] = scan_tissue(classifier, image, (stride,))[stride]
        frames[magnification] = field_frame(film).magnified(1 / (magnification.reduction * stride))
    return local_results(logits, frames, field_frame(film).magnified(1 / CELL), film.inside.shape)
