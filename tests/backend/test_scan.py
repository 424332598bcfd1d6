"""One dense pass says of every patch what a loop over patches says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.special import expit

from mammoview import WEIGHTS
from mammoview.backend.scan import grid_shape, pad_for_grid, scan_tissue
from mammoview.domain import Magnification
from mammoview.models.cards import load_network, tissue_name
from mammoview.models.tissue import TissueClassifier
from tests.networks import tissue_classifier


def loop(classifier: TissueClassifier, image: np.ndarray, stride: int) -> np.ndarray:
    """The paper's way: every patch on its own, its centre on its cell's centre."""
    side, (rows, columns) = classifier.patch, grid_shape(image.shape, stride)
    air = np.pad(image, side)
    grid = np.empty((rows, columns))
    for i, j in np.ndindex(rows, columns):
        top, left = (side + k * stride + stride // 2 - side // 2 for k in (i, j))
        patch = torch.from_numpy(np.ascontiguousarray(air[top : top + side, left : left + side]))
        logits = classifier(patch[None, None])[0]
        grid[i, j] = float(torch.softmax(logits.double(), 0)[1])
    return grid


@pytest.mark.parametrize("shape", [(300, 200), (257, 129), (64, 64), (31, 500), (700, 97)])
@pytest.mark.parametrize(("patch", "widths"), [(116, (4, 6, 8, 8)), (84, (4, 6, 8)), (100, (4, 4, 4, 4))])
def test_the_dense_scan_equals_the_patch_loop(shape, patch, widths):
    classifier = tissue_classifier(patch, widths)
    image = np.random.default_rng(1).random(shape, np.float32)
    dense = scan_tissue(classifier, image, (64, 32))
    for stride in (64, 32):
        assert_allclose(expit(dense[stride]), loop(classifier, image, stride), atol=1e-5)


@pytest.mark.parametrize("magnification", list(Magnification))
def test_the_dense_scan_equals_the_patch_loop_with_the_shipped_weights(magnification):
    classifier, _ = load_network(tissue_name(magnification), WEIGHTS)
    image = np.random.default_rng(2).random((411, 293), np.float32)
    image = np.clip(np.cumsum(image - 0.5, axis=0) / 8 + 0.5, 0, 1).astype(np.float32)
    dense = scan_tissue(classifier, image, (64, 32))
    for stride in (64, 32):
        assert_allclose(expit(dense[stride]), loop(classifier, image, stride), atol=1e-5)


def test_one_stride_alone_gives_the_same_as_both_together():
    classifier = tissue_classifier(84, (4, 6, 8, 8))
    image = np.random.default_rng(3).random((200, 333), np.float32)
    assert_allclose(
        scan_tissue(classifier, image, (32,))[32], scan_tissue(classifier, image, (64, 32))[32], atol=1e-5
    )


def test_a_stop_between_bands_is_obeyed():
    class Stop(Exception):
        pass

    def progress(share: float) -> None:
        raise Stop

    with pytest.raises(Stop):
        scan_tissue(tissue_classifier(84, (4, 6, 8)), np.zeros((200, 200), np.float32), (32,), progress)


def test_border_tissue_has_a_cell_with_its_patch_centred_on_it():
    image = np.zeros((100, 70), np.float32)
    image[16, 48] = 1
    padded = pad_for_grid(image, 84, 32)
    row, column = np.argwhere(padded == 1)[0]
    # pixel (16, 48) is the centre of cell (0, 1), hence the middle of the patch that starts at (0, 32)
    assert (row - 0, column - 32) == (42, 42)
