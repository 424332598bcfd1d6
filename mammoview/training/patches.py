"""Patches to train on, drawn and augmented anew for each batch (paper §3 and §4.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mammoview.domain import REFERENCE_MM, Magnification
from mammoview.evaluation.patches import TRIES, check_lesions, cut, lesions_of, no_free_place, touches
from mammoview.evaluation.store import Prepared
from mammoview.prepare import CELL
from mammoview.training.hard import STRIDE, HardNegatives

__all__ = ["PatchSource"]

Generator = np.random.Generator


class PatchSource:
    """Draws patches from prepared films at one magnification.

    Parameters
    ----------
    films : sequence of Prepared
    magnification : Magnification
    patch : int
        Side in magnified pixels.
    offset_mm : float
        How far from a lesion's centre a patch of it may be centred, at most to the lesion's edge.

    Attributes
    ----------
    hard : HardNegatives or None
        Once there are some, half of the negatives are drawn from them.
    """

    def __init__(
        self, films: Sequence[Prepared], magnification: Magnification, patch: int, offset_mm: float
    ) -> None:
        self.films, self.patch, self.offset_mm = list(films), patch, offset_mm
        self.magnification, self.reduction = magnification, magnification.reduction
        self.hard: HardNegatives | None = None
        self.lesions, self.too_large = lesions_of(self.films, magnification, patch)
        check_lesions(self.lesions, magnification, patch)
        weights = np.array([film.inside.sum() for film in films], float)
        self._film_share = weights / weights.sum()

    def balanced(self, rng: Generator, count: int) -> tuple[Tensor, Tensor]:
        """Half positive, half negative, augmented: (N, 1, P, P) float32 in [0, 1], labels (N,)."""
        wide = int(np.ceil(self.patch * 1.5))
        hard = (count - count // 2) // 2 if self.hard is not None and len(self.hard.film) else 0
        squares = [self._positive(rng, wide) for _ in range(count // 2)]
        squares += [self._negative(rng, wide) for _ in range(count - count // 2 - hard)]
        squares += [self._hard(rng, wide) for _ in range(hard)]
        labels = torch.tensor([1] * (count // 2) + [0] * (count - count // 2))
        images = torch.from_numpy(np.stack(squares)[:, None]).float() / 255
        return _augment(images, self.patch, rng), labels

    def _hard(self, rng: Generator, side: int) -> NDArray[np.uint8]:
        assert self.hard is not None
        half = STRIDE / 2
        offset = (rng.uniform(-half, half), rng.uniform(-half, half))
        return self.hard.patch(self.films, self.hard.draw(rng), self.magnification, side, offset)

    def _positive(self, rng: Generator, side: int) -> NDArray[np.uint8]:
        lesion = self.lesions[rng.integers(len(self.lesions))]
        reach = self.offset_mm / (self.reduction * REFERENCE_MM)
        row, column = (
            c + rng.uniform(-1, 1) * min(h, reach) for c, h in zip(lesion.centre, lesion.half, strict=True)
        )
        return cut(self.films[lesion.film].images[self.reduction], (row, column), side)

    def _negative(self, rng: Generator, side: int) -> NDArray[np.uint8]:
        for _ in range(TRIES):
            film = self.films[rng.choice(len(self.films), p=self._film_share)]
            if rng.random() < 0.85:
                cells = np.argwhere(film.inside)
                centre = (cells[rng.integers(len(cells))] + rng.random(2)) * CELL
            else:
                centre = rng.random(2) * np.array(film.inside.shape) * CELL
            if not touches(film, centre, self.patch * self.reduction):
                row, column = centre / self.reduction
                return cut(film.images[self.reduction], (row, column), side)
        raise no_free_place()


def _augment(images: Tensor, side: int, rng: Generator) -> Tensor:
    """Random turns, flips, scale and brightness (paper §4.1); (N, 1, S, S) to (N, 1, P, P)."""
    count, wide = images.shape[0], images.shape[-1]
    turn = rng.integers(4, size=count) * np.pi / 2 + rng.uniform(-0.26, 0.26, count)
    scale = np.exp(rng.uniform(-0.13, 0.13, (count, 2))) * (side / wide)
    flip = rng.choice([-1.0, 1.0], count)
    cosine, sine = np.cos(turn), np.sin(turn)
    theta = np.zeros((count, 2, 3), np.float32)
    theta[:, 0, 0], theta[:, 0, 1] = cosine * scale[:, 0] * flip, -sine * scale[:, 1]
    theta[:, 1, 0], theta[:, 1, 1] = sine * scale[:, 0] * flip, cosine * scale[:, 1]
    grid = torch.nn.functional.affine_grid(
        torch.from_numpy(theta), [count, 1, side, side], align_corners=False
    )
    turned = torch.nn.functional.grid_sample(images, grid, mode="bilinear", align_corners=False)
    return _brightness(turned, rng)


def _brightness(images: Tensor, rng: Generator) -> Tensor:
    def draw(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (images.shape[0], 1, 1, 1)).astype(np.float32))

    curved = images.clamp(1e-4, 1) ** torch.exp(draw(-0.25, 0.25))
    lit = curved * torch.exp(draw(-0.15, 0.15)) + draw(-0.06, 0.06) * (images > 0.004)
    noise = torch.from_numpy(rng.standard_normal(images.shape, dtype=np.float32)) * draw(0, 0.015)
    return (lit + noise).clamp_(0, 1)
