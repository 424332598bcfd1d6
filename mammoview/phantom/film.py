"""From tissue to a digitised film: exposure, blur, quantum mottle, development, label, grey levels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoview.phantom.anatomy import GRID_MM, Breast, Image

__all__ = ["SCAN_MM", "developed", "developed_again", "grey_levels", "labelled", "log_exposure", "shadow"]

SCAN_MM = 0.05
FAT_PER_MM, DENSE_PER_MM, CALCIUM_PER_MM = 0.046, 0.080, 1.4  # effective at 20 keV, scatter included
BASE, RANGE, STEEPNESS = 0.18, 3.75, 3.7  # film: fog, span of optical density, slope of its logistic curve
BLUR_MM = 0.06  # of screen, focal spot and digitiser together, as a standard deviation
BREAST_DENSITY = 2.35  # optical density that the exposure control aims at
UNEXPOSED = 0.25
FLAT = 0.005  # share of the film's range at either end where its curve is not followed further


def log_exposure(breast: Breast, dense: Image, specks: NDArray[np.float64]) -> Image:
    """log10 of the exposure of the film at 50 µm, 0 for air; twice the grid's size.

    `dense` (H, W) is millimetres of glandular tissue and tumour; `specks` (N, 5) are calcifications.
    """
    extra = np.minimum(dense, breast.thickness) * np.float32(DENSE_PER_MM - FAT_PER_MM)
    attenuation = (extra + breast.thickness * np.float32(FAT_PER_MM)) / np.float32(np.log(10))
    scale = round(GRID_MM / SCAN_MM)
    fine = cv2.resize(-attenuation, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    exposure = np.asarray(fine, np.float32)
    for speck in specks:
        _calcify(exposure, speck, SCAN_MM)
    return _blurred(exposure, SCAN_MM)


def shadow(dense: Image, specks: NDArray[np.float64], spacing_mm: float, side: int) -> Image:
    """What a lesion takes from the log10 of a film's exposure, (side, side) pixels at `spacing_mm`, <= 0.

    Parameters
    ----------
    dense : ndarray of shape (H, W), float32
        Millimetres of tumour in place of fat, on the grid of 0.1 mm, from the same corner as the result.
    specks : ndarray of shape (N, 5)
        Calcifications as in `Placed`.
    spacing_mm : float
        At most 0.1; what is smaller than a pixel would be missed.
    side : int
    """
    step = spacing_mm / GRID_MM
    onto_grid = np.array([[step, 0, step / 2 - 0.5], [0, step, step / 2 - 0.5]])
    attenuation = dense * np.float32((DENSE_PER_MM - FAT_PER_MM) / np.log(10))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    exposure = np.asarray(cv2.warpAffine(-attenuation, onto_grid, (side, side), flags=flags), np.float32)
    for speck in specks:
        _calcify(exposure, speck, spacing_mm)
    return _blurred(exposure, spacing_mm)


def _blurred(exposure: Image, spacing_mm: float) -> Image:
    return np.asarray(cv2.GaussianBlur(exposure, (0, 0), BLUR_MM / spacing_mm), np.float32)


def _calcify(exposure: Image, speck: NDArray[np.float64], spacing_mm: float) -> None:
    down, across, length, width, angle = speck
    row, column = int(down / spacing_mm), int(across / spacing_mm)
    reach = int(length / spacing_mm) + 2
    part = exposure[row - reach : row + reach + 1, column - reach : column + reach + 1]
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1] * spacing_mm
    along, beside = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    path_mm = 2 * width * np.sqrt(np.clip(1 - (along / length) ** 2 - (beside / width) ** 2, 0, None))
    part -= (path_mm * (CALCIUM_PER_MM / np.log(10))).astype(np.float32)


def developed(exposure: Image, rng: np.random.Generator) -> Image:
    """Optical density of the film, its noise included: quantum mottle before development, grain after it."""
    tissue = exposure[exposure < 0.7 * exposure.min()]
    aim = np.log((BREAST_DENSITY - BASE) / (RANGE - BREAST_DENSITY + BASE))
    mottle = cv2.GaussianBlur(rng.standard_normal(exposure.shape, dtype=np.float32), (0, 0), 0.8)
    through = STEEPNESS * (exposure - np.median(tissue) + np.float32(0.024) * mottle) + np.float32(aim)
    density = _curve(through)
    density += np.float32(0.006) * rng.standard_normal(exposure.shape, dtype=np.float32)
    return np.asarray(density, np.float32)


def developed_again(density: Image, shadow: Image) -> Image:
    """Optical density that a film would have if a lesion had cast its shadow on it as well.

    Tissues that lie over one another add up in the log of the exposure, so a film's density goes back
    through its curve, is lowered there, and is developed again: a lesion stands out less where the film is
    nearly black or nearly clear. The film's own noise stays. Where `shadow` is 0 nothing changes.

    Parameters
    ----------
    density, shadow : ndarray of shape (H, W), float32
    """
    share = np.clip((density - np.float32(BASE)) / np.float32(RANGE), FLAT, 1 - FLAT)
    through = np.log(share / (1 - share))
    lighter = _curve(through + np.float32(STEEPNESS) * shadow) - _curve(through)
    return np.asarray(density + lighter, np.float32)


def _curve(through: Image) -> Image:
    """The film's optical density from its exposure, which is in units of the curve's steepness."""
    return np.asarray(BASE + RANGE / (1 + np.exp(-through)), np.float32)


def labelled(density: Image, letters: str, chest_wall_left: bool, rng: np.random.Generator) -> Image:
    """The film with its unexposed margins and a label in the upper corner away from the chest wall."""
    film = density.copy()
    top, bottom = (rng.uniform([0.3, 1.2], [0.9, 2.4]) / SCAN_MM).astype(int)
    film[:top] = film[-bottom:] = UNEXPOSED
    film[:, 0 if chest_wall_left else -1] = UNEXPOSED
    plate, ink = _plate(letters)
    turn = rng.uniform(-6, 6)
    plate, ink = (_turned(image, turn) for image in (plate, ink))
    high, side = int(8 / SCAN_MM), int(4 / SCAN_MM)
    left = film.shape[1] - side - plate.shape[1] if chest_wall_left else side
    part = film[high : high + plate.shape[0], left : left + plate.shape[1]]
    part -= plate * np.float32(0.9)
    part -= ink * (part - np.float32(0.5))
    return film


def _turned(image: Image, degrees: float) -> Image:
    middle = (image.shape[1] / 2, image.shape[0] / 2)
    return np.asarray(
        cv2.warpAffine(image, cv2.getRotationMatrix2D(middle, degrees, 1), image.shape[::-1]), np.float32
    )


def _plate(letters: str) -> tuple[Image, Image]:
    """A label's plate and its letters, each (H, W) in [0, 1]."""
    plate, ink = np.zeros((400, 640), np.float32), np.zeros((400, 640), np.uint8)
    plate[60:340, 50:590] = 1
    font = cv2.FONT_HERSHEY_SIMPLEX
    for text, size, line, weight in ((letters, 3.6, 215, 16), ("SYNTHETIC", 2.1, 305, 8)):
        (width, _), _ = cv2.getTextSize(text, font, size, weight)
        cv2.putText(ink, text, (320 - width // 2, line), font, size, 255, weight, cv2.LINE_AA)
    return plate, np.asarray(cv2.GaussianBlur(ink.astype(np.float32) / 255, (0, 0), 2), np.float32)


def grey_levels(density: Image) -> NDArray[np.uint16]:
    """Grey levels of the Lumisys 200, 12 bits, from optical density (DDSM's own calibration, inverted)."""
    levels = np.rint(np.float32(4096.99) - np.float32(1009.01) * density)
    return np.asarray(np.clip(levels, 0, 4095), np.uint16)
