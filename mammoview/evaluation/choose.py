"""Operating points, chosen on validation patients: from which heat on a peak counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from mammoview.backend.findings import find
from mammoview.domain import Heatmap, Outline
from mammoview.evaluation.froc import mark
from mammoview.evaluation.heat import field_frame, heat_logits
from mammoview.evaluation.join import JoinExamples
from mammoview.evaluation.store import Prepared
from mammoview.models.heatmap import HeatmapNetwork
from mammoview.prepare import CELL

__all__ = ["FALSE_PER_FILM", "heat_level", "joined_heat"]

FALSE_PER_FILM: Final = 1.2
"""False findings that a reader is shown on a film, on average."""
FAINTEST: Final = 0.01


def joined_heat(network: HeatmapNetwork, examples: JoinExamples) -> dict[str, NDArray[np.float32]]:
    """Heat (I, J) in [0, 1] by film name, of a network that may or may not join the local results in."""
    if not network.local_results:
        return {name: expit(logits) for name, logits in heat_logits(network, examples.films).items()}
    device, joined = network.join.weight.device, {}
    for name, logits in examples.heat.items():
        heat, local = torch.from_numpy(logits)[None, None], torch.from_numpy(examples.local[name])[None]
        with torch.inference_mode():
            both = network.joined(heat.to(device), local.to(device)).sigmoid()[0, 0]
        joined[name] = np.asarray(both.cpu().numpy(), np.float32)
    return joined


def heat_level(
    heats: Mapping[str, NDArray[np.float32]],
    films: Sequence[Prepared],
    false_per_film: float = FALSE_PER_FILM,
) -> float:
    """The lowest level at which these films have at most so many false findings each."""
    false = [score for film in films for score in _false_scores(heats[film.name], film)]
    allowed = int(false_per_film * len(films))
    if len(false) <= allowed:
        return FAINTEST
    outdone = np.sort(false)[::-1][allowed]
    return float(np.nextafter(np.float32(outdone), np.float32(1)))


def _false_scores(heat: NDArray[np.float32], film: Prepared) -> Sequence[float]:
    cells = field_frame(film).magnified(1 / CELL)
    findings = find(Heatmap(heat, FAINTEST, cells, True))
    return [float(score) for score in mark(findings, _rectangles(film.boxes)).false_scores]


def _rectangles(boxes: NDArray[np.float64]) -> list[Outline]:
    return [Outline(np.array([(r0, c0), (r0, c1), (r1, c1), (r1, c0)]) - 0.5) for r0, c0, r1, c1 in boxes]
