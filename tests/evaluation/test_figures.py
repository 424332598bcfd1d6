"""The evaluation itself, on cases with known answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.metrics import roc_auc_score

from mammoview.domain import Finding, Outline
from mammoview.evaluation.bootstrap import clustered
from mammoview.evaluation.froc import FilmMarks, mark, sensitivity_at
from mammoview.evaluation.heat import heat_target
from mammoview.evaluation.split import in_validation, validation_half
from mammoview.evaluation.tissue import area_under_curve, best_threshold, total_error

SQUARE = np.array([(0, 0), (0, 10), (10, 10), (10, 0)], float)


def finding(centre: tuple[float, float], score: float) -> Finding:
    return Finding(Outline(SQUARE), centre, (0, 0, 1, 1), score, 1.0)


def test_a_finding_centred_in_a_lesion_is_a_hit_and_counts_once():
    lesions = [Outline(SQUARE), Outline(SQUARE + 100)]
    found = [finding((5, 5), 0.6), finding((4, 6), 0.9), finding((50, 50), 0.7)]
    marks = mark(found, lesions)
    assert_allclose(marks.lesion_scores, [0.9, -np.inf])
    assert_allclose(marks.false_scores, [0.7])


def test_free_response_by_hand():
    films = [
        FilmMarks(np.array([0.9, 0.4]), np.array([0.5])),
        FilmMarks(np.array([0.6, -np.inf]), np.array([0.8, 0.3])),
    ]
    # Two films: at 0 false findings only scores above 0.8 count, at 0.5 above 0.5, at 1 above 0.3.
    assert sensitivity_at(films, 0.0) == 0.25
    assert sensitivity_at(films, 0.5) == 0.5
    assert sensitivity_at(films, 1.0) == 0.75
    assert sensitivity_at(films, 3.0) == 0.75  # the fourth lesion was never marked


def test_a_lesion_that_was_never_marked_is_not_found_at_any_rate():
    films = [FilmMarks(np.array([-np.inf]), np.array([]))]
    assert sensitivity_at(films, 10) == 0.0


def test_without_lesions_there_is_no_sensitivity():
    assert np.isnan(sensitivity_at([FilmMarks(np.array([]), np.array([0.1]))], 1))


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=4, max_size=40))
def test_the_threshold_makes_the_fewest_errors(pairs):
    labels = np.array([int(p) for p, _ in pairs])
    scores = np.array([s / 6 for _, s in pairs])
    least = min(total_error(labels, scores, t) for t in scores)
    assert total_error(labels, scores, best_threshold(labels, scores)) <= least + 1e-12


def test_area_under_the_curve_agrees_with_scikit_learn_and_is_undefined_for_one_class():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 100)
    scores = rng.random(100)
    assert area_under_curve(labels, scores) == pytest.approx(roc_auc_score(labels, scores))
    rough = scores.round(1)  # ties
    assert area_under_curve(labels, rough) == pytest.approx(roc_auc_score(labels, rough))
    assert np.isnan(area_under_curve(np.ones(5, int), np.ones(5)))


def test_an_interval_by_patient_is_wider_than_by_film():
    rng = np.random.default_rng(1)
    values = np.repeat(rng.normal(size=40), 10)  # ten equal films of each patient

    def mean(index):
        return float(values[index].mean())

    by_patient = clustered(mean, [f"p{i // 10}" for i in range(400)], "films")
    by_film = clustered(mean, [f"f{i}" for i in range(400)], "films")
    assert by_patient.low <= by_patient.value <= by_patient.high
    assert by_patient.high - by_patient.low > 2 * (by_film.high - by_film.low)
    assert by_patient.patients == 40


def test_a_patient_is_always_on_the_same_side():
    sides = {p: (in_validation(p), validation_half(p)) for p in (f"P_{i:05d}" for i in range(2000))}
    assert 0.17 < np.mean([v for v, _ in sides.values()]) < 0.23
    assert sides["P_00001"] == (in_validation("P_00001"), validation_half("P_00001"))


def test_the_target_peaks_in_the_lesion_and_is_zero_far_away():
    target = heat_target(np.array([(256.0, 320.0, 512.0, 512.0)]), (12, 14))
    assert np.unravel_index(target.argmax(), target.shape) in [(5, 6), (6, 6), (5, 5), (5, 7), (6, 5)]
    assert 0.5 < target.max() <= 1
    assert target[0, 0] == 0
    assert target.sum() == pytest.approx(np.pi / 4 * 4 * 3, rel=0.1)
