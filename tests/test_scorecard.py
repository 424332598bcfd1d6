"""Truth by hand: outlines and saliency whose agreement can be counted on squared paper."""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal
from skimage.draw import polygon2mask

from mammoview.domain import Drawn, Magnification, Outline
from mammoview.errors import BadSetting
from mammoview.scorecard import agreements, overlap, rasterise
from tests import handmade
from tests.handmade import MIRRORED, PLAIN, dark, finding, square

HALF = 0.5
BASES = pytest.mark.parametrize(
    "base", [PLAIN, MIRRORED, MIRRORED.cut(-64, 32)], ids=["plain", "mirrored", "cut"]
)


def lesion(base):
    """20 × 20 pixels of saliency at ×0.5, that is 2 × 2 mm."""
    return square(100, 60, 20, base.magnified(HALF))


def agree(values, *outlines, base=PLAIN, findings=()):
    assessment = handmade.assessment(handmade.saliency(values, base), findings=findings)
    return agreements(assessment, outlines)


@BASES
def test_saliency_that_lies_inside_the_outline_agrees_with_it_fully(base):
    values = dark()
    values[108:112, 70:72] = 3
    (agreement,) = agree(values, lesion(base), base=base, findings=[finding(lesion(base))])
    assert astuple(agreement) == (0, True, 1.0, 1.0, 1.0, 8 / 400, 0.0)


@BASES
def test_half_of_the_energy_outside_is_half(base):
    values = dark()
    values[110, 70] = 6
    values[20:22, 70] = 3
    (agreement,) = agree(values, lesion(base), base=base)
    assert agreement.energy_inside == 0.5
    assert agreement.pointing_hit is True


@BASES
def test_the_highest_point_outside_the_outline_is_a_miss(base):
    values = dark()
    values[105:115, 65:75] = 2
    values[101, 81] = 3
    (agreement,) = agree(values, lesion(base), base=base)
    assert agreement.pointing_hit is False
    assert agreement.energy_inside == pytest.approx(200 / 203)


def test_a_mirrored_film_puts_the_hit_on_the_other_side_of_the_scan():
    """Pixel (110, 70) of the mirrored saliency covers columns 242 and 243 of the 384 on the scan."""
    values = dark()
    values[110, 70] = 1
    there = Outline([[218, 241], [218, 245], [224, 245], [224, 241]])
    not_mirrored = Outline([[218, 139], [218, 143], [224, 143], [224, 139]])
    (hit,) = agree(values, there, base=MIRRORED)
    (miss,) = agree(values, not_mirrored, base=MIRRORED)
    assert (hit.pointing_hit, hit.energy_inside) == (True, 1.0)
    assert (miss.pointing_hit, miss.energy_inside) == (False, 0.0)


def test_nothing_salient_leaves_what_rests_on_it_undefined():
    (agreement,) = agree(dark(), lesion(PLAIN), findings=[finding(lesion(PLAIN))])
    assert (agreement.pointing_hit, agreement.energy_inside, agreement.tightness) == (None, None, None)
    assert (agreement.dice, agreement.centre_distance_mm) == (1.0, 0.0)


def test_without_findings_the_overlap_is_nought_and_the_distance_undefined():
    values = dark()
    values[110, 70] = 1
    (agreement,) = agree(values, lesion(PLAIN))
    assert (agreement.dice, agreement.iou, agreement.centre_distance_mm) == (0.0, 0.0, None)


@BASES
def test_a_finding_half_beside_the_lesion_overlaps_by_a_third(base):
    beside = square(100, 70, 20, base.magnified(HALF))
    far = square(10, 10, 20, base.magnified(HALF))
    (agreement,) = agree(dark(), lesion(base), base=base, findings=[finding(far, 0.99), finding(beside)])
    assert agreement.dice == pytest.approx(1 / 2)
    assert agreement.iou == pytest.approx(1 / 3)
    assert agreement.centre_distance_mm == pytest.approx(1.0)


def test_the_distance_of_centres_takes_each_axis_at_its_own_spacing():
    assessment = handmade.assessment(
        handmade.saliency(dark()), findings=[finding(square(30, 40, 10, PLAIN))], spacing_mm=(0.1, 0.05)
    )
    (agreement,) = agreements(assessment, [square(60, 120, 10, PLAIN)])
    assert agreement.centre_distance_mm == pytest.approx(5.0)  # 30 px × 0.1 mm down, 80 px × 0.05 mm across


def test_only_pixels_of_a_fifth_of_the_highest_count_as_salient():
    values = dark()
    values[110, 60:64] = [10, 2, 1.9, 0.1]
    (agreement,) = agree(values, lesion(PLAIN))
    assert agreement.tightness == 2 / 400


def test_saliency_spilling_over_the_line_is_less_tight_but_a_far_spot_does_not_count():
    values = dark()
    values[100:120, 60:85] = 1  # 5 pixels beyond the line; a disc of the same area has a radius of 11.3
    values[100:120, 140:150] = 1
    (agreement,) = agree(values, lesion(PLAIN))
    assert agreement.tightness == 500 / 400


def test_two_lesions_each_answer_for_their_own_part_of_the_film():
    values = dark()
    first, second = lesion(PLAIN), square(200, 60, 20, PLAIN.magnified(HALF))
    values[110, 70] = 9
    values[210, 70] = 3
    one, other = agree(values, first, second)
    assert (one.pointing_hit, other.pointing_hit) == (True, True)
    assert (one.energy_inside, other.energy_inside) == (0.75, 0.25)
    assert other.tightness == 1 / 400
    values[225, 70] = 4
    one, other = agree(values, first, second)
    assert (one.pointing_hit, other.pointing_hit) == (True, False)


def test_a_lesion_that_saliency_never_reached_is_a_miss_while_another_is_a_hit():
    values = dark()
    values[110, 70] = 9
    one, other = agree(values, lesion(PLAIN), square(200, 60, 20, PLAIN.magnified(HALF)))
    assert (one.pointing_hit, other.pointing_hit) == (True, False)
    assert (other.energy_inside, other.tightness) == (0.0, None)


def test_an_outline_within_another_shares_its_pixels():
    values = dark()
    values[110, 70] = 1
    inner = square(105, 65, 10, PLAIN.magnified(HALF))
    assert [one.pointing_hit for one in agree(values, lesion(PLAIN), inner)] == [True, True]


def test_cores_and_a_models_lines_are_not_scored_but_counted():
    core = replace(lesion(PLAIN), core=True)
    model = square(10, 10, 20, PLAIN, Drawn.MODEL)
    assert [one.outline for one in agree(dark(), model, lesion(PLAIN), core, lesion(PLAIN))] == [1, 3]
    assert agree(dark()) == ()


def test_an_outline_beyond_the_assessed_field_is_a_miss():
    values = dark()
    values[110, 70] = 1
    (agreement,) = agree(values, square(600, 10, 20, PLAIN))
    assert (agreement.pointing_hit, agreement.energy_inside, agreement.tightness) == (False, 0.0, None)


def test_a_line_without_area_is_never_tight():
    values = dark()
    values[110, 70] = 1
    (agreement,) = agree(values, Outline([[220, 100], [220, 180]]))
    assert (agreement.pointing_hit, agreement.dice, agreement.tightness) == (False, 0.0, None)


def test_another_magnification_is_scored_on_its_own_pixels():
    values = dark(Magnification.QUARTER)
    values[55, 35] = 1
    quarter = handmade.saliency(values, magnification=Magnification.QUARTER)
    assessment = handmade.assessment(handmade.saliency(dark()), quarter)
    (agreement,) = agreements(assessment, [lesion(PLAIN)], Magnification.QUARTER)
    assert (agreement.pointing_hit, agreement.tightness) == (True, 1 / 100)
    with pytest.raises(BadSetting, match=r"no saliency at ×0\.33"):
        agreements(assessment, [lesion(PLAIN)], Magnification.THIRD)


spots = arrays(np.float32, dark().shape, elements=st.just(0.0), fill=st.just(0.0)).flatmap(
    lambda values: st.lists(
        st.tuples(st.integers(0, 255), st.integers(0, 191), st.integers(1, 100)), min_size=1, max_size=8
    ).map(lambda marks: _marked(values, marks))
)


def _marked(values, marks):
    values = values.copy()
    for row, column, value in marks:
        values[row, column] = value
    return values


@given(spots, st.sampled_from([0.25, 2.0, 1024.0]))
def test_the_agreement_does_not_depend_on_the_unit_of_saliency(values, factor):
    assert agree(values, lesion(PLAIN)) == agree(values * np.float32(factor), lesion(PLAIN))


@given(spots)
def test_a_film_and_its_mirror_image_agree_alike(values):
    (plain,) = agree(values, lesion(PLAIN))
    (mirrored,) = agree(values, lesion(MIRRORED), base=MIRRORED)
    assert plain == mirrored


vertices = arrays(np.float64, st.tuples(st.integers(3, 9), st.just(2)), elements=st.floats(-5, 25, width=32))


@given(vertices.map(lambda points: np.add(points, (0.0123, 0.0371))))
def test_a_polygon_covers_the_pixels_that_scikit_image_says(points):
    assert_array_equal(rasterise(points, (20, 20)), polygon2mask((20, 20), points))


@given(st.integers(1, 19), st.integers(1, 18))
def test_polygons_side_by_side_share_no_pixel_and_leave_none_out(top, bottom):
    left = np.array([[0, 0], [0, top], [19, bottom], [19, 0]], float)
    right = np.array([[0, top], [0, 19], [19, 19], [19, bottom]], float)
    counted = rasterise(left, (20, 20)).astype(int) + rasterise(right, (20, 20))
    assert_array_equal(counted[:19, :19], 1)


def test_polygons_of_no_area_overlap_by_nothing():
    point = np.array([[3.2, 3.2]])
    assert overlap(point, point) == (0.0, 0.0)
