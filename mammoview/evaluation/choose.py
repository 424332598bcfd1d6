"""Operating points, chosen on validation patients: from which heat on a cell is hot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from mammoview.backend.findings import find
from mammoview.domain import Heatmap, Outline
from mammoview.evaluation.froc import mark, sensitivity_at
from mammoview.evaluation.store import Prepared
from mammoview.geometry import Frame
from mammoview.models.cards import HEATMAP_REDUCTION
from mammoview.models.heatmap import HeatmapNetwork
from mammoview.prepare import CELL

__all__ = ["LEVELS", "best_level"]

LEVELS = np.round(np.arange(0.06, 0.61, 0.03), 2)
FALSE_PER_FILM = 0.9


def best_level(
    network: HeatmapNetwork, films: Sequence[Prepared], local: dict[str, NDArray[np.float32]]
) -> tuple[float, dict[float, float]]:
    """The level whose regions find most lesions at 0.9 false findings per film, and every level's share.

    A low level joins neighbouring regions into one whose centre misses; a high one loses the faint.
    """
    heats = {film.name: _heat(network, film, local[film.name]) for film in films}
    found = {}
    for level in LEVELS.tolist():
        marks = []
        for film in films:
            frame = Frame(film.inside.shape[1] * CELL).magnified(1 / CELL)
            findings = find(Heatmap(heats[film.name], level, frame, network.local_results))
            marks.append(mark(findings, _rectangles(film.boxes)))
        found[level] = sensitivity_at(marks, FALSE_PER_FILM)
    best = max(found.values())
    good = [level for level, share in found.items() if share >= best - 0.005]
    return good[len(good) // 2], found


def _heat(network: HeatmapNetwork, film: Prepared, local: NDArray[np.float32]) -> NDArray[np.float32]:
    device = next(network.parameters()).device
    image = np.asarray(film.images[HEATMAP_REDUCTION], np.float32) / np.float32(255)
    with torch.inference_mode():
        tissue = torch.from_numpy(local)[None, None].to(device)
        heat = network(torch.from_numpy(image)[None, None].to(device), tissue).sigmoid()[0, 0]
    return np.asarray(heat.cpu().numpy(), np.float32)


def _rectangles(boxes: NDArray[np.float64]) -> list[Outline]:
    return [Outline(np.array([(r0, c0), (r0, c1), (r1, c1), (r1, c0)]) - 0.5) for r0, c0, r1, c1 in boxes]
