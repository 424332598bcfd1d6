"""Training of the heatmap networks (paper §3, "Baseline Heatmap Regression", and Figure 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from mammoview.domain import Magnification, ModelCard
from mammoview.evaluation.heat import TARGET_SIGMA, heat_logits, heat_target, local_logits
from mammoview.evaluation.join import JoinExamples, fit_join
from mammoview.evaluation.store import Prepared
from mammoview.models.cards import HEATMAP_REDUCTION, heatmap_name, load_network, tissue_name
from mammoview.models.heatmap import HeatmapNetwork
from mammoview.models.tissue import TissueClassifier
from mammoview.training.fit import Budget, fit
from mammoview.training.insertion import Inserter
from mammoview.training.precision import autocast
from mammoview.training.team import batch_of, save_once

__all__ = ["train_heatmap"]

ARCHITECTURE: Final[dict[str, Any]] = {
    "kind": "heatmap",
    "widths": [24, 48, 96],
    "context": 128,
    "dilations": [1, 2, 4, 8, 1, 2, 4, 1],
}
SMALL: Final[dict[str, Any]] = {"widths": [8, 16, 32], "context": 48, "dilations": [1, 2, 4, 1]}
MEAN, STD = 0.35, 0.25  # of field values inside the breast
WINDOW: Final = (48, 36)  # cells of a training window: 154 × 115 mm
BATCH: Final = 4
STEPS: Final = 11000
INSERTED: Final = 0.35
"""Share of windows that get one more mass, out of another film."""


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
    architecture = ARCHITECTURE | (SMALL if budget.small else {})
    network = _untrained(architecture, local_results=False).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    source = _Windows([f for f in films if not f.validation])
    validation = [f for f in films if f.validation]

    def loss(trained: nn.Module, rng: np.random.Generator) -> Tensor:
        images, target = batch_of(source.draw, rng, BATCH)
        images = images.to(device, memory_format=torch.channels_last)
        with autocast(device):
            logits = trained(images)
        # The same minimiser as the paper's squared error, without its vanishing gradient (decision 0011).
        return nn.functional.binary_cross_entropy_with_logits(logits.float(), target.to(device))

    def score(judged: nn.Module) -> float:
        errors = []
        for film in validation:
            image, target = _whole(film)
            with autocast(device):
                heat = judged(image.to(device)).float().sigmoid().cpu()
            errors.append(float(((heat - target) ** 2).mean()))
        return -float(np.mean(errors))

    name = heatmap_name(local_results)
    schedule = budget.schedule(STEPS // 8 if budget.small else STEPS, every=500, weight_decay=1e-2)
    result = fit(network, loss, score, schedule, runs / f"{name}.pt")
    save_once(network, _described(card, architecture, local_results), out)
    return result


def _untrained(architecture: dict[str, Any], local_results: bool) -> HeatmapNetwork:
    return HeatmapNetwork.from_card(
        architecture | {"local_results": local_results}, {"mean": MEAN, "std": STD}
    )


def _described(card: ModelCard, architecture: dict[str, Any], local_results: bool) -> ModelCard:
    inserted = f"{INSERTED:.0%} of the windows got one more mass, out of another of them"
    return replace(
        card,
        name=heatmap_name(local_results),
        trained_on=f"{card.trained_on}; {inserted}",
        architecture=architecture | {"local_results": local_results},
        inputs=dict(card.inputs)
        | {"mm_per_pixel": 0.4, "mean": MEAN, "std": STD, "target_sigma_cells": TARGET_SIGMA},
    )


def _join(films: Sequence[Prepared], card: ModelCard, out: Path) -> dict[str, Any]:
    """The trained baseline with the tissue grids joined in."""
    baseline, baseline_card = load_network(heatmap_name(False), out)
    assert isinstance(baseline, HeatmapNetwork)
    network = _untrained(dict(baseline_card.architecture), local_results=True)
    network.load_state_dict(load_file(out / f"{heatmap_name(False)}.safetensors"), strict=False)
    validation = [f for f in films if f.validation]
    examples = JoinExamples(
        validation, heat_logits(baseline, validation), local_logits(_classifiers(out), validation)
    )
    fit_join(network, examples)
    described = _described(card, dict(baseline_card.architecture), local_results=True)
    split = described.split + "; the layer that joins the local results was fitted on those"
    save_once(network, replace(described, split=split), out)
    return {"history": [], "best": -float(examples.loss(network, range(len(validation))))}


def _classifiers(out: Path) -> dict[Magnification, TissueClassifier]:
    classifiers = {}
    for magnification in Magnification:
        classifier, _ = load_network(tissue_name(magnification), out)
        assert isinstance(classifier, TissueClassifier)
        classifiers[magnification] = classifier
    return classifiers


class _Windows:
    """Draws windows of whole cells from prepared films."""

    def __init__(self, films: Sequence[Prepared]) -> None:
        self.films = list(films)
        self.inserter = Inserter(self.films, HEATMAP_REDUCTION)

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor]:
        """Images (N, 1, 8 I, 8 J) in [0, 1] and targets (N, 1, I, J)."""
        parts = [self._one(rng) for _ in range(count)]
        images, targets = (torch.from_numpy(np.stack(p)[:, None]) for p in zip(*parts, strict=True))
        return images, targets

    def _one(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], ...]:
        film = self.films[rng.integers(len(self.films))]
        boxes, image = film.boxes, np.asarray(film.images[HEATMAP_REDUCTION], np.float32) / np.float32(255)
        if rng.random() < INSERTED:
            image, boxes = self.inserter.insert(image, film, rng)
        cells = film.inside.shape
        first = [
            int(rng.integers(min(0, n - w), max(0, n - w) + 1)) for n, w in zip(cells, WINDOW, strict=True)
        ]
        image, target = (
            _window(image, first, HEATMAP_REDUCTION),
            _window(heat_target(boxes, cells), first, 1),
        )
        image, target = _turned(image, target, rng)
        if rng.random() < 0.5:
            image, target = image[::-1], target[::-1]
        lit = np.clip(image, 1e-4, 1) ** np.exp(rng.uniform(-0.35, 0.35)) * np.exp(rng.uniform(-0.2, 0.2))
        image = np.where(image > 0.004, lit + rng.uniform(-0.05, 0.05), image)
        return np.clip(image, 0, 1).astype(np.float32), np.ascontiguousarray(target, np.float32)


def _window(array: NDArray[Any], first: list[int], side: int) -> NDArray[Any]:
    """WINDOW cells of `side` pixels from cell `first` on (negative: padded with air)."""
    shape = [w * side for w in WINDOW]
    result = np.zeros(shape, array.dtype)
    source, place = [], []
    for start, length, total in zip(first, shape, array.shape, strict=True):
        begin = start * side
        source.append(slice(max(begin, 0), min(begin + length, total)))
        place.append(slice(max(-begin, 0), max(-begin, 0) + source[-1].stop - source[-1].start))
    result[place[0], place[1]] = array[source[0], source[1]]
    return result


def _turned(
    image: NDArray[np.float32], target: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turn by up to 15°, scale by up to 12 % in each direction and as much in both; the target too."""
    angle, zoom = rng.uniform(-0.26, 0.26), np.exp(rng.uniform(-0.12, 0.12, 2) + rng.uniform(-0.12, 0.12))
    linear = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * zoom
    turned = []
    for array in (image, target):
        centre = (np.array(array.shape[::-1]) - 1) / 2
        matrix = np.column_stack([linear, centre - linear @ centre])
        warped = cv2.warpAffine(array, matrix, array.shape[::-1], flags=cv2.INTER_LINEAR)
        turned.append(np.asarray(warped, np.float32))
    return turned[0], turned[1]


def _whole(film: Prepared) -> tuple[Tensor, Tensor]:
    image = np.asarray(film.images[HEATMAP_REDUCTION], np.float32) / 255
    return torch.from_numpy(image)[None, None], torch.from_numpy(heat_target(film.boxes, film.inside.shape))[
        None, None
    ]
