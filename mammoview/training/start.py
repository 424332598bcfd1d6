"""Training that goes on from a trained network instead of from random weights."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

from mammoview.domain import ModelCard
from mammoview.evaluation.split import manifest_file
from mammoview.models.cards import Network, load_trainable

__all__ = ["FURTHER", "begun_from", "keep_manifests", "trained_before"]

FURTHER: Final = 0.35
"""Highest learning rate of such a training, for each 1 of the usual: what is known is not to be lost."""


def trained_before(name: str, folder: Path | None) -> tuple[Network, ModelCard] | None:
    """The network of this name in a folder of weights, and its card; None without a folder.

    Raises
    ------
    WeightsMissing, WeightsMismatch
    """
    return None if folder is None else load_trainable(name, folder)


def begun_from(card: ModelCard, before: ModelCard | None) -> ModelCard:
    """The card of a network that began as another one: it has seen what that one saw, too."""
    if before is None:
        return card
    origin = f"begun from {before.name} {before.version} ({before.sha256[:12]}), which was trained on"
    return replace(card, trained_on=f"{card.trained_on}; {origin}: {before.trained_on}")


def keep_manifests(folder: Path | None, out: Path) -> None:
    """Copy the splits of the datasets that the networks of a folder were trained on, where `out` has none."""
    for path in [] if folder is None else sorted(folder.glob(manifest_file("*"))):
        if not (out / path.name).exists():
            shutil.copyfile(path, out / path.name)
