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
from torch import Tensor, nn

from mammoview.domain import Magnification, ModelCard
from mammoview.evaluation.heat import TARGET_SIGMA, heat_target, tissue_logits
from mammoview.evaluation.store import Prepared
from mammoview.models.cards import (
    HEATMAP_REDUCTION,
    heatmap_name,
    load_network,
    read_card,
    save_network,
    tissue_name,
)
from mammoview.models.heatmap import HeatmapNetwork
from mammoview.models.tissue import TissueClassifier
from mammoview.training.fit import Schedule, fit

__all__ = ["train_heatmap"]

ARCHITECTURE: Final = {
    "kind": "heatmap",
    "widths": [24, 48, 96],
    "context": 128,
    "dilations": [1, 2, 4, 8, 1],
}
MEAN, STD = 0.35, 0.25  # of field values inside the breast
WINDOW: Final = (48, 36)  # cells of a training window: 154 × 115 mm
BATCH: Final = 4
STEPS: Final = {False: 2600, True: 900}


def train_heatmap(
    films: Sequence[Prepared], local_results: bool, card: ModelCard, out: Path, runs: Path, steps: int | None
) -> dict[str, Any]:
    """Train a heatmap network and save it with its card into `out`; returns the history of the fit.

    The variant with local results starts from the trained baseline, keeps it as it is and trains
    only the layers that join the tissue grid in; it needs both networks in `out`.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = HeatmapNetwork(
        ARCHITECTURE["widths"],  # type: ignore[arg-type]
        ARCHITECTURE["context"],  # type: ignore[arg-type]
        ARCHITECTURE["dilations"],  # type: ignore[arg-type]
        local_results,
        MEAN,
        STD,
    )
    grids: dict[str, NDArray[np.float32]] = {}
    if local_results:
        _start_from_baseline(network, out)
        grids = _local_results(films, out)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    source = _Windows([f for f in films if not f.validation], grids)
    validation = [f for f in films if f.validation]

    def loss(trained: nn.Module, rng: np.random.Generator) -> Tensor:
        if local_results:
            _hold_baseline(trained)
        images, tissue, target = source.draw(rng, BATCH)
        images = images.to(device, memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16):
            logits = trained(images, tissue.to(device))
        # The same minimiser as the paper's squared error, without its vanishing gradient (decision 0011).
        return nn.functional.binary_cross_entropy_with_logits(logits.float(), target.to(device))

    def score(judged: nn.Module) -> float:
        errors = []
        for film in validation:
            image, target = _whole(film)
            tissue = torch.from_numpy(grids[film.name])[None, None] if local_results else None
            with torch.autocast(device.type, torch.bfloat16):
                heat = judged(image.to(device), tissue).float().sigmoid().cpu()
            errors.append(float(((heat - target) ** 2).mean()))
        return -float(np.mean(errors))

    name = heatmap_name(local_results)
    schedule = Schedule(steps or STEPS[local_results], rate=2e-3)
    result = fit(network, loss, score, schedule, runs / f"{name}{_built_on(local_results, out)}.pt")
    described = replace(
        card,
        name=name,
        architecture=ARCHITECTURE | {"local_results": local_results},
        inputs=dict(card.inputs)
        | {"mm_per_pixel": 0.4, "mean": MEAN, "std": STD, "target_sigma_cells": TARGET_SIGMA},
    )
    save_network(network, described, out)
    return result


def _built_on(local_results: bool, out: Path) -> str:
    """Which networks a run with local results starts from, for the name of its checkpoint."""
    if not local_results:
        return ""
    names = (heatmap_name(False), tissue_name(Magnification.HALF))
    return "".join(f"-{read_card(name, out).sha256[:8]}" for name in names)


def _start_from_baseline(network: HeatmapNetwork, out: Path) -> None:
    from safetensors.torch import load_file

    load_network(heatmap_name(False), out)  # verifies it
    missing, unexpected = network.load_state_dict(
        load_file(out / f"{heatmap_name(False)}.safetensors"), strict=False
    )
    if unexpected or any(not key.startswith("join.") for key in missing):
        raise ValueError("the baseline is of another architecture")
    network.features.requires_grad_(False)
    network.heat.requires_grad_(False)


def _hold_baseline(network: nn.Module) -> None:
    """Keep the statistics of the baseline's batch norms as they were trained."""
    assert isinstance(network, HeatmapNetwork)
    network.features.eval()


def _local_results(films: Sequence[Prepared], out: Path) -> dict[str, NDArray[np.float32]]:
    classifier, _ = load_network(tissue_name(Magnification.HALF), out)
    assert isinstance(classifier, TissueClassifier)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return tissue_logits(classifier.to(device), films)


class _Windows:
    """Draws windows of whole cells from prepared films, half of them around a lesion."""

    def __init__(self, films: Sequence[Prepared], grids: dict[str, NDArray[np.float32]]) -> None:
        self.films, self.grids = list(films), grids

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Images (N, 1, 8 I, 8 J), tissue logits and targets (N, 1, I, J)."""
        parts = [self._one(rng) for _ in range(count)]
        images, tissue, targets = (torch.from_numpy(np.stack(p)[:, None]) for p in zip(*parts, strict=True))
        return images, tissue, targets

    def _one(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], ...]:
        film = self.films[rng.integers(len(self.films))]
        cells, side = film.inside.shape, HEATMAP_REDUCTION
        target = heat_target(film.boxes, film.inside.shape)
        grid = self.grids.get(film.name, np.zeros(cells, np.float32))
        first = [
            int(rng.integers(min(0, n - w), max(0, n - w) + 1)) for n, w in zip(cells, WINDOW, strict=True)
        ]
        image = _window(film.images[HEATMAP_REDUCTION], first, side).astype(np.float32) / np.float32(255)
        grid, target = _window(grid, first, 1, fill=-8.0 if self.grids else 0.0), _window(target, first, 1)
        if not self.grids:
            image, target = _turned(image, target, rng)
        if rng.random() < 0.5:
            image, grid, target = image[::-1], grid[::-1], target[::-1]
        lit = np.clip(image, 1e-4, 1) ** np.exp(rng.uniform(-0.25, 0.25)) * np.exp(rng.uniform(-0.15, 0.15))
        image = np.where(image > 0.004, lit + rng.uniform(-0.05, 0.05), image)
        noisy = grid + rng.normal(0, 0.5, grid.shape) if self.grids else grid
        return (
            np.clip(image, 0, 1).astype(np.float32),
            noisy.astype(np.float32),
            np.ascontiguousarray(target, np.float32),
        )


def _window(array: NDArray[Any], first: list[int], side: int, fill: float = 0.0) -> NDArray[Any]:
    """WINDOW cells of `side` pixels from cell `first` on (negative: padded with `fill`)."""
    shape = [w * side for w in WINDOW]
    result = np.full(shape, fill, array.dtype)
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
    """Turn by up to 12°, scale by up to 12 % in each direction, together with the target."""
    angle, zoom = rng.uniform(-0.21, 0.21), np.exp(rng.uniform(-0.12, 0.12, 2))
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
