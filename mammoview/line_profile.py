"""What lies along a line drawn over a film: its grey values, and the layers' values at the same points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mammoview.domain import Heatmap, Saliency, TissueGrid, Weighting
from mammoview.geometry import Frame

__all__ = ["Line", "grey_along", "heat_along", "saliency_along", "suspicion_along"]


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line from one scan point to another, (row, column) at pixel centres."""

    start: tuple[float, float]
    end: tuple[float, float]

    def points(self) -> NDArray[np.float64]:
        """Points (N, 2) of it, both ends among them, evenly spaced and no further apart than a scan pixel."""
        count = int(np.ceil(np.hypot(*np.subtract(self.end, self.start)))) + 1
        return np.linspace(self.start, self.end, max(count, 2))

    def distances(self, spacing_mm: tuple[float, float] | None) -> NDArray[np.float64]:
        """From the start to each of its points: in millimetres, or in scan pixels without a spacing."""
        steps = (self.points() - self.start) * (spacing_mm or (1.0, 1.0))
        return np.asarray(np.hypot(steps[:, 0], steps[:, 1]))


def grey_along(pixels: NDArray[np.uint16], line: Line) -> NDArray[np.float64]:
    """The film's own values (N,), before any window, bilinear between pixel centres; NaN beside the film."""
    return _bilinear(pixels, line.points())


def heat_along(heatmap: Heatmap, line: Line) -> NDArray[np.float64]:
    """Heat (N,), bilinear between the centres of cells as it is drawn; NaN beside the field."""
    return _bilinear(heatmap.heat, heatmap.frame.from_scan(line.points()))


def suspicion_along(grid: TissueGrid, line: Line) -> NDArray[np.float64]:
    """Suspicion (N,) of the cell that holds each point; NaN beside the field."""
    return _under(grid.suspicion, grid.frame, line)


def saliency_along(saliency: Saliency, weighting: Weighting, line: Line) -> NDArray[np.float64]:
    """Saliency (N,) of the magnified pixel that holds each point; NaN beside the field."""
    return _under(saliency.maps[weighting], saliency.frame, line)


def _bilinear(image: NDArray[Any], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Between the centres of pixels; half a pixel at the image's edge has the value of its last centres."""
    values = ndimage.map_coordinates(image, points.T, output=np.float64, order=1, mode="nearest")
    return np.where(_inside(image.shape, points), values, np.nan)


def _under(image: NDArray[Any], frame: Frame, line: Line) -> NDArray[np.float64]:
    points = frame.from_scan(line.points())
    rows, columns = np.clip(np.floor(points + 0.5).astype(int), 0, np.subtract(image.shape, 1)).T
    return np.where(_inside(image.shape, points), image[rows, columns].astype(np.float64), np.nan)


def _inside(shape: tuple[int, ...], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(((points >= -0.5) & (points <= np.subtract(shape, 0.5))).all(axis=1))
