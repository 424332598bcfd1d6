"""Training of a tissue classifier at one magnification (paper §3 and §4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from mammoview.domain import Magnification, ModelCard
from mammoview.evaluation.patches import held_out_patches
from mammoview.evaluation.store import Prepared
from mammoview.models.cards import save_network, tissue_name
from mammoview.models.tissue import TissueClassifier
from mammoview.training.fit import Schedule, fit
from mammoview.training.patches import PatchSource

__all__ = ["SHAPES", "Shape", "train_tissue"]


@dataclass(frozen=True, slots=True)
class Shape:
    """Patch side in magnified pixels and channels of each block."""

    patch: int
    widths: tuple[int, ...]
    steps: int


SHAPES: Final = {
    Magnification.HALF: Shape(256, (8, 16, 32, 64, 128), 2000),
    Magnification.THIRD: Shape(170, (16, 32, 64, 128), 2000),
    Magnification.QUARTER: Shape(128, (24, 48, 96, 160), 2200),
}
"""The same 25.6 mm field of view at each magnification: the second of two readings of the paper."""

BATCH: Final = 48
OFFSET_MM: Final = 4.0  # a cell may lie this far from a lesion's centre
MEAN, STD = 0.35, 0.25  # of field values inside the breast


def train_tissue(
    films: Sequence[Prepared],
    magnification: Magnification,
    card: ModelCard,
    out: Path,
    runs: Path,
    steps: int | None,
) -> dict[str, Any]:
    """Train one classifier and save it with its card into `out`; returns the history of the fit."""
    shape = SHAPES[magnification]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = TissueClassifier(shape.patch, shape.widths, MEAN, STD).to(
        device, memory_format=torch.channels_last
    )  # type: ignore[call-overload]
    source = PatchSource([f for f in films if not f.validation], magnification, shape.patch)
    held_out = held_out_patches([f for f in films if f.validation], magnification, shape.patch, 256)

    def loss(trained: nn.Module, rng: np.random.Generator) -> Tensor:
        batch, truth = source.balanced(rng, BATCH, OFFSET_MM)
        batch = batch.to(device, memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16):
            logits = trained(batch)
        return nn.functional.cross_entropy(logits.float(), truth.to(device), label_smoothing=0.02)

    def score(judged: nn.Module) -> float:
        with torch.autocast(device.type, torch.bfloat16):
            logits = torch.cat([judged(part.to(device)).float() for part in held_out.images.split(64)])
        return float(roc_auc_score(held_out.labels, (logits[:, 1] - logits[:, 0]).cpu()))

    schedule = Schedule(steps or shape.steps)
    result = fit(network, loss, score, schedule, runs / f"{tissue_name(magnification)}.pt")
    described = replace(
        card,
        name=tissue_name(magnification),
        architecture={"kind": "tissue", "widths": list(shape.widths)},
        inputs=dict(card.inputs)
        | {"mm_per_pixel": magnification.mm, "patch": shape.patch, "mean": MEAN, "std": STD},
        limits=card.limits
        + f" Annotations larger than the patch were left out ({source.too_large} of them).",
    )
    save_network(network, described, out)
    return result
