"""A small network, trained anew on real films, reaches what the README says of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from mammoview.cli import main
from mammoview.domain import Magnification
from mammoview.evaluation.patches import held_out_patches
from mammoview.evaluation.store import load, prepared_among
from mammoview.evaluation.tissue import area_under_curve, suspicions
from mammoview.models.cards import load_network
from mammoview.models.tissue import TissueClassifier
from mammoview.readers.datasets import open_dataset
from tests.conftest import REPOSITORY

STATED = re.compile(
    r"train tissue DATASET --magnification 0\.25 --small`.*?"
    r"AUC was ([\d.]+) \(([\d.]+) to ([\d.]+)\)",
    re.DOTALL,
)


@pytest.mark.films
@pytest.mark.skipif(
    "MAMMOVIEW_RETRAIN" not in os.environ, reason="takes some ten minutes of two cores: run `make retrain`"
)
def test_a_small_network_trained_anew_reaches_its_stated_area(films: Path, tmp_path: Path) -> None:
    stated = STATED.search((REPOSITORY / "README.md").read_text(encoding="utf-8"))
    assert stated is not None
    low, high = float(stated[2]), float(stated[3])
    dataset, runs, out = films / "cbis-ddsm-mass", tmp_path / "runs", tmp_path / "weights"
    words = ["--magnification", "0.25", "--small", "--runs", str(runs), "--out", str(out), "--workers", "2"]
    assert main(["train", "tissue", str(dataset), *words]) == 0
    network, _ = load_network("tissue-0.25", out)
    assert isinstance(network, TissueClassifier)
    store = next(runs.glob("films-*"))
    kept = prepared_among(open_dataset(dataset), store)
    unseen = [film for film in load((f.film.source for f in kept), store) if film.validation]
    draw = held_out_patches(unseen, Magnification.QUARTER, network.patch, 256)
    assert low <= area_under_curve(draw.labels, suspicions(network, draw)) <= high
