"""Hard negatives, inserted masses and calibrated logits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from mammoview.domain import Magnification
from mammoview.errors import UnusableDataset
from mammoview.evaluation.patches import HeldOut, held_out_patches, touches
from mammoview.evaluation.store import Prepared
from mammoview.prepare import CELL
from mammoview.training.hard import HardNegatives, mine
from mammoview.training.insertion import Inserter
from mammoview.training.patches import PatchSource
from mammoview.training.tissue import calibrate, margins
from tests.networks import tissue_classifier

SHAPE = (20, 16)


def breast(mass: bool, background: int = 80) -> Prepared:
    """An even breast of 64 × 51 mm, perhaps with a mass of 9.6 mm in the middle."""
    images = {}
    for reduction in (2, 3, 4, 8):
        height, width = (n * CELL // reduction for n in SHAPE)
        down, across = np.mgrid[:height, :width] * reduction
        distance = np.hypot(down - SHAPE[0] * CELL / 2, across - SHAPE[1] * CELL / 2)
        images[reduction] = (background + mass * 100 * np.exp(-((distance / 70) ** 2))).astype(np.uint8)
    middle = np.array(SHAPE) * CELL / 2
    boxes = np.array([[*(middle - 96), *(middle + 96)]]) if mass else np.empty((0, 4))
    return Prepared("film", "patient", False, boxes, np.ones(SHAPE, bool), images)


def test_no_hard_negative_touches_a_lesion_and_the_hardest_come_first():
    film = breast(mass=True)
    classifier = tissue_classifier(84, (4, 6, 8))
    with torch.no_grad():
        classifier.decide.bias += torch.tensor([-20.0, 20.0])  # everything is suspicious
    found = mine(classifier, [film], Magnification.QUARTER, per_film=7)
    assert len(found.film) == 7
    assert not any(touches(film, centre, 84 * 4) for centre in found.centre)
    assert (np.diff(found.suspicion) <= 0).all()


def test_what_is_not_suspicious_is_not_mined():
    classifier = tissue_classifier(84, (4, 6, 8))
    with torch.no_grad():
        classifier.decide.bias += torch.tensor([20.0, -20.0])
    assert len(mine(classifier, [breast(mass=False)], Magnification.QUARTER).film) == 0


def test_the_more_suspicious_is_drawn_more_often():
    cells = HardNegatives(np.array([0, 0]), np.zeros((2, 2)), np.array([0.9, 0.1]))
    rng = np.random.default_rng(0)
    assert abs(np.mean([cells.draw(rng) == 0 for _ in range(2000)]) - 0.9) < 0.03


def test_half_of_the_negatives_come_from_the_hard_ones():
    plain, bright = breast(mass=True, background=60), breast(mass=False, background=200)
    source = PatchSource([plain, bright], Magnification.QUARTER, 84, 4.0)
    source.films = [plain, bright]
    source.hard = HardNegatives(np.array([1]), np.array([[640.0, 512.0]]), np.array([0.8]))
    source._film_share = np.array([1.0, 0.0])  # the others come from the dark breast
    images, labels = source.balanced(np.random.default_rng(1), 32)
    negatives = images[labels == 0].mean(dim=(1, 2, 3))
    assert (labels == 1).sum() == 16
    assert (negatives > 0.5).sum() == 8


def test_an_inserted_mass_adds_its_density_where_its_box_says():
    donor, host = breast(mass=True), breast(mass=False)
    inserter, rng = Inserter([donor], 8), np.random.default_rng(3)
    image = np.asarray(host.images[8], np.float32) / 255
    for _ in range(50):
        changed, boxes = inserter.insert(image, host, rng)
        if len(boxes):
            break
    assert len(boxes) == 1
    assert_allclose(boxes[0, 2:] - boxes[0, :2], 192, atol=1)
    added = changed - image
    row, column = np.unravel_index(added.argmax(), added.shape)
    r0, c0, r1, c1 = boxes[0] / 8
    assert r0 < row < r1
    assert c0 < column < c1
    assert added.max() > 0.2
    margin = np.ones(added.shape, bool)
    margin[int(r0) - 10 : int(r1) + 10, int(c0) - 10 : int(c1) + 10] = False
    assert_array_equal(added[margin], 0)


def test_a_mass_that_would_reach_out_of_the_film_is_not_inserted():
    donor, host = breast(mass=True), breast(mass=False)
    inside = np.zeros(SHAPE, bool)
    inside[0, 0] = True
    cornered = Prepared("film", "patient", False, host.boxes, inside, host.images)
    image = np.asarray(host.images[8], np.float32) / 255
    changed, boxes = Inserter([donor], 8).insert(image, cornered, np.random.default_rng(0))
    assert changed is image
    assert len(boxes) == 0


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


def everywhere(film: Prepared) -> Prepared:
    """The same film, annotated from edge to edge but for a small lesion's own box."""
    whole = np.array([[0.0, 0.0, SHAPE[0] * CELL, SHAPE[1] * CELL]])
    return replace(film, boxes=np.concatenate([film.boxes, whole]))


def test_films_that_are_annotated_all_over_are_refused_and_do_not_hang():
    film = everywhere(breast(mass=True))
    with pytest.raises(UnusableDataset, match="hardly any place free"):
        held_out_patches([film], Magnification.QUARTER, 84, 4)
    with pytest.raises(UnusableDataset, match="hardly any place free"):
        PatchSource([film], Magnification.QUARTER, 84, 4.0).balanced(np.random.default_rng(0), 4)


def test_films_whose_lesions_fit_into_no_patch_are_refused():
    film = everywhere(breast(mass=False))
    with pytest.raises(UnusableDataset, match="no annotation fits"):
        held_out_patches([film], Magnification.QUARTER, 84, 4)
