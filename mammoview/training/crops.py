"""Crops of tissue to train on: many overlapping patches in one, each with its own label.

The classifier has no padding, so on a crop it gives what it would give for every patch inside it
(`models.tissue`); a crop of 49 patches costs as much as three of them alone (paper §3 and §4.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mammoview.domain import REFERENCE_MM, Magnification
from mammoview.evaluation.patches import check_lesions, lesions_of
from mammoview.evaluation.store import Prepared
from mammoview.training.atlas import Atlas, Breasts, Placement, drawn_linear
from mammoview.training.lighting import Lighting, relit

__all__ = ["ACROSS", "FINDING", "FREE", "NEITHER", "CropSource", "Geometry", "margin_of"]

ACROSS: Final = 7
"""Patches along each side of a crop."""
FINDING: Final = 1
FREE: Final = 0
NEITHER: Final = -1
"""Labels of a patch: centred on a lesion, touching none, or touching one beside its centre."""

INSIDE: Final = 0.85
"""Share of the crops without a chosen lesion that are centred in the breast; others lie anywhere."""
LIGHTING: Final = Lighting(gamma=0.3, gain=0.18, offset=0.06, noise=0.02, sharpness=0.8)
ANGLE: Final = 0.26  # rad: 15°
STRETCH: Final = 0.15


@dataclass(frozen=True, slots=True)
class Geometry:
    """How patches lie in a crop; all lengths in magnified pixels.

    Attributes
    ----------
    magnification : Magnification
    patch : int
        Side of a patch.
    stride : int
        Between patches; about 3 mm.
    """

    magnification: Magnification
    patch: int
    stride: int

    @property
    def side(self) -> int:
        """Of a crop."""
        return self.patch + (ACROSS - 1) * self.stride


class CropSource:
    """Draws crops from prepared films at one magnification.

    Parameters
    ----------
    films : sequence of Prepared
    geometry : Geometry
    offset_mm : float
        How far from a lesion's centre a patch of it may be centred, at most to the lesion's edge.
    device : torch.device

    Attributes
    ----------
    too_large : int
        Annotations larger than a patch: nothing is learnt near them.

    Raises
    ------
    UnusableDataset
        No annotation fits into a patch.
    """

    def __init__(
        self, films: Sequence[Prepared], geometry: Geometry, offset_mm: float, device: torch.device
    ) -> None:
        self.geometry, self.device = geometry, device
        self.reduction = geometry.magnification.reduction
        self.offset = offset_mm / REFERENCE_MM
        self.atlas = Atlas([film.images[self.reduction] for film in films], self.reduction, device)
        self.breasts = Breasts(films)
        self.lesions, self.too_large = lesions_of(films, geometry.magnification, geometry.patch)
        check_lesions(self.lesions, geometry.magnification, geometry.patch)
        most = max(len(film.boxes) for film in films)
        boxes = np.full((len(films), most, 4), np.nan, np.float32)  # no comparison with NaN is true
        for own, film in zip(boxes, films, strict=True):
            own[: len(film.boxes)] = film.boxes
        self.boxes = torch.from_numpy(boxes).to(device)

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor]:
        """Crops, half of them around a lesion, augmented.

        Returns
        -------
        images : Tensor of shape (N, 1, S, S), float32 in [0, 1]
        labels : Tensor of shape (N, ACROSS, ACROSS), int64
        """
        linear = drawn_linear(rng, count, quarter_turns=True, angle=ANGLE, stretch=STRETCH)
        images, labels = self._cut(*self._places(rng, count), linear)
        return relit(images, LIGHTING, rng), labels

    def plain(self, rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor]:
        """Such crops as the films show them."""
        return self._cut(*self._places(rng, count), np.tile(np.eye(2), (count, 1, 1)))

    def _places(self, rng: np.random.Generator, count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Film and centre of each crop."""
        chosen = [self.lesions[i] for i in rng.integers(len(self.lesions), size=count // 2)]
        reach = (ACROSS - 1) / 2 * self.geometry.stride
        offset = rng.uniform(-reach, reach, (len(chosen), 2))
        around = (np.array([lesion.centre for lesion in chosen]).reshape(-1, 2) + offset) * self.reduction
        films = self.breasts.film(rng, count - len(chosen))
        inside = rng.random((len(films), 1)) < INSIDE
        other = np.where(inside, self.breasts.place(rng, films), self.breasts.anywhere(rng, films))
        film = np.concatenate([np.array([lesion.film for lesion in chosen], np.int64), films])
        return film, np.concatenate([around, other])

    def _cut(
        self, film: NDArray[np.int64], centre: NDArray[np.float64], linear: NDArray[np.float64]
    ) -> tuple[Tensor, Tensor]:
        placement = Placement(
            torch.from_numpy(film).to(self.device),
            torch.from_numpy(centre.astype(np.float32)).to(self.device),
            torch.from_numpy(linear.astype(np.float32)).to(self.device),
        )
        side = self.geometry.side
        images = self.atlas.at(placement.film, placement.points((side, side), self.reduction))
        cells = placement.points((ACROSS, ACROSS), self.geometry.stride * self.reduction)
        return images, self._labels(cells, self.boxes[placement.film])

    def _labels(self, centres: Tensor, boxes: Tensor) -> Tensor:
        """Labels (N, I, J) of patches centred at (N, I, J, 2), by the annotations (N, K, 4) of their films.

        That a turned patch reaches a little further at its corners is left out of account.
        """
        low, high = (b[:, None, None] for b in (boxes[..., :2], boxes[..., 2:]))
        away = (centres[:, :, :, None] - (low + high) / 2).abs()
        half, patch = (high - low) / 2, self.geometry.patch * self.reduction
        touched = (away < half + patch / 2).all(dim=-1).any(dim=-1)
        fits = (half * 2 <= patch).all(dim=-1)
        centred = ((away <= half.clamp_max(self.offset)).all(dim=-1) & fits).any(dim=-1)
        return torch.where(centred, FINDING, torch.where(touched, NEITHER, FREE))


def margin_of(logits: Tensor) -> Tensor:
    """By how much the logit of a finding leads: (N, 2, ...) to (N, ...)."""
    return logits[:, 1] - logits[:, 0]
