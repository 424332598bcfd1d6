"""A compressed breast as millimetres of tissue along the beam.

All images lie on one grid of 0.1 mm with the chest wall at column 0, as on a left breast's film; points
are (down, across) in millimetres from the film's upper corner at the chest wall.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from mammoview.domain import View

__all__ = [
    "GRID_MM",
    "Body",
    "Breast",
    "Image",
    "Point",
    "blurred",
    "breast",
    "draw",
    "millimetres",
    "power_law",
]

GRID_MM = 0.1
SKIN_MM = 1.6
Image = NDArray[np.float32]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Body:
    """What the films of one woman have in common, in millimetres."""

    depth: float  # chest wall to nipple
    half_width: float  # nipple to the end of the breast along the chest wall
    thickness: float  # under compression
    gland: float  # glandular tissue along the beam, at its densest


@dataclass(frozen=True, slots=True, eq=False)
class Breast:
    """One breast in one view.

    Attributes
    ----------
    thickness : ndarray of shape (H, W), float32
        Millimetres of breast along the beam; 0 beside it.
    dense : ndarray of shape (H, W), float32
        Of these, millimetres that attenuate as glandular tissue, muscle and skin do.
    depth : ndarray of shape (H, W), float32
        Millimetres from the breast's edge; 0 beside it.
    muscle : ndarray of shape (H, W), bool
        The pectoral muscle.
    nipple : (float, float)
        Its base, in millimetres.
    """

    thickness: Image
    dense: Image
    depth: Image
    muscle: NDArray[np.bool_]
    nipple: Point


def millimetres(shape: tuple[int, int]) -> tuple[Image, Image]:
    """Distances down (H, 1) and across (1, W) of the grid's pixel centres."""
    down, across = ((np.arange(n, dtype=np.float32) + np.float32(0.5)) * GRID_MM for n in shape)
    return down[:, None], across[None, :]


def blurred(image: Image, mm: float, grid_mm: float = GRID_MM) -> Image:
    """Gaussian of standard deviation `mm`."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), mm / grid_mm), np.float32)


def power_law(shape: tuple[int, int], exponent: float, longest_mm: float, rng: np.random.Generator) -> Image:
    """Gaussian field of mean 0 and variance 1 whose power falls as 1 / frequency ** exponent.

    Mammographic background has an exponent near 3 (Burgess, Jacobson & Judy, Med Phys 28:419, 2001); below
    1 / `longest_mm` cycles per mm the spectrum is flat.
    """
    down, across = fft.fftfreq(shape[0], GRID_MM), fft.rfftfreq(shape[1], GRID_MM)
    frequency = np.hypot(down[:, None], across[None, :])
    gain = np.maximum(frequency, 1 / longest_mm) ** (-exponent / 2)
    gain[0, 0] = 0
    white = rng.standard_normal(shape, dtype=np.float32)
    field = fft.irfft2(fft.rfft2(white) * gain.astype(np.float32), s=shape)
    return np.asarray(field / field.std(), np.float32)


def draw(canvas: Image, points: NDArray[np.float64], width_mm: float, amount: NDArray[np.float64]) -> None:
    """Add a soft line through `points` (N, 2), in place; `amount` (N,) is millimetres of tissue."""
    margin = width_mm + 1
    low = np.maximum((points.min(axis=0) - margin) / GRID_MM, 0).astype(int)
    high = np.minimum((points.max(axis=0) + margin) / GRID_MM, canvas.shape).astype(int)
    if np.any(high - low < 8):
        return
    layer = np.zeros(tuple(high - low), np.uint8)
    bits = 4
    corners = np.rint((points / GRID_MM - 0.5 - low)[:, ::-1] * 2**bits).astype(int)
    shades = np.rint(255 * amount / amount.max())
    for start, end, shade in zip(corners[:-1], corners[1:], shades[1:], strict=True):
        thickness = max(1, round(width_mm / GRID_MM))
        cv2.line(layer, start.tolist(), end.tolist(), float(shade), thickness, cv2.LINE_AA, bits)
    soft = blurred(layer.astype(np.float32), 0.25 * width_mm + 0.1)
    canvas[low[0] : high[0], low[1] : high[1]] += soft * np.float32(amount.max() / 255)


def breast(shape: tuple[int, int], view: View, body: Body, rng: np.random.Generator) -> Breast:
    """Lay out a breast on a grid of `shape`, CC or MLO."""
    edge, nipple = _profile(shape, view, body, rng)
    down, across = millimetres(shape)
    bump = np.hypot((down - nipple[0]) / 5.5, (across - nipple[1]) / 4.5) < 1
    inside = (across < edge) | bump
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5) * np.float32(GRID_MM)
    thickness, skin = _compressed(depth, body.thickness)
    fullness = thickness / np.float32(body.thickness)
    muscle, muscle_mm = _pectoral(shape, view, nipple, rng)
    gland = _fibroglandular(shape, depth, nipple, body, rng) + _fibres(shape, nipple, rng)
    dense = fullness * np.maximum(gland, muscle_mm + 0.35 * gland) + skin
    return Breast(thickness, np.minimum(dense, thickness), depth, muscle, nipple)


def _profile(shape: tuple[int, int], view: View, body: Body, rng: np.random.Generator) -> tuple[Image, Point]:
    """How far the breast reaches across at each row (H, 1), and the nipple."""
    down, _ = millimetres(shape)
    height = shape[0] * GRID_MM
    if view is View.CC:
        middle = height * 0.5 + rng.uniform(-6, 6)
        above, below = body.half_width * rng.uniform(0.94, 1.06, 2)
        u = (down - middle) / np.where(down < middle, above, below)
        edge = body.depth * np.clip(1 - np.abs(u) ** 2.1, 0, None) ** 0.62
        return edge.astype(np.float32), (middle, body.depth)
    middle = height * rng.uniform(0.56, 0.60)
    shoulder = body.depth * rng.uniform(0.56, 0.66)
    rise = np.clip(down / middle, 0, 1)
    upper = shoulder + (body.depth - shoulder) * (rise**3 * (10 - 15 * rise + 6 * rise**2))
    u = np.clip((down - middle) / (body.half_width * 0.86), 0, None)
    lower = body.depth * np.clip(1 - u**2.1, 0, None) ** 0.6
    return np.where(down < middle, upper, lower).astype(np.float32), (middle, body.depth)


def _compressed(depth: Image, full: float) -> tuple[Image, Image]:
    """Thickness of the breast and the path through its skin, rounding off towards the edge."""

    def rounded(distance: Image) -> Image:
        roll = np.clip(distance / np.float32(0.45 * full), 0, 1)
        return np.asarray(full * (1 - (1 - roll) ** 2) ** 0.8, np.float32)

    thickness = blurred(rounded(depth), 0.4)
    inner = blurred(rounded(depth - np.float32(SKIN_MM)), 0.4)
    return thickness, np.clip(thickness - inner, 0, None) + np.where(depth > 0, np.float32(1), np.float32(0))


def _pectoral(
    shape: tuple[int, int], view: View, nipple: Point, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], Image]:
    """The muscle's triangle at the upper chest wall of an MLO film, and its millimetres."""
    if view is not View.MLO:
        return np.zeros(shape, np.bool_), np.zeros(shape, np.float32)
    down, across = millimetres(shape)
    top, tip = rng.uniform(0.42, 0.50) * nipple[1], nipple[0] * rng.uniform(0.85, 0.98)
    along = np.clip(down / tip, 0, 1)
    within = top * (1 - along) * (1 + 0.35 * along) - across
    strands = power_law(shape, 3, 30, rng)
    along_edge = np.array([[0.25, -top / tip, 0], [0, 1, 0]])
    sheared = cv2.warpAffine(strands, along_edge, shape[::-1], borderMode=cv2.BORDER_WRAP)
    ramp = (
        1
        / (1 + np.exp(-np.clip(within, -9, 9) / 0.7))
        * (11 + 10 * (1 - np.exp(-np.clip(within, 0, None) / 12)))
    )
    return within > 0, np.asarray(ramp * (1 + 0.05 * sheared), np.float32)


def _fibroglandular(
    shape: tuple[int, int], depth: Image, nipple: Point, body: Body, rng: np.random.Generator
) -> Image:
    """Millimetres of glandular tissue: a cone behind the nipple with a power-law texture, fat around it."""
    down, across = millimetres(shape)
    centre = (nipple[0] + rng.uniform(-8, 4), nipple[1] * rng.uniform(0.60, 0.66))
    radius = np.hypot((down - centre[0]) / 38, (across - centre[1]) / (0.34 * nipple[1]))
    clouds, ragged = power_law(shape, 3.1, 40, rng), blurred(power_law(shape, 3.2, 40, rng), 1.5)
    streaks = _towards_nipple(shape, nipple, rng)
    cone = 1 / (1 + np.exp(-(0.92 - radius + 0.20 * ragged + 0.07 * streaks) / 0.15))
    texture = np.clip(0.55 + 0.16 * clouds + 0.14 * streaks, 0.05, 1.2)
    under_skin = np.clip((depth - 4) / 9, 0, 1)
    fat = 2.2 + 1.1 * clouds + 0.7 * streaks
    return np.asarray(np.clip(body.gland * cone * texture * under_skin + fat, 0, None), np.float32)


def _towards_nipple(shape: tuple[int, int], nipple: Point, rng: np.random.Generator) -> Image:
    """Power-law noise drawn out along the lines that meet at the nipple, as ducts and septa do."""
    down, across = millimetres(shape)
    distance = np.hypot(down - nipple[0], across - nipple[1])
    angle = np.arctan2(down - nipple[0], nipple[1] + 8 - across)
    tile = power_law((1024, 1024), 3, 30, rng)
    rows = (angle * 45 / GRID_MM).astype(np.float32)
    columns = (distance * 0.35 / GRID_MM).astype(np.float32)
    return np.asarray(cv2.remap(tile, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))


def _fibres(shape: tuple[int, int], nipple: Point, rng: np.random.Generator) -> Image:
    """Millimetres in Cooper's ligaments, many and thin, and in vessels, few and long."""
    canvas = np.zeros(shape, np.float32)
    for _ in range(420):
        length, width = rng.uniform(8, 38), rng.choice([0.2, 0.3, 0.4, 0.6])
        _strand(canvas, nipple, length, width, rng.uniform(0.6, 3.0), 0.6, rng)
    for _ in range(4):
        _strand(canvas, nipple, rng.uniform(50, 90), rng.uniform(1.2, 2.2), rng.uniform(1.2, 2.2), 0.4, rng)
    return canvas


def _strand(
    canvas: Image,
    nipple: Point,
    length: float,
    width: float,
    amount: float,
    spread: float,
    rng: np.random.Generator,
) -> None:
    steps = np.linspace(0, 1, 28)
    start = np.array([nipple[0] + rng.uniform(-75, 75), rng.uniform(0, nipple[1])])
    heading = np.arctan2(nipple[0] - start[0], nipple[1] + 5 - start[1]) + rng.normal(0, spread)
    turns = (
        heading
        + rng.normal(0, 0.5) * (steps - 0.5)
        + 0.25 * np.sin(steps * rng.uniform(3, 9) + rng.uniform(0, 6))
    )
    path = start + length * np.cumsum(np.stack([np.sin(turns), np.cos(turns)], axis=1), axis=0) / len(steps)
    draw(canvas, path, width, amount * np.sin(np.pi * np.clip(steps, 0.03, 0.97)) ** 0.7)
