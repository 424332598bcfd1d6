"""Cells of a tissue grid, sorted by the annotation, and the area over many films."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.metrics import roc_auc_score

from mammoview.domain import BreastMask, Magnification, Outline, TissueGrid
from mammoview.evaluation.lattice import Cells, area_over, sorted_cells
from mammoview.geometry import Frame

FRAME = Frame(640, mirrored=True)
"""A field of 512 × 640 reference pixels: 8 × 10 cells of stride 32 at ×0.5."""


def grid(patch: int = 96) -> TissueGrid:
    suspicion = np.arange(80, dtype=np.float32).reshape(8, 10) / 100
    return TissueGrid(Magnification.HALF, patch, 32, suspicion, 0.5, FRAME.magnified(1 / 64))


def around(row: float, column: float, half: float) -> Outline:
    """A square around the centre of a cell, `half` reference pixels to each side."""
    (centre,) = grid().frame.to_scan([(row, column)])
    return Outline(centre + half * np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)]))


def breast(columns: int = 10) -> BreastMask:
    inside = np.zeros((8, 10), bool)
    inside[:, :columns] = True
    return BreastMask(inside, FRAME.magnified(1 / 64))


def test_positives_lie_at_lesions_and_negatives_are_the_cells_whose_patch_touches_none():
    cells = sorted_cells(grid(), breast(), [around(3, 4, 20)])
    assert_allclose(cells.positive, [0.34])
    # The patch reaches 96 reference pixels from its centre and the lesion 20: cells 64 away touch it,
    # cells 128 away do not, in both directions.
    touching = {(r, c) for r in (2, 3, 4) for c in (3, 4, 5)}
    free = [r * 10 + c for r in range(8) for c in range(10) if (r, c) not in touching]
    assert_allclose(cells.negative, np.array(free, np.float32) / 100)


def test_a_larger_patch_touches_more():
    assert len(sorted_cells(grid(patch=128), breast(), [around(3, 4, 20)]).negative) == 80 - 25


def test_air_is_no_negative_and_a_film_without_lesions_gives_the_whole_breast():
    cells = sorted_cells(grid(), breast(columns=4), [])
    assert cells.positive.size == 0
    assert_allclose(cells.negative.reshape(8, 4), grid().suspicion[:, :4])


def test_a_lesion_beyond_the_grid_has_no_suspicion():
    positive = sorted_cells(grid(), breast(), [around(30, 4, 20), around(1, 1, 20)]).positive
    assert np.isnan(positive[0])
    assert_allclose(positive[1:], [0.11])


film = st.tuples(st.lists(st.integers(0, 5), max_size=3), st.lists(st.integers(0, 5), max_size=6))


@settings(max_examples=60, deadline=None)
@given(st.lists(film, min_size=1, max_size=5), st.data())
def test_the_area_over_resampled_films_is_scikit_learns(films, data):
    cells = [Cells(np.array(p, np.float32), np.array(n, np.float32)) for p, n in films]
    index = np.array(data.draw(st.lists(st.integers(0, len(films) - 1), min_size=1, max_size=8)))
    positive = np.concatenate([cells[i].positive for i in index])
    negative = np.concatenate([cells[i].negative for i in index])
    area = area_over(cells)(index)
    if len(positive) and len(negative):
        labels = np.repeat([1, 0], [len(positive), len(negative)])
        assert_allclose(area, roc_auc_score(labels, np.concatenate([positive, negative])), atol=1e-12)
    else:
        assert np.isnan(area)


def test_lesions_beyond_the_grid_are_left_out_of_the_area():
    cells = [Cells(np.array([np.nan, 0.9], np.float32), np.array([0.1, 0.95], np.float32))]
    assert area_over(cells)(np.array([0])) == 0.5
