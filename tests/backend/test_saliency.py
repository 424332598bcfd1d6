"""Saliency: the paper's gradient, its gate and its sum."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from mammoview.backend.saliency import (
    contributions,
    entropy,
    gate,
    hot_pixels,
    kept_saliency,
    margin_gradient,
    patch_weights,
)
from mammoview.domain import Heatmap, Magnification, TissueGrid, Weighting
from mammoview.geometry import Frame
from tests.networks import tissue_classifier

FIELD = Frame(scan_width=1000, mirrored=True, origin=(30.0, 20.0), scale=(1.0, 1.0))


def grid_of(suspicion: np.ndarray, stride: int = 32) -> TissueGrid:
    frame = FIELD.magnified(1 / 2).magnified(1 / stride)
    return TissueGrid(Magnification.HALF, 84, stride, suspicion.astype(np.float32), 0.5, frame)


def heatmap_of(heat: np.ndarray) -> Heatmap:
    return Heatmap(heat.astype(np.float32), 0.5, FIELD.magnified(1 / 64), True)


def weighted(
    classifier, patches: torch.Tensor, weighting: Weighting, contribution: float = 1.0
) -> torch.Tensor:
    gradients, margin = margin_gradient(classifier, patches)
    weights = patch_weights(gradients, margin, torch.ones_like(margin))
    return gradients * weights[weighting][:, None, None]


def minus_log_p(logits: torch.Tensor) -> torch.Tensor:
    return -logits.log_softmax(dim=1).max(dim=1).values


@pytest.mark.parametrize(
    ("weighting", "scalar"), [(Weighting.ENTROPY, entropy), (Weighting.LOG_PROBABILITY, minus_log_p)]
)
def test_saliency_of_one_patch_is_the_finite_difference_of_its_scalar(weighting, scalar):
    classifier = tissue_classifier(84, (4, 6, 8)).double()
    patch = torch.rand(1, 1, 84, 84, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    gradient = weighted(classifier, patch, weighting)[0]
    step = 1e-6
    for row, column in [(0, 0), (42, 42), (83, 10), (20, 60), (50, 5)]:
        moved = patch.repeat(2, 1, 1, 1)
        moved[0, 0, row, column] += step
        moved[1, 0, row, column] -= step
        up, down = scalar(classifier(moved))
        assert_allclose(
            float(gradient[row, column]), abs(float((up - down) / (2 * step))), rtol=1e-4, atol=1e-9
        )


def test_the_entropy_of_a_patch_that_is_certain_adds_nothing_and_its_context_all_of_it():
    gradients = torch.rand(2, 5, 5) + 0.1
    weights = patch_weights(gradients, torch.tensor([0.5, 40.0]), torch.tensor([0.1, 0.9]))
    entropies, contexts = (
        (gradients * weights[w][:, None, None]).sum(dim=(1, 2))
        for w in (Weighting.ENTROPY, Weighting.CONTEXT)
    )
    assert entropies[1] < 1e-12 * entropies[0]
    torch.testing.assert_close(contexts, torch.tensor([0.1, 0.9]))


def test_a_patch_without_any_gradient_has_a_finite_saliency():
    weights = patch_weights(torch.zeros(1, 4, 4), torch.tensor([3.0]), torch.tensor([0.5]))
    assert all(torch.isfinite(w * torch.zeros(1)).all() for w in weights.values())


def test_a_cell_contributes_its_suspicion_times_the_heat_at_its_centre():
    suspicion = np.array([[0.9, 0.5], [0.25, 1.0]])
    heat = np.array([[0.5, 0.1], [0.8, 0.0]])
    assert_allclose(
        contributions(grid_of(suspicion), heatmap_of(heat)), [[0.45, 0.05], [0.2, 0.0]], rtol=1e-6
    )


def test_entropy_is_finite_where_a_class_is_certain():
    values = entropy(torch.tensor([[0.0, 0.0], [200.0, -200.0], [-1e4, 1e4]]))
    assert_allclose(values, [np.log(2), 0, 0], atol=1e-6)


def test_patches_do_not_see_one_another():
    classifier = tissue_classifier(84, (4, 6, 8))
    patches = torch.rand(5, 1, 84, 84)
    together = weighted(classifier, patches, Weighting.ENTROPY)
    alone = torch.cat([weighted(classifier, p[None], Weighting.ENTROPY) for p in patches])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-7)


def test_the_film_and_the_network_are_left_as_they_were():
    classifier = tissue_classifier(84, (4, 6, 8))
    before = {k: v.clone() for k, v in classifier.state_dict().items()}
    patches = torch.rand(2, 1, 84, 84)
    kept = patches.clone()
    weighted(classifier, patches, Weighting.ENTROPY)
    assert torch.equal(patches, kept)
    assert patches.grad is None
    assert all(p.grad is None for p in classifier.parameters())
    assert all(torch.equal(v, before[k]) for k, v in classifier.state_dict().items())


def test_a_cell_is_kept_only_when_positive_and_hot():
    suspicion = np.array([[0.9, 0.9, 0.1], [0.5, 0.49, 0.9]])
    heat = np.array([[0.9, 0.1, 0.9], [0.5, 0.9, 0.2]])
    kept = gate(grid_of(suspicion), heatmap_of(heat))
    assert_array_equal(kept, [[True, False, False], [True, False, False]])


def test_a_coarse_cell_is_gated_by_the_heat_at_its_centre():
    heat = np.zeros((4, 4))
    heat[1, 1] = heat[2, 2] = 0.9  # the centre of coarse cell (0, 0) is the corner that these share
    assert gate(grid_of(np.ones((2, 2)), stride=64), heatmap_of(heat)).sum() <= 1
    heat[:2, :2] = 0.9
    assert gate(grid_of(np.ones((2, 2)), stride=64), heatmap_of(heat))[0, 0] or heat[2, 2] >= 0.5


def test_saliency_adds_up_where_patches_overlap():
    classifier = tissue_classifier(84, (4, 6, 8))
    image = np.random.default_rng(0).random((96, 128), np.float32)
    kept = np.zeros((3, 4), bool)
    kept[1, 1] = kept[1, 2] = True
    terms = np.full((3, 4), 0.5, np.float32)

    def entropy_of(cells: np.ndarray) -> np.ndarray:
        return kept_saliency(classifier, image, cells, terms, 32, batch=16)[Weighting.ENTROPY]

    both = entropy_of(kept)
    one, other = kept.copy(), kept.copy()
    one[1, 2], other[1, 1] = False, False
    parts = [entropy_of(part) for part in (one, other)]
    assert_allclose(both, parts[0] + parts[1], atol=1e-7)
    # By hand: the patch of cell (1, 1) is 84 wide and centred on pixel edge (48, 48).
    patch = torch.from_numpy(image[6:90, 6:90])[None, None]
    alone = weighted(classifier, patch, Weighting.ENTROPY)[0].numpy()
    assert_allclose(parts[0][6:90, 6:90], alone, atol=1e-7)
    assert parts[0][:6].max() == 0


def test_nothing_kept_gives_no_saliency():
    classifier = tissue_classifier(84, (4, 6, 8))
    nothing = np.zeros((2, 2), bool)
    maps = kept_saliency(classifier, np.ones((64, 64), np.float32), nothing, nothing * 1.0, 32, 16)
    assert set(maps) == set(Weighting)
    assert all(values.max() == 0 for values in maps.values())


def test_the_heat_region_covers_its_own_cells_and_no_other_pixel():
    heat = np.zeros((3, 4))
    heat[1, 2] = 0.9
    region = hot_pixels(heatmap_of(heat), FIELD.magnified(1 / 2), (96, 128))
    expected = np.zeros((96, 128), bool)
    expected[32:64, 64:96] = True
    assert_array_equal(region, expected)
