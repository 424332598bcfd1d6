"""What goes wrong with scans on their way to a reader, done to films that are right.

Each alteration makes a scan of another; outlines stay behind, since some would no longer lie in their place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoview.domain import REFERENCE_MM, Mammogram
from mammoview.prepare import find_breast

__all__ = [
    "ALTERATIONS",
    "Alteration",
    "equalised",
    "inverted",
    "misstated",
    "squashed",
    "to_the_power",
    "turned",
]

DEVIATIONS: Final = 3.0
"""How many standard deviations around the mean an equalised film shows."""

Alteration = Callable[[Mammogram], Mammogram]


def misstated(mammogram: Mammogram, factor: float) -> Mammogram:
    """With a spacing of `factor` times the true one, and nothing that says so.

    The distance of the samples follows it, as it does where a reader reads a wrong spacing.
    """
    return replace(
        mammogram,
        spacing_mm=_times(_spacing(mammogram), factor),
        sampling_mm=mammogram.sampling_mm and _times(mammogram.sampling_mm, factor),
        outlines=(),
    )


def turned(mammogram: Mammogram) -> Mammogram:
    """Turned by 90° anticlockwise."""
    down, across = _spacing(mammogram)
    return replace(
        mammogram,
        pixels=np.ascontiguousarray(np.rot90(mammogram.pixels)),
        spacing_mm=(across, down),
        sampling_mm=mammogram.sampling_mm and (mammogram.sampling_mm[1], mammogram.sampling_mm[0]),
        outlines=(),
    )


def inverted(mammogram: Mammogram) -> Mammogram:
    """Black for white over the whole scan, labels and air included; its highest value becomes 0."""
    pixels = (int(mammogram.pixels.max()) - mammogram.pixels.astype(np.int32)).astype(np.uint16)
    return replace(mammogram, pixels=pixels, outlines=())


def to_the_power(mammogram: Mammogram, power: float) -> Mammogram:
    """Grey values, as shares of the scan's highest, to a power; in whole numbers of the scan's own range."""
    top = max(int(mammogram.pixels.max()), 1)
    levels = np.round(top * (np.arange(top + 1) / top) ** power).astype(np.uint16)
    return replace(mammogram, pixels=levels[mammogram.pixels], outlines=())


def equalised(mammogram: Mammogram, side: int) -> Mammogram:
    """Contrast equalised and air black, as digital systems process their images for presentation.

    Each grey value becomes its distance from the mean of the square of `side` pixels around it, in
    standard deviations of that square; from 3 below to 3 above fill 16 bits.
    """
    grey = mammogram.pixels.astype(np.float32)
    distance = grey - cv2.blur(grey, (side, side))
    variance = cv2.blur(distance**2, (side, side))
    share = 0.5 + distance / (2 * DEVIATIONS * np.sqrt(np.maximum(variance, 1e-6)))
    shown = np.clip(share, 0, 1) * _breast(mammogram)
    return replace(mammogram, pixels=np.round(shown * 65_535).astype(np.uint16), outlines=())


def squashed(mammogram: Mammogram, side: int, spacing_mm: float) -> Mammogram:
    """Stored as a square of `side` pixels, of which a spacing is given and the true size is not."""
    pixels = cv2.resize(mammogram.pixels, (side, side), interpolation=cv2.INTER_AREA).astype(np.uint16)
    return replace(
        mammogram, pixels=pixels, spacing_mm=(spacing_mm, spacing_mm), sampling_mm=None, outlines=()
    )


def _breast(mammogram: Mammogram) -> NDArray[np.bool_]:
    """The breast as it is found on the scan, in its pixels."""
    rows, columns = mammogram.pixels.shape
    mask = find_breast(mammogram).mask.astype(np.uint8)
    return cv2.resize(mask, (columns, rows), interpolation=cv2.INTER_NEAREST) > 0


def _spacing(mammogram: Mammogram) -> tuple[float, float]:
    return mammogram.spacing_mm or (REFERENCE_MM, REFERENCE_MM)


def _times(pair: tuple[float, float], factor: float) -> tuple[float, float]:
    return factor * pair[0], factor * pair[1]


ALTERATIONS: Final[Mapping[str, Alteration]] = {
    "spacing halved": partial(misstated, factor=0.5),
    "spacing doubled": partial(misstated, factor=2.0),
    "spacing × 0.7": partial(misstated, factor=0.7),
    "spacing × 1.4": partial(misstated, factor=1.4),
    "turned by 90°": turned,
    "inverted": inverted,
    "grey values to the power 0.5": partial(to_the_power, power=0.5),
    "grey values to the power 2": partial(to_the_power, power=2.0),
    "contrast equalised over 30 pixels, air black": partial(equalised, side=30),
    "squashed to 800 × 800, 0.25 mm given": partial(squashed, side=800, spacing_mm=0.25),
}
"""Every alteration that is measured, by what is said of it."""
