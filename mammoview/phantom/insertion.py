"""Known lesions in a genuine film: where they may lie, and the film as it would have been with them.

A lesion of `lesions` casts its shadow on the exposure of the film, which is then developed again, so
that it lies under the film's own noise and over its own tissue. Points are (row, column) in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoview.domain import Mammogram
from mammoview.errors import BreastNotFound
from mammoview.phantom.anatomy import GRID_MM, Image, Point
from mammoview.phantom.film import developed_again, shadow
from mammoview.phantom.lesions import CircumscribedMass, Cluster, Lesion, Placed, SpiculatedMass
from mammoview.prepare import find_breast

__all__ = ["Inserted", "Room", "insert", "put_somewhere", "random_lesion"]

CLUSTER_SHARE: Final = 0.5  # of the lesions; the masses are circumscribed and spiculated in equal parts
MASS_MM: Final = (5.0, 25.0)  # across
CLUSTER_MM: Final = (4.0, 15.0)  # across
SPECKS: Final = (5, 25)
SMALLEST_SPECK_MM: Final = 0.15  # long
LARGEST_SPECK_MM: Final = (0.4, 0.8)  # long; another one in each cluster
CROWDING: Final = (0.5, 1.0)  # from specks that are spread evenly to those that crowd in the middle
GRAINS: Final = (2, 6)  # from round specks to irregular ones
STRENGTH: Final = (0.35, 0.9)  # of a mass, as a share of the phantom's, which lies in fat
FLATTENED_MM: Final = 12.0  # masses that are larger are flattened with the breast
SKIN_MM: Final = 4.0  # kept free along the breast's edge and the film's
APART_MM: Final = 5.0
TRIES: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Inserted:
    """A lesion in a film.

    Attributes
    ----------
    lesion : Lesion
    box : (float, float, float, float)
        First row, first column, last row, last column of what a reader would surround, as pixel edges.
    window : (int, int, int, int)
        First row, first column, end row, end column of the pixels that it may have changed.
    """

    lesion: Lesion
    box: tuple[float, float, float, float]
    window: tuple[int, int, int, int]


class Room:
    """Where lesions may lie in a film's breast: clear of its edge, of the film's, and of one another."""

    def __init__(self, mammogram: Mammogram) -> None:
        """Find the breast of a film whose spacing is known.

        Raises
        ------
        BreastNotFound
            No breast can be told from the background, so that a lesion might lie in air.
        """
        found = find_breast(mammogram)
        if mammogram.spacing_mm is None or found.mask.all():
            raise BreastNotFound(
                f"{mammogram.source}: no breast could be told from the background; leave this film out"
            )
        frame = found.frame
        self.pixel_mm = mammogram.spacing_mm[0]
        coarse_mm = self.pixel_mm / min(frame.scale)
        inside = np.pad(found.mask.astype(np.uint8), 1)
        self.clear_mm = cv2.distanceTransform(inside, cv2.DIST_L2, 5)[1:-1, 1:-1] * coarse_mm
        self.points = frame.centres((found.mask.shape[0], found.mask.shape[1]))
        self.taken: list[tuple[NDArray[np.float64], float]] = []

    def take(self, lesion: Lesion, rng: np.random.Generator) -> Point | None:
        """A random free point for a lesion's centre, or None where none has room for it."""
        free = self.clear_mm > _extent_mm(lesion) + SKIN_MM
        for centre, extent in self.taken:
            distance = np.hypot(*np.moveaxis(self.points - centre, -1, 0)) * self.pixel_mm
            free &= distance > extent + _extent_mm(lesion) + APART_MM
        places = self.points[free]
        if not len(places):
            return None
        centre = places[rng.integers(len(places))]
        self.taken.append((centre, _extent_mm(lesion)))
        return float(centre[0]), float(centre[1])


def _extent_mm(lesion: Lesion) -> float:
    """How far what a reader surrounds reaches from the centre, at most."""
    return 1.3 * lesion.radius + 1.5


def random_lesion(rng: np.random.Generator) -> Lesion:
    """A cluster of microcalcifications or a mass, of any size that mammograms show often."""
    if rng.random() < CLUSTER_SHARE:
        longest = rng.uniform(*LARGEST_SPECK_MM)
        return Cluster(
            radius=rng.uniform(*CLUSTER_MM) / 2,
            count=int(rng.integers(SPECKS[0], SPECKS[1] + 1)),
            half_mm=(SMALLEST_SPECK_MM / 2, longest / 2),
            crowding=rng.uniform(*CROWDING),
            grains=int(rng.integers(GRAINS[0], GRAINS[1] + 1)),
        )
    kind = CircumscribedMass if rng.random() < 0.5 else SpiculatedMass
    return kind(radius=float(np.exp(rng.uniform(*np.log(MASS_MM))) / 2))


def put_somewhere(density: Image, room: Room, count: int, rng: np.random.Generator) -> tuple[Inserted, ...]:
    """Put `count` random lesions into a film, in place; fewer where there is no room for more.

    Parameters
    ----------
    density : ndarray of shape (H, W), float32
        Optical density.
    room : Room
        Of this film; the lesions' places are taken.
    count : int
    """
    found: list[Inserted] = []
    for _ in range(count):
        for lesion in (random_lesion(rng) for _ in range(TRIES)):
            if (centre := room.take(lesion, rng)) is not None:
                found.append(insert(density, room.pixel_mm, lesion, centre, rng))
                break
    return tuple(found)


def insert(
    density: Image, spacing_mm: float, lesion: Lesion, centre: Point, rng: np.random.Generator
) -> Inserted:
    """Put one lesion into a film, in place.

    Parameters
    ----------
    density : ndarray of shape (H, W), float32
        Optical density, at most 0.1 mm per pixel.
    spacing_mm : float
    lesion : Lesion
    centre : (float, float)
        Row and column.
    """
    reach = 3 * lesion.radius + 3  # the longest spicules, and the blur
    side = round(2 * reach / spacing_mm)
    cells = int(np.ceil(side * spacing_mm / GRID_MM)) + 1
    top, left = (round(at + 0.5 - side / 2) for at in centre)
    middle = side * spacing_mm / 2
    placed = lesion.place((cells, cells), (middle, middle), rng)
    cast = shadow(placed.dense * np.float32(_strength(lesion, rng)), placed.specks, spacing_mm, side)
    rows, columns = (
        slice(max(0, at), max(0, min(n, at + side))) for at, n in zip((top, left), density.shape, strict=True)
    )
    here = cast[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    density[rows, columns] = developed_again(density[rows, columns], here)
    box = _box(placed, spacing_mm, (top, left))
    return Inserted(lesion, box, (rows.start, columns.start, rows.stop, columns.stop))


def _strength(lesion: Lesion, rng: np.random.Generator) -> float:
    """The share of the phantom's tumour along the beam: tissue in front of a mass is not all fat."""
    if isinstance(lesion, Cluster):
        return 1.0
    return float(rng.uniform(*STRENGTH) * min(1.0, FLATTENED_MM / (2 * lesion.radius)))


def _box(placed: Placed, spacing_mm: float, corner: Sequence[int]) -> tuple[float, float, float, float]:
    lines, columns = np.flatnonzero(placed.extent.any(axis=1)), np.flatnonzero(placed.extent.any(axis=0))
    edges = np.array([lines[0], columns[0], lines[-1] + 1, columns[-1] + 1]) * (GRID_MM / spacing_mm)
    first, second, last, end = edges + np.tile(corner, 2)
    return float(first), float(second), float(last), float(end)
