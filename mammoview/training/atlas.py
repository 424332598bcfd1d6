"""Films on the training device, sampled anywhere: every draw is one gather, however many films it is from.

Places are (row, column) in reference pixels of a film's field, as edges: the first pixel reaches from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mammoview.evaluation.store import Prepared
from mammoview.prepare import CELL

__all__ = ["Atlas", "Breasts", "Placement", "drawn_linear"]

Generator = np.random.Generator


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where each of N samples lies.

    Attributes
    ----------
    film : Tensor of shape (N,), int64
        Which image of an atlas.
    centre : Tensor of shape (N, 2), float32
        Of the sample, in reference pixels of the field.
    linear : Tensor of shape (N, 2, 2), float32
        Takes a step on the sample to the step on the film: how it is turned, mirrored and stretched.
    """

    film: Tensor
    centre: Tensor
    linear: Tensor

    def points(self, shape: tuple[int, int], side: float) -> Tensor:
        """Where the elements of a sample of this shape, `side` reference pixels each, have their centres.

        Returns
        -------
        Tensor of shape (N, H, W, 2), float32
        """
        axes = [
            (torch.arange(n, device=self.centre.device, dtype=torch.float32) - (n - 1) / 2) * side
            for n in shape
        ]
        steps = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
        turned = torch.einsum("nij,hwj->nhwi", self.linear, steps)
        return turned + self.centre[:, None, None]

    def seen_from(self, centre: Tensor, linear: Tensor, points: Tensor) -> Tensor:
        """Points (N, H, W, 2) as steps from a centre (N, 2), before `linear` (N, 2, 2) turned them."""
        steps = points - centre[:, None, None]
        return torch.einsum("nij,nhwj->nhwi", torch.linalg.inv(linear), steps)


class Atlas:
    """Images of different sizes in one tensor.

    Parameters
    ----------
    images : sequence of ndarray (H, W)
        uint8, of which 255 counts as 1, or float32.
    reduction : float
        Reference pixels along one of theirs.
    device : torch.device
    """

    def __init__(self, images: Sequence[NDArray[Any]], reduction: float, device: torch.device) -> None:
        sizes = np.array([image.shape for image in images], np.int64).reshape(-1, 2)
        ends = np.cumsum(sizes.prod(axis=1))
        flat = np.concatenate([np.ravel(image) for image in images]) if len(images) else np.zeros(1, np.uint8)
        self.values = torch.from_numpy(flat).to(device)
        self.unit = 1 / 255 if flat.dtype == np.uint8 else 1.0
        self.first = torch.from_numpy(ends - sizes.prod(axis=1)).to(device)
        self.rows, self.columns = (torch.from_numpy(sizes[:, axis].copy()).to(device) for axis in (0, 1))
        self.reduction = reduction

    def at(self, film: Tensor, points: Tensor) -> Tensor:
        """Bilinear values (N, 1, H, W), float32, of images `film` (N,) at points (N, H, W, 2); air beyond."""
        inside = points / self.reduction - 0.5  # at pixel centres from here on
        corner = inside.floor()
        share = inside - corner
        row, column = corner.long().unbind(dim=-1)
        down, across = share.unbind(dim=-1)
        first, rows, columns = (t[film][:, None, None] for t in (self.first, self.rows, self.columns))

        def pixel(r: Tensor, c: Tensor) -> Tensor:
            known = (r >= 0) & (r < rows) & (c >= 0) & (c < columns)
            index = first + r.clamp_min(0).minimum(rows - 1) * columns + c.clamp_min(0).minimum(columns - 1)
            return self.values[index].float() * known

        above = pixel(row, column) * (1 - across) + pixel(row, column + 1) * across
        below = pixel(row + 1, column) * (1 - across) + pixel(row + 1, column + 1) * across
        return ((above * (1 - down) + below * down) * self.unit)[:, None]


class Breasts:
    """Draws places inside the breasts of films, each as likely as any other."""

    def __init__(self, films: Sequence[Prepared]) -> None:
        cells = [np.argwhere(film.inside) for film in films]
        self.count = np.array([len(c) for c in cells], np.int64)
        self.cells = np.concatenate(cells)
        self.first = np.cumsum(self.count) - self.count
        self.extent = np.array([film.inside.shape for film in films], np.float64) * CELL

    def film(self, rng: Generator, count: int) -> NDArray[np.int64]:
        """Films (count,), the more often the larger their breast."""
        return rng.choice(len(self.count), size=count, p=self.count / self.count.sum())

    def place(self, rng: Generator, film: NDArray[np.int64]) -> NDArray[np.float64]:
        """A place (N, 2) inside the breast of each film, in reference pixels."""
        chosen = self.first[film] + (rng.random(len(film)) * self.count[film]).astype(np.int64)
        return np.asarray((self.cells[chosen] + rng.random((len(film), 2))) * CELL, np.float64)

    def anywhere(self, rng: Generator, film: NDArray[np.int64]) -> NDArray[np.float64]:
        """A place (N, 2) anywhere on the field of each film, in reference pixels."""
        return np.asarray(rng.random((len(film), 2)) * self.extent[film])


def drawn_linear(
    rng: Generator, count: int, quarter_turns: bool, angle: float, stretch: float
) -> NDArray[np.float64]:
    """Turns, reflections and stretches (N, 2, 2) for `Placement` (paper §4.1).

    Parameters
    ----------
    rng, count
    quarter_turns : bool
        Whether a sample may lie in any direction; otherwise only top and bottom change places, since
        the chest wall is always on the left.
    angle : float
        In radians: turned by up to this much, either way.
    stretch : float
        The logarithm of each axis' scale is up to this, either way.
    """
    turn = rng.uniform(-angle, angle, count) + quarter_turns * rng.integers(4, size=count) * (np.pi / 2)
    scale = np.exp(rng.uniform(-stretch, stretch, (count, 2)))
    scale[:, 0] *= rng.choice([-1.0, 1.0], count)
    cosine, sine = np.cos(turn), np.sin(turn)
    rotation = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)
    return np.asarray(rotation * scale[:, None, :])
