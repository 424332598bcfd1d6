"""Windows of whole films to train a heatmap on, with what their heat should be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from mammoview.evaluation.heat import heat_target
from mammoview.evaluation.store import Prepared
from mammoview.models.cards import HEATMAP_REDUCTION
from mammoview.prepare import CELL
from mammoview.training.atlas import Atlas, Placement, drawn_linear
from mammoview.training.insertion import Inserter
from mammoview.training.lighting import Lighting, relit

__all__ = ["INSERTED", "WindowSource"]

WINDOW: Final = (48, 36)  # cells of a training window: 154 × 115 mm
INSERTED: Final = 0.35
"""Share of windows that get one more mass, out of another film."""
LIGHTING: Final = Lighting(gamma=0.35, gain=0.2, offset=0.05, noise=0.02, sharpness=0.8)
ANGLE: Final = 0.26  # rad: 15°
STRETCH: Final = 0.2


class WindowSource:
    """Draws windows of whole cells from prepared films."""

    def __init__(self, films: Sequence[Prepared], device: torch.device) -> None:
        self.device = device
        self.images = Atlas([film.images[HEATMAP_REDUCTION] for film in films], HEATMAP_REDUCTION, device)
        self.targets = Atlas([heat_target(f.boxes, f.inside.shape) for f in films], CELL, device)
        self.inserter = Inserter(films, HEATMAP_REDUCTION, device)
        self.cells = np.array([film.inside.shape for film in films], np.float64)

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor]:
        """Images (N, 1, 8 I, 8 J) in [0, 1] and targets (N, 1, I, J), augmented."""
        placement = self._placement(rng, count)
        height, width = WINDOW
        side = CELL // HEATMAP_REDUCTION
        points = placement.points((height * side, width * side), HEATMAP_REDUCTION)
        cells = placement.points(WINDOW, CELL)
        images, targets = self.images.at(placement.film, points), self.targets.at(placement.film, cells)
        images, targets = self.inserter.insert(images, points, targets, cells, placement, rng, INSERTED)
        return relit(images, LIGHTING, rng), targets

    def _placement(self, rng: np.random.Generator, count: int) -> Placement:
        """Windows anywhere on the film; where the film is smaller, it lies anywhere in the window."""
        film = rng.integers(len(self.cells), size=count)
        room = np.abs(self.cells[film] - WINDOW) / 2
        centre = (self.cells[film] / 2 + rng.uniform(-1, 1, (count, 2)) * room) * CELL
        linear = drawn_linear(rng, count, quarter_turns=False, angle=ANGLE, stretch=STRETCH)
        return Placement(
            torch.from_numpy(film).to(self.device),
            torch.from_numpy(centre.astype(np.float32)).to(self.device),
            torch.from_numpy(linear.astype(np.float32)).to(self.device),
        )
