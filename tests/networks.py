"""Small networks with known weights, built as the shipped ones are; not trained."""

from __future__ import annotations

from pathlib import Path

import torch

from mammoview.domain import Magnification, ModelCard
from mammoview.models.cards import Suite, heatmap_name, load_suite, save_network, tissue_name
from mammoview.models.heatmap import HeatmapNetwork
from mammoview.models.tissue import TissueClassifier

__all__ = ["small_suite", "tissue_classifier"]


def tissue_classifier(patch: int, widths: tuple[int, ...], seed: int = 0) -> TissueClassifier:
    """A classifier with random weights and lived-in batch norms."""
    torch.manual_seed(seed)
    network = TissueClassifier(patch, widths, 0.35, 0.25)
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(4, 1, patch, patch))
    return network.eval().requires_grad_(False)


def card(name: str, architecture: dict[str, object], inputs: dict[str, object]) -> ModelCard:
    return ModelCard(
        name=name,
        version="0",
        sha256="",
        architecture=architecture,
        inputs={"band_limit_mm": 0.3, "mean": 0.35, "std": 0.25} | inputs,
        trained_on="nothing: random weights of a test",
        split="none",
        metrics={},
        operating_point=0.5,
        licence="Apache-2.0",
        intended_use="tests",
        limits="everything",
    )


def small_suite(folder: Path) -> Suite:
    """A suite of five untrained networks, saved and loaded the way real ones are."""
    for magnification, patch in zip(Magnification, (116, 100, 84), strict=True):
        widths = (4, 6, 8, 8)
        described = card(
            tissue_name(magnification),
            {"kind": "tissue", "widths": list(widths)},
            {"patch": patch, "mm_per_pixel": magnification.mm},
        )
        save_network(tissue_classifier(patch, widths), described, folder)
    for local_results in (False, True):
        torch.manual_seed(1)
        shape = {"kind": "heatmap", "widths": [4, 4, 4], "context": 8, "dilations": [1, 2]}
        network = HeatmapNetwork([4, 4, 4], 8, [1, 2], local_results, 0.35, 0.25)
        described = card(
            heatmap_name(local_results), shape | {"local_results": local_results}, {"mm_per_pixel": 0.4}
        )
        save_network(network, described, folder)
    return load_suite(folder, "cpu")
