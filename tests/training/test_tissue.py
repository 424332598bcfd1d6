"""Training of a tissue classifier, from the films to the card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from mammoview.domain import Magnification
from mammoview.errors import WeightsMissing
from mammoview.evaluation.calibration import platt
from mammoview.evaluation.patches import held_out_patches
from mammoview.evaluation.store import Prepared
from mammoview.models.cards import load_network, read_card
from mammoview.training.fit import Budget
from mammoview.training.heatmap import train_heatmap
from mammoview.training.tissue import HELD_OUT, SHAPES, margins, train_tissue
from tests.networks import card
from tests.training.films import CELL, SHAPE, breast

QUARTER = Magnification.QUARTER
SMALL = Budget(steps=4, small=True)


def films() -> list[Prepared]:
    """Four breasts of four patients, each with a mass somewhere else; two are kept for validation."""
    rng = np.random.default_rng(3)
    size = np.array(SHAPE) * CELL
    return [
        replace(
            breast(
                mass=True, middle=rng.uniform(0.3, 0.7, 2) * size, validation=i > 1, background=60 + 9 * i
            ),
            name=f"film{i}",
            patient=f"patient{i}",
        )
        for i in range(4)
    ]


def empty():
    return replace(card("", {}, {}), inputs={"band_limit_mm": 0.3}, trained_on="films by hand")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a classifier and a heatmap that were trained for a moment."""
    folder = tmp_path_factory.mktemp("trained")
    train_tissue(films(), QUARTER, empty(), folder / "out", folder / "runs", SMALL)
    train_heatmap(films(), False, empty(), folder / "out", folder / "runs", SMALL)
    return folder / "out"


def test_the_logits_of_a_trained_classifier_are_calibrated_on_the_validation_films(trained):
    """Fitted to them once more, its own calibration leaves it as it is."""
    network, _ = load_network("tissue-0.25", trained)
    kept = [film for film in films() if film.validation]
    draw = held_out_patches(kept, QUARTER, network.patch, HELD_OUT)
    slope, offset = platt(draw.labels, margins(network, draw))
    assert_allclose((slope, offset), (1, 0), atol=0.02)


def test_patches_of_256_pixels_are_the_papers_other_reading():
    wide = {m: shape.wide() for m, shape in SHAPES.items()}
    assert {shape.patch for shape in wide.values()} == {256}
    assert {m: round(shape.patch * m.mm, 1) for m, shape in SHAPES.items()} == dict.fromkeys(SHAPES, 25.6) | {
        Magnification.THIRD: 25.5
    }
    assert wide[Magnification.HALF].widths == SHAPES[Magnification.HALF].widths


@pytest.mark.parametrize("name", ["tissue-0.25", "heatmap-baseline"])
def test_training_goes_on_from_a_trained_network_and_its_card_says_so(trained, tmp_path, name):
    further = replace(SMALL, steps=1, start=trained)
    if name.startswith("tissue"):
        train_tissue(films(), QUARTER, empty(), tmp_path / "out", tmp_path / "runs", further)
    else:
        train_heatmap(films(), False, empty(), tmp_path / "out", tmp_path / "runs", further)
    (before, known), (after, said) = (load_network(name, f) for f in (trained, tmp_path / "out"))
    assert f"begun from {name} {known.version} ({known.sha256[:12]})" in said.trained_on
    assert said.architecture == known.architecture
    chance = [p for p in before.parameters() if p.dim() == 4]
    for old, new in zip(chance, (p for p in after.parameters() if p.dim() == 4), strict=True):
        assert not torch.equal(old, new)
        assert torch.nn.functional.cosine_similarity(old.flatten(), new.flatten(), dim=0) > 0.95


def test_training_that_is_to_go_on_from_nothing_is_refused(tmp_path):
    with pytest.raises(WeightsMissing):
        train_tissue(films(), QUARTER, empty(), tmp_path, tmp_path, replace(SMALL, start=tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_batch_may_have_any_size_that_four_processes_can_share(tmp_path):
    budget = replace(SMALL, steps=1, batch=8)
    assert train_heatmap(films(), False, empty(), tmp_path, tmp_path, budget)["history"]
    assert read_card("heatmap-baseline", tmp_path).architecture["local_results"] is False
