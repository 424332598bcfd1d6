"""A profile is the film's own values along a line, and the layers' as they are shown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from mammoview.domain import Heatmap, Magnification, Saliency, TissueGrid, Weighting
from mammoview.geometry import Frame
from mammoview.line_profile import Line, grey_along, heat_along, saliency_along, suspicion_along

PIXELS = np.random.default_rng(5).integers(0, 65536, (40, 30)).astype(np.uint16)
inside = st.tuples(st.floats(0, 39), st.floats(0, 29))


@given(start=inside, end=inside)
def test_greys_are_weighted_from_the_four_pixels_around_each_point(start, end):
    line = Line(start, end)
    for (row, column), value in zip(line.points(), grey_along(PIXELS, line), strict=True):
        top, left = min(int(row), 38), min(int(column), 28)
        down, across = row - top, column - left
        weights = np.outer([1 - down, down], [1 - across, across])
        four = PIXELS[top : top + 2, left : left + 2].astype(float)
        assert value == pytest.approx((weights * four).sum(), abs=1e-6)


def test_along_a_row_every_pixel_is_passed_once():
    line = Line((7, 3), (7, 20))
    assert_allclose(grey_along(PIXELS, line), PIXELS[7, 3:21])
    assert_allclose(line.distances((0.05, 0.1)), np.arange(18) * 0.1)
    assert_allclose(line.distances(None), np.arange(18))


@given(start=inside, end=inside)
def test_points_are_even_and_no_further_apart_than_a_pixel(start, end):
    points = Line(start, end).points()
    assert_allclose([points[0], points[-1]], [start, end])
    steps = np.hypot(*np.diff(points, axis=0).T)
    assert steps.max(initial=0) <= 1 + 1e-9
    assert_allclose(steps, steps[0], atol=1e-9)


def test_down_and_across_have_each_their_own_millimetres():
    assert Line((0, 0), (30, 20)).distances((0.05, 0.1))[-1] == pytest.approx(np.hypot(1.5, 2.0))


def test_beside_the_film_there_is_no_grey():
    values = grey_along(PIXELS, Line((5, -4), (5, 4)))
    assert np.isnan(values[:4]).all()
    assert_allclose(values[4:], PIXELS[5, :5])


@pytest.mark.parametrize("mirrored", [False, True])
def test_layers_are_read_where_their_frames_lay_them(mirrored):
    frame = Frame(30, mirrored, origin=(2.0, 4.0), scale=(0.5, 0.5))  # a cell is 2 × 2 scan pixels
    values = np.random.default_rng(3).random((12, 9)).astype(np.float32)
    grid = TissueGrid(Magnification.HALF, 256, 32, values, 0.5, frame)
    saliency = Saliency({Weighting.CONTEXT: values}, Magnification.HALF, np.ones((1, 1), bool), frame)
    heatmap = Heatmap(values, 0.5, frame, local_results=True)
    centres = frame.centres((12, 9))
    line = Line(tuple(centres[3, 1]), tuple(centres[3, 6]))  # 10 scan pixels: a centre at every second point
    assert_allclose(heat_along(heatmap, line)[::2], values[3, 1:7], rtol=1e-6)
    assert_allclose(heat_along(heatmap, line)[1::2], (values[3, 1:6] + values[3, 2:7]) / 2, rtol=1e-6)
    assert_allclose(suspicion_along(grid, line)[::2], values[3, 1:7], rtol=1e-6)
    assert_allclose(saliency_along(saliency, Weighting.CONTEXT, line)[::2], values[3, 1:7], rtol=1e-6)
    assert set(suspicion_along(grid, line)) <= set(values[3].astype(float)), "squares are not smoothed"
    late = Line(
        tuple(line.start + np.array([0.8, 0])), tuple(line.end + np.array([0.8, 0]))
    )  # in the same cells
    assert_allclose(suspicion_along(grid, late)[::2], values[3, 1:7], rtol=1e-6)
    early = Line(tuple(line.start - np.array([0.8, 0])), tuple(line.end - np.array([0.8, 0])))
    assert_allclose(suspicion_along(grid, early)[::2], values[3, 1:7], rtol=1e-6)
    beside = Line((-10.0, 5.0), (-5.0, 5.0))
    assert np.isnan(suspicion_along(grid, beside)).all()
