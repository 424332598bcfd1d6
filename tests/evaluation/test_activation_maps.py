"""Grad-CAM and HiResCAM against the formula, their register, and their sum against the saliency's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from mammoview.backend.saliency import kept_saliency, margin_gradient
from mammoview.domain import Weighting
from mammoview.evaluation.gradcam import added_up, feature_places, grad_cam, hires_cam
from tests.networks import tissue_classifier

PATCH = 84


@pytest.fixture(scope="module")
def classifier():
    return tissue_classifier(PATCH, (4, 6, 8, 8))


@pytest.fixture(scope="module")
def patches():
    return torch.rand(3, 1, PATCH, PATCH, generator=torch.Generator().manual_seed(1))


def on_features(classifier, patches):
    """Features and the gradient of the finding's logit, each channel and place by a finite difference."""
    features = classifier.features((patches - classifier.mean) / classifier.std).double()
    head = classifier.double()
    step = 1e-4
    gradient = torch.zeros_like(features)
    for place in np.ndindex(*features.shape[1:]):
        moved = features.clone()
        moved[(slice(None), *place)] += step
        change = head.head(moved, head.stride) - head.head(features, head.stride)
        gradient[(slice(None), *place)] = change[:, 1, 0, 0] / step
    classifier.float()
    return features.numpy(), gradient.numpy()


def interpolated(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Values (h, h) at `places` along both sides, linearly at every pixel and held beyond the outermost."""
    pixels = np.arange(PATCH)
    rows = np.array([np.interp(pixels, places, column) for column in values.T])
    return np.array([np.interp(pixels, places, row) for row in rows.T])


def test_both_maps_are_their_formulas_between_the_places_of_the_features(classifier, patches):
    features, gradient = on_features(classifier, patches[:1])
    first, step = feature_places(classifier)
    places = np.arange(features.shape[-1]) * step + first
    for maps, weights in ((grad_cam, gradient.mean(axis=(2, 3), keepdims=True)), (hires_cam, gradient)):
        expected = np.maximum((weights * features).sum(axis=1), 0)[0]
        assert expected.max() > 0
        values = maps(classifier, patches[:1])[0].numpy()
        assert_allclose(values, interpolated(expected, places), atol=1e-4 * expected.max())


def test_a_feature_sees_the_pixels_around_its_place(classifier):
    blank = torch.full((1, 1, PATCH, PATCH), 0.5, requires_grad=True)
    noisy = (
        blank + 0.1 * torch.randn(1, 1, PATCH, PATCH, generator=torch.Generator().manual_seed(0))
    ).detach()
    noisy.requires_grad_()
    features = classifier.features((noisy - classifier.mean) / classifier.std)
    row, column = 1, 2
    (gradient,) = torch.autograd.grad(features[0, :, row, column].sum(), noisy)
    seen = np.argwhere(gradient[0, 0].numpy() != 0)
    first, step = feature_places(classifier)
    reach = (seen.max(axis=0) + seen.min(axis=0)) / 2
    # Maximum pooling takes one pixel of four, so that the outermost may be missing: within a step.
    assert_allclose(reach, [first + row * step, first + column * step], atol=step / 2)
    # The features lie in the middle of the patch, but for what pooling drops at its end.
    side = features.shape[-1]
    assert 0 <= (PATCH - 1) - (first + (side - 1) * step) - first < step


def test_maps_are_added_up_exactly_as_the_saliency(classifier):
    """With the saliency's own map of a patch in place of Grad-CAM's, the sum is the saliency."""
    rng = np.random.default_rng(2)
    image = rng.random((130, 170), dtype=np.float32)
    kept = rng.random((5, 6)) < 0.4
    contribution = rng.random(kept.shape, dtype=np.float32)
    expected = kept_saliency(classifier, image, kept, contribution, 32, 4)[Weighting.CONTEXT]
    found = added_up(lambda c, p: margin_gradient(c, p)[0], classifier, image, kept, contribution, 32, 4)
    assert_allclose(found, expected, rtol=1e-4, atol=1e-9)
    assert_allclose(added_up(hires_cam, classifier, image, kept, contribution, 32, 4).shape, image.shape)


def test_a_patch_without_activation_adds_nothing(classifier):
    image, kept = np.zeros((64, 64), np.float32), np.ones((2, 2), bool)
    terms = np.ones((2, 2), np.float32)
    nothing = added_up(lambda c, p: torch.zeros(len(p), PATCH, PATCH), classifier, image, kept, terms, 32, 4)
    assert (nothing == 0).all()
