"""Where things lie on the scan: the only coordinate arithmetic of the project.

Points are (row, column) in float64 at **pixel centres**: pixel (0, 0) covers [-0.5, 0.5] in both
directions. An image made from a scan (a field, a magnified field, a grid of cells) carries a `Frame`
that leads from its own pixels to the scan's and back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Box", "Frame", "polygon_area", "polygon_centroid"]

Box = tuple[float, float, float, float]
"""First row, first column, last row, last column, in scan pixels."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where an image lies on the scan it came from.

    The scan is first mirrored left to right (if `mirrored`), then cut at `origin`, then resampled
    by `scale`; edges map to edges, so a reduction by a whole number is an average over whole pixels.

    Attributes
    ----------
    scan_width : int
        Columns of the scan.
    mirrored : bool
        Whether columns were reversed.
    origin : (float, float)
        Row and column of the image's first edge on the (mirrored) scan, in scan pixels counted
        from the scan's first edge; negative where the image was padded beyond the film.
    scale : (float, float)
        Image pixels per scan pixel along rows and along columns.
    """

    scan_width: int
    mirrored: bool = False
    origin: tuple[float, float] = (0.0, 0.0)
    scale: tuple[float, float] = (1.0, 1.0)

    def to_scan(self, points: ArrayLike) -> NDArray[np.float64]:
        """Image points (N, 2) to scan points (N, 2), both (row, column) at pixel centres."""
        edges = (np.asarray(points, np.float64).reshape(-1, 2) + 0.5) / self.scale + self.origin
        if self.mirrored:
            edges[:, 1] = self.scan_width - edges[:, 1]
        return edges - 0.5

    def from_scan(self, points: ArrayLike) -> NDArray[np.float64]:
        """Scan points (N, 2) to image points (N, 2): the exact inverse of `to_scan`."""
        edges = np.array(points, np.float64).reshape(-1, 2) + 0.5
        if self.mirrored:
            edges[:, 1] = self.scan_width - edges[:, 1]
        return (edges - self.origin) * self.scale - 0.5

    def cut(self, row: float, column: float) -> Frame:
        """The frame of this image cut (or, where negative, padded) at its pixel edge (row, column)."""
        first, second = self.origin
        return replace(self, origin=(first + row / self.scale[0], second + column / self.scale[1]))

    def magnified(self, rows: float, columns: float | None = None) -> Frame:
        """The frame of this image resampled by the factor `rows` (and `columns`, if another)."""
        across = rows if columns is None else columns
        return replace(self, scale=(self.scale[0] * rows, self.scale[1] * across))

    def centres(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Scan points (I, J, 2) of the centres of all pixels of an image of this shape."""
        grid = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
        return self.to_scan(grid).reshape(*shape, 2)

    def pixel_area(self) -> float:
        """How many scan pixels one image pixel covers."""
        return 1.0 / (self.scale[0] * self.scale[1])

    def canvas_matrix(self) -> tuple[float, float, float, float, float, float]:
        """(a, b, c, d, e, f) as a canvas takes them, from image edges (x, y) to scan edges (x, y).

        x counts columns and y rows from the first pixel's outer corner, as browsers do:
        x' = a x + c y + e, y' = b x + d y + f.
        """
        down, across = 1.0 / self.scale[0], 1.0 / self.scale[1]
        if self.mirrored:
            return (-across, 0.0, 0.0, down, self.scan_width - self.origin[1], self.origin[0])
        return (across, 0.0, 0.0, down, self.origin[1], self.origin[0])


def polygon_area(vertices: NDArray[Any]) -> float:
    """Area in square pixels of a closed polygon (N, 2), by the shoelace formula."""
    rows, columns = np.asarray(vertices, np.float64).T
    return float(abs(np.dot(rows, np.roll(columns, 1)) - np.dot(columns, np.roll(rows, 1))) / 2)


def polygon_centroid(vertices: NDArray[Any]) -> tuple[float, float]:
    """Centre of mass (row, column) of a closed polygon (N, 2); the mean vertex if it has no area."""
    points = np.asarray(vertices, np.float64)
    origin = points.mean(axis=0)
    rows, columns = (points - origin).T
    cross = rows * np.roll(columns, -1) - np.roll(rows, -1) * columns
    if abs(cross.sum()) < 1e-9:
        return float(origin[0]), float(origin[1])
    row = ((rows + np.roll(rows, -1)) * cross).sum() / (3 * cross.sum())
    column = ((columns + np.roll(columns, -1)) * cross).sum() / (3 * cross.sum())
    return float(origin[0] + row), float(origin[1] + column)
