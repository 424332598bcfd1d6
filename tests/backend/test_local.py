"""The local results on the heatmap's cells."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose

from mammoview.backend.local import LOCAL_STRIDE, local_results
from mammoview.domain import Magnification
from mammoview.geometry import Frame

FIELD = Frame(scan_width=1000, mirrored=True, origin=(30.0, 20.0), scale=(1.25, 1.25))


def on_grids(of_millimetres, shape: tuple[int, int]) -> np.ndarray:
    """What joins in when every grid says the same of each place of the field."""
    logits, frames = {}, {}
    for magnification, stride in LOCAL_STRIDE.items():
        cell = magnification.reduction * stride
        rows, columns = (-(-n * 64 // cell) for n in shape)
        centres = (np.mgrid[:rows, :columns] + 0.5) * cell * 0.05
        logits[magnification] = of_millimetres(*centres).astype(np.float32)
        frames[magnification] = FIELD.magnified(1 / cell)
    return local_results(logits, frames, FIELD.magnified(1 / 64), shape)


def test_every_grid_says_the_same_of_the_same_place():
    shape = (9, 6)
    joined = on_grids(lambda down, across: 0.3 * down - 0.2 * across, shape)
    down, across = (np.mgrid[: shape[0], : shape[1]] + 0.5) * 3.2
    assert joined.shape == (3, *shape)
    # Beyond the last patch centres nothing is made up: there the nearest speaks.
    assert_allclose(joined[:, 1:-1, 1:-1], np.stack([(0.3 * down - 0.2 * across)[1:-1, 1:-1]] * 3), rtol=1e-5)


def test_at_half_magnification_a_patch_is_a_cell():
    values = np.random.default_rng(2).normal(size=(9, 6))
    frames = {m: FIELD.magnified(1 / (m.reduction * s)) for m, s in LOCAL_STRIDE.items()}
    grids = {m: np.zeros((30, 30), np.float32) for m in Magnification} | {
        Magnification.HALF: values.astype(np.float32)
    }
    joined = local_results(grids, frames, FIELD.magnified(1 / 64), values.shape)
    assert_allclose(joined[0], values, rtol=1e-5)
    assert not joined[1:].any()
