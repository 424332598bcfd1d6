"""Training of a tissue classifier at one magnification (paper §3 and §4.1).

Crops hold many patches; findings and tissue without one weigh the same, and half of the latter's weight
lies with what looks most like a finding. Last, the logits are calibrated on validation patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from mammoview.backend.local import LOCAL_STRIDE
from mammoview.domain import Magnification, ModelCard
from mammoview.errors import WeightsMismatch
from mammoview.evaluation.calibration import platt
from mammoview.evaluation.patches import HeldOut, held_out_patches
from mammoview.evaluation.store import Prepared
from mammoview.evaluation.tissue import area_under_curve
from mammoview.models.cards import tissue_name
from mammoview.models.tissue import TissueClassifier
from mammoview.training.crops import FINDING, FREE, NEITHER, CropSource, Geometry, margin_of
from mammoview.training.fit import CHOSEN, Budget, fit
from mammoview.training.precision import autocast
from mammoview.training.start import FURTHER, begun_from, trained_before
from mammoview.training.team import batch_of, save_once

__all__ = ["SHAPES", "Shape", "balanced_loss", "calibrate", "margins", "train_tissue"]


@dataclass(frozen=True, slots=True)
class Shape:
    """Patch side in magnified pixels, channels of each block, batches and crops in each."""

    patch: int
    widths: tuple[int, ...]
    steps: int
    batch: int = 32

    def small(self) -> Shape:
        """A third of the channels, fewer and smaller batches: for minutes of a processor."""
        widths = tuple(max(4, w // 3) for w in self.widths)
        return replace(self, widths=widths, steps=self.steps // 5, batch=self.batch // 4)

    def wide(self) -> Shape:
        """The paper's other reading: 256 pixels at every magnification, with a block for each 2² of them."""
        return replace(self, patch=256, widths=(*self.widths, self.widths[-1])[:5])


SHAPES: Final = {
    Magnification.HALF: Shape(256, (12, 24, 48, 96, 160), 2800),
    Magnification.THIRD: Shape(170, (24, 48, 96, 160), 3500),
    Magnification.QUARTER: Shape(128, (32, 64, 128, 192), 4000),
}
"""The same 25.6 mm field of view at each magnification: the second of two readings of the paper."""

RATE: Final = 2e-3
OFFSET_MM: Final = 4.0  # a patch may lie this far from a lesion's centre
MEAN, STD = 0.35, 0.25  # of field values inside the breast
HELD_OUT: Final = 256  # patches of each kind, as in the paper's Table 1
JUDGED_ON: Final = 192  # crops of validation films
SURE: Final = 0.99  # what a patch with a finding is taught; one without, the rest
HARD: Final = 0.5
"""Share of the weight of what has no finding that is given to it by its suspicion."""


def train_tissue(
    films: Sequence[Prepared],
    magnification: Magnification,
    card: ModelCard,
    out: Path,
    runs: Path,
    budget: Budget,
    wide: bool = False,
) -> dict[str, Any]:
    """Train one classifier and save it with its card into `out`; returns the history.

    `wide` takes patches of 256 pixels at any magnification.
    """
    name = tissue_name(magnification)
    shape = SHAPES[magnification].wide() if wide else SHAPES[magnification]
    shape = shape.small() if budget.small else shape
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(budget.seed)
    network, card = _first(name, shape, card, budget)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    shape = replace(shape, patch=network.patch, batch=budget.batch or shape.batch)
    learnt, kept = [f for f in films if not f.validation], [f for f in films if f.validation]
    geometry = Geometry(magnification, shape.patch, max(LOCAL_STRIDE[magnification], network.stride))
    source = CropSource(learnt, geometry, OFFSET_MM, device)
    judged_on = CropSource(kept, geometry, OFFSET_MM, device).plain(np.random.default_rng(0), JUDGED_ON)

    def loss(trained: nn.Module, rng: np.random.Generator) -> Tensor:
        images, labels = batch_of(source.draw, rng, shape.batch)
        with autocast(device):
            logits = trained(images.contiguous(memory_format=torch.channels_last), geometry.stride)
        return balanced_loss(margin_of(logits.float()), labels)

    def score(judged: nn.Module) -> float:
        images, labels = judged_on
        with autocast(device):
            margin = torch.cat(
                [margin_of(judged(part, geometry.stride)) for part in images.split(shape.batch)]
            )
        known = labels != NEITHER
        return area_under_curve(labels[known].cpu().numpy(), margin[known].float().cpu().numpy())

    rate = RATE if budget.start is None else RATE * FURTHER
    result = fit(
        network, loss, score, budget.schedule(shape.steps, rate, every=500), runs / f"{name}-{shape.patch}.pt"
    )
    calibrate(network, held_out_patches(kept, magnification, shape.patch, HELD_OUT))

    described = replace(
        card,
        name=name,
        split=f"{card.split}; {CHOSEN}; its logits were calibrated and its threshold chosen on those",
        architecture={"kind": "tissue", "widths": list(network.widths)},
        inputs=dict(card.inputs)
        | {
            "mm_per_pixel": magnification.mm,
            "patch": network.patch,
            "mean": network.mean,
            "std": network.std,
        },
        limits=card.limits
        + f" Annotations larger than the patch were left out ({source.too_large} of them).",
    )
    save_once(network, described, out)
    return result


def _first(name: str, shape: Shape, card: ModelCard, budget: Budget) -> tuple[TissueClassifier, ModelCard]:
    """The network that training begins with, and its card."""
    before = trained_before(name, budget.start)
    if before is None:
        return TissueClassifier(shape.patch, shape.widths, MEAN, STD), card
    network, known = before
    if not isinstance(network, TissueClassifier):
        raise WeightsMismatch(f"{name}: the card does not describe a tissue classifier")
    return network, begun_from(card, known)


def balanced_loss(margin: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy in which findings weigh as much as tissue without one.

    Of the latter's weight, `HARD` is shared out by suspicion, as it is now: of the thousands of patches
    of a film only the few that look like a lesion decide whether it is called.

    Parameters
    ----------
    margin : Tensor of shape (N, I, J), float32
        By how much the logit of a finding leads.
    labels : Tensor of shape (N, I, J)
        FINDING, FREE or NEITHER, which is left out.
    """
    finding, free = labels == FINDING, labels == FREE
    suspicion = margin.detach().sigmoid() * free
    share = (1 - HARD) * free / free.sum().clamp_min(1) + HARD * suspicion / suspicion.sum().clamp_min(1e-6)
    weight = 0.5 * finding / finding.sum().clamp_min(1) + 0.5 * share
    truth = torch.where(finding, SURE, 1 - SURE)
    return nn.functional.binary_cross_entropy_with_logits(margin, truth, weight, reduction="sum")


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
        margin = torch.cat([margin_of(network(part.to(device))) for part in held_out.images.split(64)])
    return np.asarray(margin.double().cpu().numpy())
