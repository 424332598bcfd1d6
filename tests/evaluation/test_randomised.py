"""The check that saliency depends on what the network learnt."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.stats import spearmanr

from mammoview.domain import Magnification
from mammoview.evaluation.patches import HeldOut
from mammoview.evaluation.randomised import randomised, randomised_figures, rank_correlation
from tests.networks import tissue_classifier

PATCH = 84


@pytest.fixture(scope="module")
def classifier():
    return tissue_classifier(PATCH, (4, 6, 8, 8))


def weights(classifier) -> list[torch.Tensor]:
    return [p.detach().clone() for p in classifier.state_dict().values()]


def test_layers_are_drawn_anew_from_the_output_on_and_the_network_itself_stays(classifier):
    before = weights(classifier)
    names = [name for name, value in classifier.state_dict().items() if value.dim() == 4]
    for layers, changed in {
        0: [],
        1: ["decide.weight"],
        2: ["decide.weight", "pool.weight"],
        None: names,
    }.items():
        anew = randomised(classifier, layers).state_dict()
        told = [name for name in names if not torch.equal(anew[name], classifier.state_dict()[name])]
        assert sorted(told) == sorted(changed)
    assert all(torch.equal(a, b) for a, b in zip(before, weights(classifier), strict=True))


def test_drawing_weights_anew_leaves_the_callers_generator_alone(classifier):
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    randomised(classifier)
    assert torch.equal(torch.rand(3), expected)


def test_rank_correlation_is_spearmans_of_each_pair():
    one, other = torch.rand(2, 5, 5), torch.rand(2, 5, 5)
    expected = [spearmanr(a.flatten(), b.flatten()).statistic for a, b in zip(one, other, strict=True)]
    assert_allclose(rank_correlation(one, other), expected)
    assert_allclose(rank_correlation(one, one**3), 1)
    assert np.isnan(rank_correlation(one, torch.ones(2, 5, 5))).all()


def test_the_same_weights_agree_wholly_and_random_ones_hardly(classifier):
    images = torch.rand(6, 1, PATCH, PATCH, generator=torch.Generator().manual_seed(3))
    held_out = HeldOut(images, np.array([1, 1, 1, 1, 0, 0]), [f"P_{i:05d}" for i in range(6)])
    figures = randomised_figures(classifier, held_out, Magnification.HALF)
    start = "rank correlation of saliency, trained against"
    assert figures[f"{start} the same weights, ×0.5"].value == pytest.approx(1)
    assert figures[f"{start} the same weights, ×0.5"].n == 4  # only patches with findings
    assert abs(figures[f"{start} all weights randomised, ×0.5"].value) < 0.3
    # Without padding all maps fade towards the border of a patch: whole patches agree for that alone.
    whole = figures[f"{start} all weights randomised, whole patch, ×0.5"].value
    assert whole > figures[f"{start} all weights randomised, ×0.5"].value + 0.1
