"""One more mass in a film: the density of a lesion of another film, added at another place.

Field values grow with optical density, in which tissues that lie over one another add up; so the
difference between a mass and the plane through its rim, feathered, is added to what is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mammoview.evaluation.heat import heat_target
from mammoview.evaluation.store import Prepared
from mammoview.prepare import CELL
from mammoview.training.atlas import Atlas, Breasts, Placement, drawn_linear

__all__ = ["Inserter"]

MARGIN: Final = 0.35  # of a box's sides, around it
SIDES: Final = (6, 110)  # pixels of a lesion that can be moved
AIR: Final = 0.02  # field value below which there is no tissue
MOST_AIR: Final = 0.02  # share of a lesion's surroundings
FAINTEST: Final = 0.03  # mean density that a lesion must add to be seen
STRENGTH: Final = (0.7, 1.15)  # of a lesion elsewhere
STRETCH: Final = 0.15  # of the logarithm of its size
BLUR_CELLS: Final = 4  # cells around a lesion over which its heat fades


class Inserter:
    """Puts lesions of prepared films into others, on samples of one reduction.

    Attributes
    ----------
    lesions : int
        How many can be moved.
    """

    def __init__(self, films: Sequence[Prepared], reduction: int, device: torch.device) -> None:
        found = [_movable(film, box / reduction, reduction) for film in films for box in film.boxes]
        movable = [lesion for lesion in found if lesion is not None]
        self.lesions = len(movable)
        self.added = Atlas([added for added, _ in movable], reduction, device)
        self.heat = Atlas([_heat(size * reduction) for _, size in movable], CELL, device)
        extents = np.array([added.shape for added, _ in movable], np.float32).reshape(-1, 2) * reduction
        self.extents = torch.from_numpy(extents).to(device)
        self.breasts = Breasts(films)

    def insert(
        self,
        images: Tensor,
        points: Tensor,
        target: Tensor,
        cells: Tensor,
        placement: Placement,
        rng: np.random.Generator,
        share: float,
    ) -> tuple[Tensor, Tensor]:
        """A share of the samples with a mass more, and what their heat should be.

        A sample stays as it was where the mass would reach into the air.

        Parameters
        ----------
        images : Tensor of shape (N, 1, H, W), float32 in [0, 1]
        points : Tensor of shape (N, H, W, 2)
            Where their pixels lie, in reference pixels.
        target : Tensor of shape (N, 1, I, J), float32 in [0, 1]
        cells : Tensor of shape (N, I, J, 2)
            Where its cells lie.
        placement : Placement
            Of the samples.
        rng
        share : float
        """
        if not self.lesions:
            return images, target
        count, device = len(images), images.device
        film = placement.film.cpu().numpy()
        lesion = torch.from_numpy(rng.integers(self.lesions, size=count)).to(device)
        where = _tensor(self.breasts.place(rng, film), device)
        turned = _tensor(drawn_linear(rng, count, quarter_turns=True, angle=np.pi, stretch=STRETCH), device)
        strength = _tensor(rng.uniform(*STRENGTH, count) * (rng.random(count) < share), device)

        half = self.extents[lesion] / 2
        steps = placement.seen_from(where, turned, points)
        near = (steps.abs() < half[:, None, None]).all(dim=-1)[:, None]
        airy = ((images < AIR) & near).sum(dim=(1, 2, 3)) > MOST_AIR * near.sum(dim=(1, 2, 3))
        strength = (strength * ~airy)[:, None, None, None]
        denser = images + strength * self.added.at(lesion, steps + half[:, None, None])

        steps = placement.seen_from(where, turned, cells)
        middle = torch.stack([self.heat.rows[lesion], self.heat.columns[lesion]], dim=-1) * (CELL / 2)
        hotter = self.heat.at(lesion, steps + middle[:, None, None]) * (strength > 0)
        return denser.clamp(0, 1), torch.maximum(target, hotter)


def _tensor(array: NDArray[Any], device: torch.device) -> Tensor:
    return torch.from_numpy(array.astype(np.float32)).to(device)


def _movable(
    film: Prepared, box: NDArray[np.float64], reduction: int
) -> tuple[NDArray[np.float32], NDArray[np.float64]] | None:
    """What a lesion adds to its surroundings and its size, both in pixels; None where it cannot be moved."""
    size = box[2:] - box[:2]
    low = np.floor(box[:2] - MARGIN * size).astype(int)
    high = np.ceil(box[2:] + MARGIN * size).astype(int)
    source = film.images[reduction]
    if size.max() > SIDES[1] or size.min() < SIDES[0] or (low < 0).any() or (high > source.shape).any():
        return None
    patch = np.asarray(source[low[0] : high[0], low[1] : high[1]], np.float32) / np.float32(255)
    if (patch < AIR).mean() > MOST_AIR:
        return None
    added = _above_its_rim(patch)
    return (added, size) if added[_radius(added.shape) < 0.5].mean() >= FAINTEST else None


def _heat(size: NDArray[np.float64]) -> NDArray[np.float32]:
    """What the heat of a lesion of this size, in reference pixels, should be around its centre."""
    shape = tuple(2 * (int(np.ceil(s / 2 / CELL)) + BLUR_CELLS) + 1 for s in size)
    middle = np.array(shape) * (CELL / 2)
    return heat_target(np.concatenate([middle - size / 2, middle + size / 2])[None], shape)


def _radius(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Distance from the middle, 1 at the ellipse that touches the sides."""
    rows, columns = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    return np.asarray(np.hypot(rows[:, None], columns[None, :]), np.float32)


def _above_its_rim(patch: NDArray[np.float32]) -> NDArray[np.float32]:
    """The patch less the plane through its rim, which is the tissue behind the mass, fading out to it."""
    radius = _radius(patch.shape)
    rows, columns = (
        np.broadcast_to(axis, patch.shape)
        for axis in np.ogrid[-1 : 1 : patch.shape[0] * 1j, -1 : 1 : patch.shape[1] * 1j]
    )
    terms = np.stack([np.ones(patch.shape), rows, columns], axis=-1)
    rim = (radius > 0.85) & (radius <= 1.05)
    plane, *_ = np.linalg.lstsq(terms[rim], patch[rim], rcond=None)
    fading = np.clip((1.0 - radius) / 0.3, 0, 1)
    return np.asarray((patch - terms @ plane) * fading, np.float32)
