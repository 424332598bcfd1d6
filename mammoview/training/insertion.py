"""One more mass in a film: the density of a lesion of another film, added at another place.

Field values grow with optical density, in which tissues that lie over one another add up; so the
difference between a mass and the plane through its rim, feathered, is added to what is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammoview.evaluation.store import Prepared
from mammoview.prepare import CELL

__all__ = ["Inserter"]

MARGIN: Final = 0.35  # of a box's sides, around it
SIDES: Final = (6, 110)  # pixels of a lesion that can be moved
AIR: Final = 0.02  # field value below which there is no tissue
FAINTEST: Final = 0.03  # mean density that a lesion must add to be seen


class Inserter:
    """Draws lesions from prepared films and puts them into others, on the images of one reduction."""

    def __init__(self, films: Sequence[Prepared], reduction: int) -> None:
        self.reduction = reduction
        self.lesions = [(film, box / reduction) for film in films for box in film.boxes]

    def insert(
        self, image: NDArray[np.float32], film: Prepared, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """A copy of the film's image with a mass in the breast, and the film's boxes with its own.

        Both are as they were where the lesion drawn cannot be moved or would reach out of the breast.
        """
        added, size = self._density(rng)
        if added is None:
            return image, film.boxes
        cells = np.argwhere(film.inside)
        centre = (cells[rng.integers(len(cells))] + rng.random(2)) * (CELL / self.reduction)
        top = np.round(centre - np.array(added.shape) / 2).astype(int)
        here = tuple(slice(t, t + n) for t, n in zip(top, added.shape, strict=True))
        if (top < 0).any() or (top + added.shape > image.shape).any() or _airy(image[here]):
            return image, film.boxes
        image = image.copy()
        image[here] = np.clip(image[here] + added, 0, 1)
        middle = top + np.array(added.shape) / 2
        box = np.concatenate([middle - size / 2, middle + size / 2]) * self.reduction
        return image, np.concatenate([film.boxes, box[None]])

    def _density(self, rng: np.random.Generator) -> tuple[NDArray[np.float32] | None, NDArray[np.float64]]:
        """What a random lesion adds to its surroundings, turned and flipped; and its height and width."""
        film, box = self.lesions[rng.integers(len(self.lesions))]
        size = box[2:] - box[:2]
        low = np.floor(box[:2] - MARGIN * size).astype(int)
        high = np.ceil(box[2:] + MARGIN * size).astype(int)
        source = film.images[self.reduction]
        if size.max() > SIDES[1] or size.min() < SIDES[0] or (low < 0).any() or (high > source.shape).any():
            return None, size
        patch = np.asarray(source[low[0] : high[0], low[1] : high[1]], np.float32) / np.float32(255)
        if _airy(patch):
            return None, size
        added = _above_its_rim(patch)
        if added[_radius(added.shape) < 0.5].mean() < FAINTEST:
            return None, size
        turns = int(rng.integers(4))
        turned = np.rot90(added * np.float32(rng.uniform(0.7, 1.15)), turns)
        return (turned[::-1] if rng.random() < 0.5 else turned), (size[::-1] if turns % 2 else size)


def _airy(patch: NDArray[np.float32]) -> bool:
    return bool((patch < AIR).mean() > 0.02)


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
