"""The local results of a prepared film lie where its tissue lies."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from mammoview.domain import Magnification
from mammoview.evaluation.heat import local_logits
from mammoview.evaluation.store import Prepared
from mammoview.models.tissue import TissueClassifier

SHAPE = (14, 10)
"""Cells of 64 reference pixels."""


def looks_at_the_middle(patch: int) -> TissueClassifier:
    """A classifier whose suspicion is the brightness in the middle of its patch."""
    network = TissueClassifier(patch, (1, 1, 1), 0.0, 1.0).eval()
    offset = np.arange(network.window) - (network.window - 1) / 2
    bell = torch.from_numpy(np.exp(-(offset**2) / 18)).float()
    with torch.no_grad():
        for layer in network.features:
            if isinstance(layer, torch.nn.Conv2d):
                layer.weight.fill_(1 / 9)
        network.pool.weight.copy_(bell[:, None] * bell)
        network.decide.weight.copy_(torch.tensor([0.0, 1.0])[:, None, None, None])
        for bias in (network.pool.bias, network.decide.bias):
            bias.zero_()
    return network


def film(row: float, column: float) -> Prepared:
    """Dark but for a lesion of 2 mm whose centre lies here, in reference pixels (edges)."""
    images = {}
    for reduction in (2, 3, 4, 8):
        y, x = ((np.arange(-(-n * 64 // reduction)) + 0.5) * reduction for n in SHAPE)
        lesion = np.hypot(y[:, None] - row, x - column) < 20
        images[reduction] = (255 * lesion).astype(np.uint8)
    return Prepared("film", "patient", True, np.empty((0, 4)), np.ones(SHAPE, bool), images)


@pytest.mark.parametrize(("row", "column"), [(5.5, 3.5), (8.2, 6.9), (4.0, 5.0)])
def test_a_lesion_lights_the_cells_around_it_at_every_magnification(row, column):
    classifiers = {m: looks_at_the_middle(84) for m in Magnification}
    local = local_logits(classifiers, [film(row * 64, column * 64)])["film"]
    assert local.shape == (3, *SHAPE)
    cells = np.indices(SHAPE) + 0.5
    for grid in local:
        light = (grid - grid.min()).astype(np.float64)
        assert_allclose([np.average(axis, weights=light) for axis in cells], (row, column), atol=0.15)
        hottest = np.array(np.unravel_index(light.argmax(), SHAPE)) + 0.5
        assert np.abs(hottest - (row, column)).max() <= 0.5
