"""Saliency: the paper's gradient, its gate and its sum."""

from __future__ import annotations

import numpy as np
import torch
from numpy.testing import assert_allclose, assert_array_equal

from mammoview.backend.saliency import entropy, entropy_gradient, gate, hot_pixels, kept_saliency
from mammoview.domain import Heatmap, Magnification, TissueGrid
from mammoview.geometry import Frame
from tests.networks import tissue_classifier

FIELD = Frame(scan_width=1000, mirrored=True, origin=(30.0, 20.0), scale=(1.0, 1.0))


def grid_of(suspicion: np.ndarray, stride: int = 32) -> TissueGrid:
    frame = FIELD.magnified(1 / 2).magnified(1 / stride)
    return TissueGrid(Magnification.HALF, 84, stride, suspicion.astype(np.float32), 0.5, frame)


def heatmap_of(heat: np.ndarray) -> Heatmap:
    return Heatmap(heat.astype(np.float32), 0.5, FIELD.magnified(1 / 64), True)


def test_saliency_of_one_patch_is_the_finite_difference_of_the_entropy():
    classifier = tissue_classifier(84, (4, 6, 8)).double()
    patch = torch.rand(1, 1, 84, 84, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    gradient = entropy_gradient(classifier, patch)[0]
    step = 1e-6
    for row, column in [(0, 0), (42, 42), (83, 10), (20, 60), (50, 5)]:
        moved = patch.repeat(2, 1, 1, 1)
        moved[0, 0, row, column] += step
        moved[1, 0, row, column] -= step
        up, down = entropy(classifier(moved))
        assert_allclose(
            float(gradient[row, column]), abs(float((up - down) / (2 * step))), rtol=1e-4, atol=1e-9
        )


def test_entropy_is_finite_where_a_class_is_certain():
    values = entropy(torch.tensor([[0.0, 0.0], [200.0, -200.0], [-1e4, 1e4]]))
    assert_allclose(values, [np.log(2), 0, 0], atol=1e-6)


def test_patches_do_not_see_one_another():
    classifier = tissue_classifier(84, (4, 6, 8))
    patches = torch.rand(5, 1, 84, 84)
    together = entropy_gradient(classifier, patches)
    alone = torch.cat([entropy_gradient(classifier, p[None]) for p in patches])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-7)


def test_the_film_and_the_network_are_left_as_they_were():
    classifier = tissue_classifier(84, (4, 6, 8))
    before = {k: v.clone() for k, v in classifier.state_dict().items()}
    patches = torch.rand(2, 1, 84, 84)
    kept = patches.clone()
    entropy_gradient(classifier, patches)
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
    both = kept_saliency(classifier, image, kept, 32, batch=16)
    one, other = kept.copy(), kept.copy()
    one[1, 2], other[1, 1] = False, False
    parts = [kept_saliency(classifier, image, part, 32, batch=16) for part in (one, other)]
    assert_allclose(both, parts[0] + parts[1], atol=1e-7)
    # By hand: the patch of cell (1, 1) is 84 wide and centred on pixel edge (48, 48).
    alone = entropy_gradient(classifier, torch.from_numpy(image[6:90, 6:90])[None, None])[0].numpy()
    assert_allclose(parts[0][6:90, 6:90], alone, atol=1e-7)
    assert parts[0][:6].max() == 0


def test_nothing_kept_gives_no_saliency():
    classifier = tissue_classifier(84, (4, 6, 8))
    assert kept_saliency(classifier, np.ones((64, 64), np.float32), np.zeros((2, 2), bool), 32, 16).max() == 0


def test_the_heat_region_covers_its_own_cells_and_no_other_pixel():
    heat = np.zeros((3, 4))
    heat[1, 2] = 0.9
    region = hot_pixels(heatmap_of(heat), FIELD.magnified(1 / 2), (96, 128))
    expected = np.zeros((96, 128), bool)
    expected[32:64, 64:96] = True
    assert_array_equal(region, expected)
