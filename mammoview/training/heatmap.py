"""Training of the heatmap networks (paper §3, "Baseline Heatmap Regression", and Figure 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from mammoview.domain import Magnification, ModelCard
from mammoview.errors import WeightsMismatch
from mammoview.evaluation.heat import TARGET_SIGMA, heat_logits, heat_target, local_logits
from mammoview.evaluation.join import JoinExamples, fit_join
from mammoview.evaluation.store import Prepared
from mammoview.models.cards import HEATMAP_REDUCTION, heatmap_name, load_network, load_trainable, tissue_name
from mammoview.models.heatmap import HeatmapNetwork
from mammoview.models.tissue import TissueClassifier
from mammoview.training.fit import CHOSEN, Budget, fit
from mammoview.training.precision import autocast
from mammoview.training.start import FURTHER, begun_from, trained_before
from mammoview.training.team import batch_of, save_once
from mammoview.training.windows import INSERTED, WindowSource

__all__ = ["train_heatmap"]

ARCHITECTURE: Final[dict[str, Any]] = {
    "kind": "heatmap",
    "widths": [32, 64, 128],
    "context": 160,
    "dilations": [1, 2, 4, 8, 1, 2, 4, 1],
}
SMALL: Final[dict[str, Any]] = {"widths": [8, 16, 32], "context": 48, "dilations": [1, 2, 4, 1]}
MEAN, STD = 0.35, 0.25  # of field values inside the breast
BATCH: Final = 16
SMALL_BATCH: Final = 4
STEPS: Final = 8500
RATE: Final = 2e-3


def train_heatmap(
    films: Sequence[Prepared], local_results: bool, card: ModelCard, out: Path, runs: Path, budget: Budget
) -> dict[str, Any]:
    """Train a heatmap network and save it with its card into `out`; returns the history of the fit.

    The variant with local results is the trained baseline and one convolution that joins the tissue
    grids in, fitted on the validation films (see `evaluation.join`); it needs all networks in `out`.
    """
    if local_results:
        return _join(films, card, out)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(budget.seed)
    network, architecture, card = _first(card, budget)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    batch = budget.batch or (SMALL_BATCH if budget.small else BATCH)
    source = WindowSource([f for f in films if not f.validation], device)
    validation = [_whole(f, device) for f in films if f.validation]

    def loss(trained: nn.Module, rng: np.random.Generator) -> Tensor:
        images, target = batch_of(source.draw, rng, batch)
        with autocast(device):
            logits = trained(images.contiguous(memory_format=torch.channels_last))
        # The same minimiser as the paper's squared error, without its vanishing gradient (decision 0011).
        return nn.functional.binary_cross_entropy_with_logits(logits.float(), target)

    def score(judged: nn.Module) -> float:
        errors = []
        for image, target in validation:
            with autocast(device):
                heat = judged(image).float().sigmoid()
            errors.append(((heat - target) ** 2).mean())
        return -float(torch.stack(errors).mean())

    name = heatmap_name(local_results)
    rate = RATE if budget.start is None else RATE * FURTHER
    schedule = budget.schedule(STEPS // 16 if budget.small else STEPS, rate, every=1000, weight_decay=1e-2)
    result = fit(network, loss, score, schedule, runs / f"{name}.pt")
    save_once(network, _described(card, network, architecture), out)
    return result


def _first(card: ModelCard, budget: Budget) -> tuple[HeatmapNetwork, dict[str, Any], ModelCard]:
    """The network that training begins with, its architecture, and its card."""
    before = trained_before(heatmap_name(False), budget.start)
    if before is None:
        architecture = ARCHITECTURE | (SMALL if budget.small else {})
        return _untrained(architecture, local_results=False), architecture, card
    network, known = before
    if not isinstance(network, HeatmapNetwork):
        raise WeightsMismatch(f"{known.name}: the card does not describe a heatmap network")
    return network, dict(known.architecture), begun_from(card, known)


def _untrained(architecture: dict[str, Any], local_results: bool) -> HeatmapNetwork:
    return HeatmapNetwork.from_card(
        architecture | {"local_results": local_results}, {"mean": MEAN, "std": STD}
    )


def _described(card: ModelCard, network: HeatmapNetwork, architecture: dict[str, Any]) -> ModelCard:
    inserted = (
        f"in {INSERTED:.0%} of the draws one more mass, out of another of them, was put somewhere in the film"
    )
    return replace(
        card,
        name=heatmap_name(False),
        trained_on=f"{card.trained_on}; {inserted}",
        split=f"{card.split}; {CHOSEN}",
        architecture=architecture | {"local_results": False},
        inputs=dict(card.inputs)
        | {
            "mm_per_pixel": 0.4,
            "mean": network.mean,
            "std": network.std,
            "target_sigma_cells": TARGET_SIGMA,
        },
    )


def _join(films: Sequence[Prepared], card: ModelCard, out: Path) -> dict[str, Any]:
    """The trained baseline with the tissue grids joined in."""
    baseline, baseline_card = load_trainable(heatmap_name(False), out)
    network = _untrained(dict(baseline_card.architecture), local_results=True)
    network.load_state_dict(network.state_dict() | baseline.state_dict())
    network.eval()
    validation = [f for f in films if f.validation]
    examples = JoinExamples(
        validation, heat_logits(network, validation), local_logits(_classifiers(out), validation)
    )
    fit_join(network, examples)
    described = replace(  # what the baseline has seen, the joined network has
        baseline_card,
        name=heatmap_name(True),
        version=card.version,
        architecture=dict(baseline_card.architecture) | {"local_results": True},
        split=f"{card.split}; the layer that joins the local results was fitted on those",
        metrics={},
    )
    save_once(network, described, out)
    return {"history": [], "best": -float(examples.loss(network, range(len(validation))))}


def _classifiers(out: Path) -> dict[Magnification, TissueClassifier]:
    classifiers = {}
    for magnification in Magnification:
        classifier, _ = load_network(tissue_name(magnification), out)
        assert isinstance(classifier, TissueClassifier)
        classifiers[magnification] = classifier
    return classifiers


def _whole(film: Prepared, device: torch.device) -> tuple[Tensor, Tensor]:
    """A film as the network takes it, and its target, both on the device."""
    image = np.asarray(film.images[HEATMAP_REDUCTION], np.float32) / np.float32(255)
    target = heat_target(film.boxes, film.inside.shape)
    return torch.from_numpy(image)[None, None].to(device), torch.from_numpy(target)[None, None].to(device)
