"""Training of a tissue classifier at one magnification (paper §3 and §4.1).

First on balanced patches, as the paper does; then also on tissue that the classifier of the first part
takes for a lesion; last, its logits are calibrated on validation patients.
"""

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
from mammoview.evaluation.calibration import platt
from mammoview.evaluation.patches import HeldOut, held_out_patches
from mammoview.evaluation.store import Prepared
from mammoview.models.cards import tissue_name
from mammoview.models.tissue import TissueClassifier
from mammoview.training.fit import Budget, fit
from mammoview.training.hard import mine
from mammoview.training.patches import PatchSource
from mammoview.training.precision import autocast
from mammoview.training.team import batch_of, save_once

__all__ = ["SHAPES", "Shape", "calibrate", "train_tissue"]


@dataclass(frozen=True, slots=True)
class Shape:
    """Patch side in magnified pixels, channels of each block, batches of both parts."""

    patch: int
    widths: tuple[int, ...]
    steps: int

    def small(self) -> Shape:
        """A third of the channels and of the batches."""
        return Shape(self.patch, tuple(max(4, w // 3) for w in self.widths), self.steps // 3)


SHAPES: Final = {
    Magnification.HALF: Shape(256, (8, 16, 32, 64, 128), 1400),
    Magnification.THIRD: Shape(170, (16, 32, 64, 128), 1500),
    Magnification.QUARTER: Shape(128, (24, 48, 96, 160), 2200),
}
"""The same 25.6 mm field of view at each magnification: the second of two readings of the paper."""

BATCH: Final = 48
RATES: Final = (2e-3, 7e-4)
"""Highest learning rates of the first and of the second part."""
SECOND_SHARE: Final = 0.55
"""Batches of the second part, for each of the first."""
OFFSET_MM: Final = 4.0  # a cell may lie this far from a lesion's centre
MEAN, STD = 0.35, 0.25  # of field values inside the breast
HELD_OUT: Final = 256  # patches of each kind, as in the paper's Table 1
HARDEST: Final = 2  # cells of each validation film that the second part is judged on


def train_tissue(
    films: Sequence[Prepared],
    magnification: Magnification,
    card: ModelCard,
    out: Path,
    runs: Path,
    budget: Budget,
) -> dict[str, Any]:
    """Train one classifier and save it with its card into `out`; returns the history of the last part."""
    shape = SHAPES[magnification].small() if budget.small else SHAPES[magnification]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(budget.seed)
    network = TissueClassifier(shape.patch, shape.widths, MEAN, STD).to(
        device, memory_format=torch.channels_last
    )  # type: ignore[call-overload]
    learnt, kept = [f for f in films if not f.validation], [f for f in films if f.validation]
    source = PatchSource(learnt, magnification, shape.patch, OFFSET_MM)
    balanced = held_out_patches(kept, magnification, shape.patch, HELD_OUT)
    name, steps = tissue_name(magnification), budget.steps or shape.steps

    _part(network, source, balanced, budget, steps, RATES[0], runs / f"{name}.pt")
    source.hard = mine(network, learnt, magnification)
    hard = _with_hardest(balanced, network, kept, magnification)
    second = replace(budget, steps=None)
    result = _part(
        network, source, hard, second, max(1, int(steps * SECOND_SHARE)), RATES[1], runs / f"{name}-hard.pt"
    )
    calibrate(network, balanced)

    described = replace(
        card,
        name=name,
        split=card.split + "; its logits were calibrated and its threshold chosen on those",
        architecture={"kind": "tissue", "widths": list(shape.widths)},
        inputs=dict(card.inputs)
        | {"mm_per_pixel": magnification.mm, "patch": shape.patch, "mean": MEAN, "std": STD},
        limits=card.limits
        + f" Annotations larger than the patch were left out ({source.too_large} of them).",
    )
    save_once(network, described, out)
    return result


def calibrate(network: TissueClassifier, held_out: HeldOut) -> None:
    """Scale and shift the logits, in place, to the probabilities that these patches show.

    The classifier learns from as many patches with as without a lesion and is calibrated on as many:
    its suspicion is the probability in such a draw, not in a breast.
    """
    margin = margins(network, held_out)
    slope, offset = platt(held_out.labels, margin)
    with torch.no_grad():
        decide = network.decide
        assert decide.bias is not None
        decide.weight *= slope
        decide.bias *= slope
        decide.bias += torch.tensor([-0.5, 0.5], device=decide.bias.device) * offset


def margins(network: nn.Module, held_out: HeldOut) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """By how much the logit of a finding leads on each patch, (N,)."""
    device = next(network.parameters()).device
    network.eval()
    with torch.inference_mode():
        logits = torch.cat([network(part.to(device)) for part in held_out.images.split(64)])
    return (logits[:, 1] - logits[:, 0]).double().cpu().numpy()


def _part(
    network: TissueClassifier,
    source: PatchSource,
    held_out: HeldOut,
    budget: Budget,
    steps: int,
    rate: float,
    checkpoint: Path,
) -> dict[str, Any]:
    device = next(network.parameters()).device

    def loss(trained: nn.Module, rng: np.random.Generator) -> Tensor:
        batch, truth = batch_of(source.balanced, rng, BATCH)
        batch = batch.to(device, memory_format=torch.channels_last)
        with autocast(device):
            logits = trained(batch)
        return nn.functional.cross_entropy(logits.float(), truth.to(device), label_smoothing=0.02)

    def score(judged: nn.Module) -> float:
        return float(roc_auc_score(held_out.labels, margins(judged, held_out)))

    return fit(network, loss, score, budget.schedule(steps, rate), checkpoint)


def _with_hardest(
    balanced: HeldOut, network: TissueClassifier, films: Sequence[Prepared], magnification: Magnification
) -> HeldOut:
    """The positives of a balanced draw, against the cells of these films that look most like one."""
    hardest = mine(network, films, magnification, HARDEST)
    cuts = [hardest.patch(films, i, magnification, network.patch) for i in range(len(hardest.film))]
    if not cuts:
        return balanced
    lesions = np.flatnonzero(balanced.labels == 1)
    images = torch.from_numpy(np.stack(cuts)[:, None]).float() / 255
    return HeldOut(
        torch.cat([balanced.images[lesions], images]),
        np.repeat([1, 0], [len(lesions), len(cuts)]),
        [balanced.patients[i] for i in lesions] + [films[k].patient for k in hardest.film],
    )
