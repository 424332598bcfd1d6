"""Hard negatives: tissue without a lesion that a trained classifier takes for one.

Patches are easy and films are not: of the thousands of cells of a film only a few decide whether it
is called, and a balanced draw hardly ever meets them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from tqdm import tqdm

from mammoview.backend.scan import scan_tissue
from mammoview.domain import Magnification
from mammoview.evaluation.patches import cut, touches
from mammoview.evaluation.store import Prepared
from mammoview.models.tissue import TissueClassifier

__all__ = ["STRIDE", "HardNegatives", "mine"]

STRIDE = 32
"""Magnified pixels between the cells that are looked at (the paper's lattice)."""
PER_FILM = 60
LEAST = -2.0  # logit; what is less suspicious is met often enough by chance


@dataclass(frozen=True, slots=True, eq=False)
class HardNegatives:
    """Cells without a lesion, and how suspicious each is.

    Attributes
    ----------
    film : ndarray of shape (N,), int64
        Index into the films that were mined.
    centre : ndarray of shape (N, 2), float64
        In reference pixels of the field (edges).
    suspicion : ndarray of shape (N,), float64
        In [0, 1].
    """

    film: NDArray[np.int64]
    centre: NDArray[np.float64]
    suspicion: NDArray[np.float64]

    def draw(self, rng: np.random.Generator) -> int:
        """A cell, the more likely the more suspicious it is."""
        mass = np.cumsum(self.suspicion)
        return min(int(np.searchsorted(mass, rng.random() * mass[-1])), len(mass) - 1)

    def patch(
        self,
        films: Sequence[Prepared],
        cell: int,
        magnification: Magnification,
        side: int,
        offset: tuple[float, float] = (0.0, 0.0),
    ) -> NDArray[np.uint8]:
        """The patch of a cell of these films, moved by an offset in magnified pixels."""
        image = films[self.film[cell]].images[magnification.reduction]
        row, column = self.centre[cell] / magnification.reduction + offset
        return cut(image, (row, column), side)


def mine(
    classifier: TissueClassifier,
    films: Sequence[Prepared],
    magnification: Magnification,
    per_film: int = PER_FILM,
) -> HardNegatives:
    """The most suspicious cells of each film, at most `per_film`, whose patches touch no annotation."""
    classifier.eval()
    found = [
        _of_film(classifier, film, magnification, per_film)
        for film in tqdm(films, desc="hard negatives", unit="film")
    ]
    film = np.repeat(np.arange(len(films)), [len(logits) for _, logits in found])
    centre = np.concatenate([np.empty((0, 2)), *(centres for centres, _ in found)])
    logit = np.concatenate([np.empty(0), *(logits for _, logits in found)])
    return HardNegatives(film, centre, np.asarray(expit(logit)))


def _of_film(
    classifier: TissueClassifier, film: Prepared, magnification: Magnification, per_film: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    image = np.asarray(film.images[magnification.reduction], np.float32) / np.float32(255)
    device = next(classifier.parameters()).device.type
    with torch.inference_mode(), torch.autocast(device, torch.bfloat16):
        logits = scan_tissue(classifier, image, (STRIDE,))[STRIDE]
    cells = np.argwhere(logits > LEAST)
    centres = (cells + 0.5) * (STRIDE * magnification.reduction)
    side = classifier.patch * magnification.reduction
    free = np.array([not touches(film, centre, side) for centre in centres], bool)
    values = logits[tuple(cells.T)][free].astype(np.float64)
    order = np.argsort(-values)[:per_film]
    return centres[free][order], values[order]
