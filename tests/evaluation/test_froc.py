"""Free response on films with known answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.metrics import roc_curve

from mammoview.domain import Drawn, Finding, Outline
from mammoview.evaluation.froc import FilmMarks, mark, overlaps_half, sensitivity_at, sweep

SQUARE = np.array([(0, 0), (0, 20), (20, 20), (20, 0)], float)


def finding(outline: np.ndarray, score: float) -> Finding:
    drawn = Outline(outline, drawn_by=Drawn.MODEL)
    return Finding(drawn, drawn.centre(), drawn.box(), score, drawn.area())


def film(lesions: list[float], false: list[float]) -> FilmMarks:
    return FilmMarks(np.array(lesions, float), np.array(false, float))


def test_several_findings_in_one_lesion_are_one_hit_and_none_of_them_is_false():
    small = SQUARE / 4
    marks = mark(
        [finding(small + 2, 0.4), finding(small + 9, 0.8), finding(small + 4, 0.6)], [Outline(SQUARE)]
    )
    assert_allclose(marks.lesion_scores, [0.8])
    assert marks.false_scores.size == 0


def test_one_finding_may_find_two_lesions_that_overlap():
    lesions = [Outline(SQUARE), Outline(SQUARE + 5), Outline(SQUARE + 60)]
    marks = mark([finding(SQUARE + 3, 0.7)], lesions)
    assert_allclose(marks.lesion_scores, [0.7, 0.7, -np.inf])
    assert marks.false_scores.size == 0


@pytest.mark.parametrize(("shift", "half"), [(0, True), (6, True), (7, False), (40, False)])
def test_by_the_stricter_rule_finding_and_annotation_share_half_of_what_they_cover(shift, half):
    # Squares of 20, one shifted, share (20 - shift) / (20 + shift) of what they cover: 14 / 26, 13 / 27.
    assert overlaps_half(finding(SQUARE + np.array([shift, 0]), 0.5), Outline(SQUARE)) is half


def test_a_centred_finding_of_the_wrong_size_is_a_hit_by_the_centre_and_false_by_overlap():
    found, lesions = [finding(SQUARE / 2 + 5, 0.5)], [Outline(SQUARE)]
    assert mark(found, lesions).lesion_scores[0] == 0.5
    strict = mark(found, lesions, overlaps_half)
    assert strict.lesion_scores[0] == -np.inf
    assert_allclose(strict.false_scores, [0.5])


def test_equal_scores_are_all_counted_or_all_left_out():
    # Two false findings share a score with a lesion: with one allowed, none of the three may count.
    films = [film([0.9, 0.5], [0.5, 0.5]), film([], [])]
    assert_allclose(sweep(films, [0, 0.5, 1.0])[0], [0.5, 0.5, 1.0])


def test_the_score_that_reaches_a_rate_lets_no_more_false_findings_through():
    films = [film([0.6], [0.8, 0.5, 0.5]), film([0.4], [0.3])]
    sensitivity, above = sweep(films, [0.5, 1.0, 1.5, 5.0])
    assert_allclose(above, [0.5, 0.5, 0.3, -np.inf])
    assert_allclose(sensitivity, [0.5, 0.5, 1.0, 1.0])


def test_false_findings_are_counted_per_normal_film_while_lesions_are_found_on_the_others():
    lesion = [film([0.9], [0.95, 0.94]), film([0.3], [])]
    normal = [film([], [0.5]), film([], []), film([], []), film([], [])]
    assert_allclose(sweep(lesion, [0.0, 0.25], normal)[0], [0.5, 1.0])
    assert_allclose(sweep(lesion, [0.0, 0.5, 1.0])[0], [0.0, 0.0, 1.0])


def test_without_normal_films_nothing_is_counted_on_them():
    assert np.isnan(sweep([film([0.9], [])], 1.0, [])[0][0])


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=12), st.lists(st.integers(0, 5), min_size=1, max_size=12)
)
def test_with_one_candidate_per_film_the_curve_is_the_roc(positives, negatives):
    """One hit on each lesion film and one false finding on each normal film."""
    lesion = [film([score], []) for score in positives]
    normal = [film([], [score]) for score in negatives]
    labels = np.repeat([1, 0], [len(positives), len(negatives)])
    rates, sensitivities, _ = roc_curve(labels, positives + negatives, drop_intermediate=False)
    best = [sensitivities[rates <= rate + 1e-9].max() for rate in rates]
    assert_allclose(sweep(lesion, rates, normal)[0], best)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=10), st.floats(0, 3))
def test_duplicated_films_have_the_same_sensitivity(scores, rate):
    films = [film([lesion], [false]) for lesion, false in scores]
    assert sensitivity_at(films, rate) <= sensitivity_at(films * 2, rate)
    whole = np.floor(rate)
    assert sensitivity_at(films, whole) == sensitivity_at(films * 3, whole)
