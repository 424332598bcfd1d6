"""A point survives the journey to the scan and back."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from mammoview.domain import Magnification
from mammoview.geometry import Frame, polygon_area, polygon_centroid

scales = st.floats(0.05, 4)
frames = st.builds(
    Frame,
    scan_width=st.integers(100, 6000),
    mirrored=st.booleans(),
    origin=st.tuples(st.floats(-500, 3000), st.floats(-500, 3000)),
    scale=st.tuples(scales, scales),
)
points = arrays(np.float64, st.tuples(st.integers(1, 8), st.just(2)), elements=st.floats(-1e4, 1e4))


@given(frames, points)
def test_a_point_survives_the_journey_to_the_scan_and_back(frame, points):
    assert_allclose(frame.from_scan(frame.to_scan(points)), points, atol=1e-6)
    assert_allclose(frame.to_scan(frame.from_scan(points)), points, atol=1e-6)


@given(frames, points, st.sampled_from(list(Magnification)), st.sampled_from([32, 64]))
def test_scan_to_field_to_magnified_to_cell_and_back(field, points, magnification, stride):
    cells = field.magnified(1 / magnification.reduction).magnified(1 / stride)
    assert_allclose(cells.to_scan(cells.from_scan(points)), points, atol=1e-6)


@given(frames, st.integers(-50, 50), st.integers(-50, 50), points)
def test_cutting_moves_points_by_what_was_cut_off(frame, row, column, points):
    assert_allclose(
        frame.cut(row, column).from_scan(points), frame.from_scan(points) - (row, column), atol=1e-6
    )


def test_a_reduction_by_two_averages_whole_pixels():
    # The first reduced pixel covers scan pixels 0 and 1: its centre lies between theirs.
    assert_allclose(Frame(10).magnified(0.5).to_scan([(0, 0)]), [(0.5, 0.5)])


def test_the_first_pixel_of_a_mirrored_image_is_the_last_of_the_scan():
    assert_allclose(Frame(10, mirrored=True).to_scan([(0, 0)]), [(0, 9)])


@given(frames, points)
def test_the_canvas_matrix_says_the_same_as_the_frame(frame, points):
    a, b, c, d, e, f = frame.canvas_matrix()
    x, y = points[:, 1] + 0.5, points[:, 0] + 0.5
    on_scan = np.stack([b * x + d * y + f, a * x + c * y + e], axis=1) - 0.5
    assert_allclose(on_scan, frame.to_scan(points), atol=1e-6)


def test_centres_are_those_of_the_pixels():
    assert_allclose(Frame(8).magnified(0.25).centres((2, 2))[1, 0], (5.5, 1.5))


def test_area_and_centre_of_an_l_shape():
    shape = np.array([(0, 0), (0, 2), (1, 2), (1, 1), (2, 1), (2, 0)], float)
    assert polygon_area(shape) == 3
    assert_allclose(polygon_centroid(shape), (5 / 6, 5 / 6))
    assert_allclose(polygon_centroid(shape[::-1] + 100), (100 + 5 / 6, 100 + 5 / 6))
    assert_allclose(polygon_centroid(np.array([(1, 1), (3, 3)])), (2, 2))
