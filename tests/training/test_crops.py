"""Crops of tissue: every patch in them has the label a reader would give it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from mammoview.domain import Magnification
from mammoview.errors import UnusableDataset
from mammoview.evaluation.patches import HeldOut, held_out_patches, touches
from mammoview.training.atlas import drawn_linear
from mammoview.training.crops import ACROSS, FINDING, FREE, NEITHER, CropSource, Geometry
from mammoview.training.team import batch_of
from mammoview.training.tissue import balanced_loss, calibrate, margins
from tests.networks import tissue_classifier
from tests.training.films import CELL, MIDDLE, SHAPE, breast

CPU = torch.device("cpu")
GEOMETRY = Geometry(Magnification.QUARTER, 84, 16)


def source(*films, geometry=GEOMETRY) -> CropSource:
    return CropSource(films, geometry, 4.0, CPU)


def labels_at(drawn: CropSource, film: int, centre: np.ndarray) -> np.ndarray:
    """Labels of a straight crop centred here."""
    _, labels = drawn._cut(np.array([film]), np.asarray(centre, float)[None], np.eye(2)[None])
    return labels[0].numpy()


def test_patches_at_the_lesions_centre_are_findings_and_those_that_touch_it_are_neither():
    drawn = source(breast(mass=True))
    labels = labels_at(drawn, 0, MIDDLE)
    steps = (np.arange(ACROSS) - (ACROSS - 1) / 2) * 16 * 4
    for i, down in enumerate(steps):
        for j, across in enumerate(steps):
            away = max(abs(down), abs(across))
            touched = touches(breast(mass=True), MIDDLE + np.array([down, across]), 84 * 4)
            wanted = FINDING if away <= 80 else NEITHER if touched else FREE  # 4 mm are 80 of 50 µm
            assert labels[i, j] == wanted
    assert (labels == FINDING).sum() == 9


def test_what_a_crop_shows_at_a_finding_is_the_lesion():
    drawn = source(breast(mass=True))
    images, labels = drawn.plain(np.random.default_rng(2), 40)
    for image, label in zip(images[:, 0], labels, strict=True):
        for i, j in np.argwhere(label.numpy() == FINDING):
            patch = image.numpy()[i * 16 : i * 16 + 84, j * 16 : j * 16 + 84]
            row, column = np.unravel_index(patch.argmax(), patch.shape)
            assert max(abs(row - 42), abs(column - 42)) <= 80 / 4 + 1
    assert (labels == FINDING).any()


def test_labels_turn_with_the_crop():
    """A crop beside the mass, turned, mirrored and stretched: what is called a finding still shows it."""
    drawn, rng, seen = source(breast(mass=True)), np.random.default_rng(4), 0
    for linear in drawn_linear(rng, 24, quarter_turns=True, angle=0.26, stretch=0.15):
        centre = MIDDLE + rng.uniform(-150, 150, 2)
        images, labels = drawn._cut(np.array([0]), centre[None], linear[None])
        for i, j in np.argwhere(labels[0].numpy() == FINDING):
            patch = images[0, 0].numpy()[i * 16 : i * 16 + 84, j * 16 : j * 16 + 84]
            row, column = np.unravel_index(patch.argmax(), patch.shape)
            assert np.hypot(row - 42, column - 42) <= 1.2 * np.hypot(20, 20) + 1  # 4 mm each way, stretched
            seen += 1
    assert seen > 60


def test_half_of_the_crops_are_around_a_lesion_and_the_others_hold_free_tissue():
    drawn = source(breast(mass=True), breast(mass=False), breast(mass=False))
    images, labels = drawn.draw(np.random.default_rng(0), 24)
    assert images.shape == (24, 1, GEOMETRY.side, GEOMETRY.side)
    assert labels.shape == (24, ACROSS, ACROSS)
    assert images.dtype == torch.float32
    assert images.min() >= 0
    assert images.max() <= 1
    assert (labels[:12] == FINDING).any(dim=2).any(dim=1).sum() >= 10
    assert (labels[12:] == FREE).float().mean() > 0.5


@pytest.mark.parametrize("batch", [8, 16, 32])
def test_half_of_every_batch_is_around_a_lesion_whoever_shares_it(batch):
    drawn = source(breast(mass=True), *(breast(mass=False) for _ in range(30)))
    _, labels = batch_of(drawn.draw, np.random.default_rng(0), batch)
    assert (labels == FINDING).flatten(1).any(dim=1).sum() >= 0.4 * batch


def test_a_draw_is_repeated_by_its_seed_and_by_no_other():
    drawn = source(breast(mass=True))
    first, again, other = (drawn.draw(np.random.default_rng(s), 4)[0] for s in (5, 5, 6))
    assert_array_equal(first, again)
    assert not torch.equal(first, other)


def test_nothing_is_learnt_near_an_annotation_that_is_larger_than_the_patch():
    film = breast(mass=True)
    large = np.array([[0.0, 0.0, SHAPE[0] * CELL, 500.0]])
    both = replace(film, boxes=np.concatenate([film.boxes, large]))
    drawn = source(both)
    assert drawn.too_large == 1
    assert (labels_at(drawn, 0, np.array([640.0, 100.0])) == NEITHER).all()


def test_a_crop_gives_each_patch_the_logits_it_has_alone():
    classifier = tissue_classifier(84, (4, 6, 8))
    images, _ = source(breast(mass=True)).plain(np.random.default_rng(1), 2)
    with torch.inference_mode():
        together = classifier(images, 16)
        alone = torch.stack(
            [
                classifier(images[:, :, i * 16 : i * 16 + 84, j * 16 : j * 16 + 84])
                for i in range(ACROSS)
                for j in range(ACROSS)
            ],
            dim=-1,
        ).reshape(2, 2, ACROSS, ACROSS)
    assert_allclose(together, alone, atol=1e-5)


def test_findings_weigh_as_much_as_everything_else():
    margin = torch.zeros(1, 2, 50)
    labels = torch.zeros(1, 2, 50, dtype=torch.long)
    labels[0, 0, 0] = FINDING
    labels[0, 0, 1:20] = NEITHER
    margin.requires_grad_()
    (gradient,) = torch.autograd.grad(balanced_loss(margin, labels), margin)
    assert_allclose(gradient[0, 0, 0], -gradient[labels == FREE].sum(), rtol=1e-5)
    assert (gradient[labels == NEITHER] == 0).all()


def test_what_looks_like_a_lesion_weighs_more_than_what_does_not():
    margin = torch.tensor([[[3.0, 4.0, -6.0, -6.0]]], requires_grad=True)
    labels = torch.tensor([[[FINDING, FREE, FREE, FREE]]])
    loss = balanced_loss(margin, labels)
    even = torch.nn.functional.binary_cross_entropy_with_logits(
        margin[labels == FREE], torch.full((3,), 0.01), reduction="none"
    )
    own = torch.nn.functional.binary_cross_entropy_with_logits(margin[0, 0, 0], torch.tensor(0.99))
    suspicion = margin[labels == FREE].sigmoid()
    hard = (even * suspicion).sum() / suspicion.sum()
    assert_allclose(loss.item(), (0.5 * own + 0.25 * even.mean() + 0.25 * hard).item(), rtol=1e-5)


def test_a_batch_without_a_finding_or_without_free_tissue_still_has_a_loss():
    margin = torch.zeros(1, 1, 3)
    for label in (FINDING, FREE):
        assert torch.isfinite(balanced_loss(margin, torch.full((1, 1, 3), label)))


def test_calibrated_suspicion_is_as_often_right_as_it_says():
    classifier = tissue_classifier(84, (4, 6, 8))
    random = torch.Generator().manual_seed(0)
    images = torch.rand(400, 1, 84, 84, generator=random) * torch.rand(400, 1, 1, 1, generator=random)
    margin = margins(classifier, HeldOut(images, np.zeros(400, np.int64), ["p"] * 400))
    rng = np.random.default_rng(0)
    truth = 1 / (1 + np.exp(-(margin - margin.mean()) / margin.std() * 2))
    held_out = HeldOut(images, (rng.random(400) < truth).astype(np.int64), ["p"] * 400)
    calibrate(classifier, held_out)
    suspicion = 1 / (1 + np.exp(-margins(classifier, held_out)))
    assert abs(suspicion.mean() - held_out.labels.mean()) < 0.01
    assert np.abs(suspicion - truth).mean() < 0.08


def everywhere(film):
    """The same film, annotated from edge to edge but for a small lesion's own box."""
    whole = np.array([[0.0, 0.0, SHAPE[0] * CELL, SHAPE[1] * CELL]])
    return replace(film, boxes=np.concatenate([film.boxes, whole]))


def test_films_that_are_annotated_all_over_are_refused_and_do_not_hang():
    film = everywhere(breast(mass=True))
    with pytest.raises(UnusableDataset, match="hardly any place free"):
        held_out_patches([film], Magnification.QUARTER, 84, 4)


def test_films_whose_lesions_fit_into_no_patch_are_refused():
    film = everywhere(breast(mass=False))
    with pytest.raises(UnusableDataset, match="no annotation fits"):
        held_out_patches([film], Magnification.QUARTER, 84, 4)
    with pytest.raises(UnusableDataset, match="no annotation fits"):
        source(film)
