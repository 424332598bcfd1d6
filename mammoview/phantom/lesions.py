"""Known lesions: a spiculated mass, a circumscribed mass and a cluster of microcalcifications.

Each can be put into a view at a point and says what it covers, as a reader would draw it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoview.domain import LesionType, Pathology
from mammoview.phantom.anatomy import GRID_MM, Breast, Image, Point, blurred, draw, millimetres, power_law

__all__ = ["CircumscribedMass", "Cluster", "Lesion", "Placed", "SpiculatedMass", "find_place"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A lesion in one view.

    Attributes
    ----------
    dense : ndarray of shape (H, W), float32
        Millimetres of tumour along the beam, in place of fat.
    specks : ndarray of shape (N, 5)
        Calcifications: down, across, half length, half width in mm, angle in radians.
    extent : ndarray of shape (H, W), bool
        What a reader's line surrounds.
    """

    dense: Image
    specks: NDArray[np.float64]
    extent: Mask


@dataclass(frozen=True, slots=True)
class Lesion(ABC):
    """What every kind of lesion has; sizes in millimetres, descriptions in DDSM's words."""

    lesion_type: ClassVar[LesionType]
    description: ClassVar[str]
    birads: ClassVar[int]
    subtlety: ClassVar[int] = 4
    pathology: ClassVar[Pathology]

    radius: float
    nipple_distance: float = 0.0
    """Where `find_place` is to put it."""

    @property
    def reach(self) -> float:
        """How far it changes the tissue around its centre."""
        return self.radius + 3

    @abstractmethod
    def place(self, shape: tuple[int, int], centre: Point, rng: np.random.Generator) -> Placed:
        """The lesion on a grid of `shape` with its centre there; its form differs from view to view."""


@dataclass(frozen=True, slots=True)
class CircumscribedMass(Lesion):
    """An oval mass with a smooth, sharp margin, as a fibroadenoma."""

    lesion_type = LesionType.MASS
    description = "SHAPE OVAL MARGINS CIRCUMSCRIBED"
    birads = 3
    pathology = Pathology.BENIGN

    def place(self, shape: tuple[int, int], centre: Point, rng: np.random.Generator) -> Placed:
        across_it = _lobed(shape, centre, self.radius, rng, oval=0.10, lobes=0.02)
        body = 2.5 * self.radius * np.sqrt(np.clip(1 - across_it**2, 0, 1))
        texture = 1 + 0.06 * power_law(shape, 3, 10, rng)
        return Placed(blurred(body * texture, 0.3), np.empty((0, 5)), across_it < 1 + 0.8 / self.radius)


@dataclass(frozen=True, slots=True)
class SpiculatedMass(Lesion):
    """An irregular mass, dense in the middle, whose margin runs out in spicules."""

    lesion_type = LesionType.MASS
    description = "SHAPE IRREGULAR MARGINS SPICULATED"
    birads = 5
    pathology = Pathology.MALIGNANT

    @property
    def reach(self) -> float:
        return 2 * self.radius

    def place(self, shape: tuple[int, int], centre: Point, rng: np.random.Generator) -> Placed:
        across_it = _lobed(shape, centre, self.radius, rng, oval=0.15, lobes=0.035)
        ragged = across_it * (1 + 0.08 * power_law(shape, 2.6, 8, rng))
        body = 2.7 * self.radius * np.clip(1 - ragged**2, 0, 1) ** 0.7
        halo = 0.3 * self.radius * np.exp(-((across_it / 1.5) ** 2))
        texture = 1 + 0.12 * power_law(shape, 2.8, 10, rng)
        dense = blurred((body + halo) * texture, 0.5)
        for _ in range(38):
            _spicule(dense, centre, self.radius, rng)
        return Placed(dense, np.empty((0, 5)), across_it < 1.12 + 1 / self.radius)


@dataclass(frozen=True, slots=True)
class Cluster(Lesion):
    """Pleomorphic microcalcifications close together."""

    lesion_type = LesionType.CALCIFICATION
    description = "TYPE PLEOMORPHIC DISTRIBUTION CLUSTERED"
    birads = 4
    pathology = Pathology.MALIGNANT

    count: int = 22
    half_mm: tuple[float, float] = (0.09, 0.26)
    """Half the length of the smallest and of the largest speck."""
    crowding: float = 0.5
    """Power of a uniform number that is a speck's distance from the middle: 0.5 spreads them evenly."""
    grains: int = 1
    """Of how many ellipsoids that run together a speck is made, at most: more make it irregular."""

    def place(self, shape: tuple[int, int], centre: Point, rng: np.random.Generator) -> Placed:
        count = self.count
        angle = rng.uniform(0, 2 * np.pi, count)
        distance = self.radius * rng.uniform(0, 1, count) ** self.crowding
        points = np.stack([np.sin(angle) * distance * 0.8, np.cos(angle) * distance], axis=1) + centre
        half = rng.uniform(*self.half_mm, count)
        specks = np.column_stack(
            [points, half, half * rng.uniform(0.5, 1, count), rng.uniform(0, np.pi, count)]
        )
        if self.grains > 1:
            specks = np.concatenate([_grains(speck, self.grains, rng) for speck in specks])
        down, across = millimetres(shape)
        haze = 1.5 * np.exp(-((np.hypot(down - centre[0], across - centre[1]) / self.radius) ** 2))
        return Placed(haze.astype(np.float32), specks, _hull(shape, points, 1.2))


def find_place(
    breast: Breast, lesion: Lesion, taken: list[tuple[Point, float]], rng: np.random.Generator
) -> Point:
    """A point at the lesion's distance from the nipple, in the fattest tissue that is free.

    It keeps off the skin, the chest wall, the pectoral muscle and the places already `taken` (centre and
    reach, in mm); where nothing is free, the distance gives way.
    """
    coarse = np.s_[4::8, 4::8]
    surroundings = blurred(np.ascontiguousarray(breast.dense[coarse]), 6, 8 * GRID_MM)
    steps = cv2.distanceTransform((~breast.muscle[coarse]).astype(np.uint8), cv2.DIST_L2, 5)
    clear = np.minimum(steps, 1000) * 8 * GRID_MM  # without any muscle the distance has no bound
    down, across = millimetres(breast.dense.shape)
    down, across, depth = down[4::8], across[:, 4::8], breast.depth[coarse]
    wanted = lesion.nipple_distance + rng.uniform(-3, 3)
    cost = 1.5 * surroundings + np.abs(np.hypot(down - breast.nipple[0], across - breast.nipple[1]) - wanted)
    for centre, reach in taken:
        cost += 1e3 * (np.hypot(down - centre[0], across - centre[1]) < reach + lesion.reach + 8)
    margin = lesion.reach / 2
    cost += 1e3 * ((depth < 13 + margin) | (clear < 2 * margin) | (across < 8 + margin))
    row, column = np.unravel_index(np.argmin(cost), cost.shape)
    return float(down[row, 0]), float(across[0, column])


def _lobed(
    shape: tuple[int, int], centre: Point, radius: float, rng: np.random.Generator, oval: float, lobes: float
) -> Image:
    """Distance from the centre as a share of the radius there: 1 on the margin."""
    down, across = millimetres(shape)
    down, across = down - np.float32(centre[0]), across - np.float32(centre[1])
    angle = np.arctan2(down, across)
    margin = 1 + oval * np.cos(2 * angle + rng.uniform(0, 6.3))
    for order in range(3, 8):
        margin = margin + lobes * rng.normal() * np.cos(order * angle + rng.uniform(0, 6.3))
    return np.asarray(np.hypot(down, across) / (radius * margin), np.float32)


def _spicule(dense: Image, centre: Point, radius: float, rng: np.random.Generator) -> None:
    angle, bend = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.35)
    steps = np.linspace(0, 1, 14)
    distance = radius * (0.6 + rng.uniform(0.7, 2.4) * steps)
    turn = angle + bend * steps**2
    path = np.array(centre) + np.stack([np.sin(turn), np.cos(turn)], axis=1) * distance[:, None]
    width = rng.choice([0.2, 0.3, 0.4])
    draw(dense, path, width, rng.uniform(1.0, 3.0) * (1.02 - steps) ** 0.6)


def _grains(speck: NDArray[np.float64], most: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """One to `most` ellipsoids (N, 5) that run together into a speck of about the same length."""
    count = int(rng.integers(1, most + 1))
    if count == 1:
        return speck[None]
    along = rng.uniform(-0.7, 0.7, count) * speck[2]
    beside = rng.uniform(-0.7, 0.7, count) * speck[3]
    turn = np.array([[np.sin(speck[4]), np.cos(speck[4])], [np.cos(speck[4]), -np.sin(speck[4])]])
    points = speck[:2] + np.stack([along, beside], axis=1) @ turn
    half = speck[3] * rng.uniform(0.4, 0.9, count)
    return np.column_stack([points, half, half * rng.uniform(0.5, 1, count), rng.uniform(0, np.pi, count)])


def _hull(shape: tuple[int, int], points: NDArray[np.float64], margin_mm: float) -> Mask:
    corners = np.rint((points / GRID_MM - 0.5)[:, ::-1]).astype(np.int32)
    canvas = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(canvas, cv2.convexHull(corners), 1)
    side = 2 * round(margin_mm / GRID_MM) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(canvas, disc) > 0)
