"""An empty layer says why it is empty: not run, running, failed, or ran and found nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mammoview.domain import Assessment
from mammoview.ui.states import layer_states
from tests import handmade
from tests.handmade import dark, saliency

MODELS_LAYERS = ("Heatmap", "Tissue classifications", "Saliency", "Findings")


def states(
    assessment: Assessment | None = None, failure: str | None = None, running: bool = False
) -> dict[str, str]:
    return dict(layer_states(handmade.mammogram(), assessment, failure, running))


def test_before_anything_was_asked_for_nothing_was_run() -> None:
    assert {states()[layer] for layer in MODELS_LAYERS} == {"not run"}


def test_while_it_runs_the_layers_say_so_even_after_a_failure() -> None:
    assert {states(failure="no weights", running=True)[layer] for layer in MODELS_LAYERS} == {"running"}


def test_a_failed_layer_says_why() -> None:
    assert {states(failure="There are no weights.")[layer] for layer in MODELS_LAYERS} == {
        "failed: There are no weights."
    }


def test_no_outline_is_not_a_failure() -> None:
    assert states()["Reader's outlines"] == "the source has none for this film"


def test_a_layer_that_ran_and_found_nothing_is_not_one_that_was_not_run() -> None:
    assessed = handmade.assessment(saliency(dark()))
    quiet = replace(assessed, heatmap=replace(assessed.heatmap, level=0.95))
    said = states(quiet)
    assert said["Heatmap"] == "ran: nothing at or above the level 0.95; the highest is 0.90"
    assert said["Findings"] == "ran: no region is above the level"
    assert said["Saliency ×0.5"].startswith("ran: no patch")


def test_what_was_found_is_counted() -> None:
    kept = np.zeros((2, 3), bool)
    kept[0, 1] = True
    assessed = handmade.assessment(replace(saliency(dark()), kept=kept))
    said = states(assessed)
    assert said["Heatmap"] == "ran: 1 of 48 cells at or above the level 0.50"
    assert said["Saliency ×0.5"].endswith(": 1")
    assert all("1 of" in said[f"Tissue classifications {each}"] for each in ("×0.5", "×0.33", "×0.25"))
