"""ROC, thresholds and calibration of patches, by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.metrics import auc, brier_score_loss, confusion_matrix, roc_auc_score

from mammoview.errors import UnusableDataset
from mammoview.evaluation.bootstrap import clustered_distance
from mammoview.evaluation.calibration import BINS, calibration_gaps, frequency_band, platt, reliability
from mammoview.evaluation.patches import HeldOut
from mammoview.evaluation.split import validation_half
from mammoview.evaluation.tissue import (
    ScoredPatches,
    best_threshold,
    calibrated_elsewhere,
    cross_fitted_thresholds,
    figures_at,
    tissue_curves,
    tissue_figures,
)


def expected_calibration_error(labels: np.ndarray, scores: np.ndarray, bins: int = BINS) -> float:
    """By its definition: the mean distance over the bins of the reliability curve, weighted by patches."""
    curve = reliability(labels, scores, bins)
    return float(np.average(np.abs(curve.frequency - curve.suspicion), weights=curve.n))


def scored(labels: np.ndarray, scores: np.ndarray) -> ScoredPatches:
    patients = [f"P_{i // 2:05d}" for i in range(len(labels))]
    return ScoredPatches(HeldOut(torch.zeros(len(labels), 1, 1, 1), labels, patients), scores, scores)


@pytest.fixture
def draw() -> ScoredPatches:
    rng = np.random.default_rng(5)
    labels = rng.permutation(np.repeat([0, 1], 60))
    return scored(labels, np.clip(rng.normal(0.35 + 0.3 * labels, 0.2), 0, 1))


def test_bins_by_hand():
    labels = np.array([0, 0, 1, 1, 1])
    scores = np.array([0.0, 0.05, 0.05, 0.75, 1.0])
    curve = reliability(labels, scores, bins=2)
    assert_allclose(curve.suspicion, [0.1 / 3, 0.875])
    assert_allclose(curve.frequency, [1 / 3, 1])
    assert_allclose(curve.n, [3, 2])
    assert expected_calibration_error(labels, scores, 2) == pytest.approx((3 * 0.3 + 2 * 0.125) / 5)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0.001, 0.999)), min_size=1, max_size=60))
def test_the_reliability_curve_is_scikit_learns(pairs):
    labels = np.array([int(label) for label, _ in pairs])
    scores = np.array([score for _, score in pairs])
    curve = reliability(labels, scores)
    on_an_edge = np.isclose(scores * BINS, np.rint(scores * BINS)).any()  # theirs are closed on the right
    if not on_an_edge:
        frequency, suspicion = calibration_curve(labels, scores, n_bins=BINS)
        assert_allclose(curve.frequency, frequency)
        assert_allclose(curve.suspicion, suspicion)
    assert curve.n.sum() == len(labels)


def test_a_probability_that_keeps_its_word_has_next_to_no_calibration_error():
    rng = np.random.default_rng(0)
    scores = rng.random(40_000)
    labels = (rng.random(40_000) < scores).astype(int)
    assert expected_calibration_error(labels, scores) < 0.01
    assert expected_calibration_error(labels, np.sqrt(scores)) > 0.1  # too suspicious


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60), st.integers(1, 20))
def test_the_gaps_of_the_bins_add_up_to_the_calibration_error(pairs, bins):
    labels = np.array([int(label) for label, _ in pairs])
    scores = np.array([score for _, score in pairs])
    total = np.abs(calibration_gaps(labels, scores, bins)).sum()
    assert total == pytest.approx(expected_calibration_error(labels, scores, bins))


def test_a_classifier_that_keeps_its_word_is_not_said_to_break_it():
    """Of 20 draws of 120 patches from it nearly all have to allow for an error of 0."""
    allowed = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        margin = rng.normal(np.repeat([-1.8, 1.8], 60), 1.7)
        scores = expit(2 * 1.8 / 1.7**2 * margin)  # by Bayes, for these two normal distributions
        allowed += (
            tissue_figures(scored(np.repeat([0, 1], 60), scores))["expected calibration error, balanced"].low
            == 0.0
        )
    assert allowed >= 18


def test_curves_agree_with_scikit_learn(draw):
    curves, labels, scores = tissue_curves(draw), draw.held_out.labels, draw.suspicion
    roc = curves["roc"]
    assert auc(roc["false_positive_rate"], roc["sensitivity"]) == pytest.approx(roc_auc_score(labels, scores))
    errors = {name: np.array(column) for name, column in curves["error_by_threshold"].items()}
    for place in (0, 37, 50, 100):
        (tn, fp), (fn, tp) = confusion_matrix(labels, scores >= errors["threshold"][place])
        assert errors["false_positive_rate"][place] == pytest.approx(fp / (fp + tn), abs=1e-6)
        assert errors["false_negative_rate"][place] == pytest.approx(fn / (fn + tp), abs=1e-6)
        assert errors["total_error"][place] == pytest.approx((fp + fn) / len(labels), abs=1e-6)


def test_figures_agree_with_scikit_learn_and_name_patches(draw):
    labels, scores = draw.held_out.labels, draw.suspicion
    figures = tissue_figures(draw)
    assert figures["tissue AUC, balanced"].value == pytest.approx(roc_auc_score(labels, scores))
    assert figures["Brier score, balanced"].value == pytest.approx(brier_score_loss(labels, scores))
    error = figures["expected calibration error, balanced"]
    assert error.value == pytest.approx(expected_calibration_error(labels, scores))
    assert error == clustered_distance(
        lambda i: calibration_gaps(labels[i], scores[i]), draw.held_out.patients, "patches"
    )
    assert {(f.unit, f.n, f.patients) for f in figures.values()} == {("patches", 120, 60)}


def test_no_patch_is_judged_by_a_threshold_that_it_helped_to_choose():
    labels = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    scores = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9])
    half = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    thresholds = cross_fitted_thresholds(labels, scores, half)
    assert_allclose(thresholds[half == 0], best_threshold(labels[4:], scores[4:]))
    assert_allclose(thresholds[half == 1], best_threshold(labels[:4], scores[:4]))
    assert_allclose(thresholds, [0.75] * 4 + [0.25] * 4)


def test_the_total_error_is_that_of_the_other_halfs_threshold():
    """Each half is told apart perfectly by its own threshold and half wrongly by the other's."""
    names = [f"P_{i:05d}" for i in range(40)]
    patients = [next(n for n in names if validation_half(n) == side) for side in (0, 0, 0, 0, 1, 1, 1, 1)]
    labels = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    scores = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9])
    held_out = HeldOut(torch.zeros(8, 1, 1, 1), labels, patients)
    assert tissue_figures(ScoredPatches(held_out, scores, scores))["total error, balanced"].value == 0.5


def test_a_half_without_lesions_is_refused_in_one_sentence():
    with pytest.raises(UnusableDataset, match="evaluate more films"):
        cross_fitted_thresholds(
            np.array([0, 1, 0, 0]), np.array([0.1, 0.9, 0.2, 0.3]), np.array([0, 0, 1, 1])
        )


def test_nobody_is_measured_by_a_calibration_that_she_helped_to_fit():
    rng = np.random.default_rng(0)
    half = np.repeat([0, 1], 2000)
    truth = rng.uniform(0.02, 0.98, 4000)
    labels = (rng.random(4000) < truth).astype(np.int64)
    scores = expit(2 * logit(truth) + np.where(half == 0, 1.0, -1.0))  # overconfident, and shifted oppositely
    calibrated = calibrated_elsewhere(labels, scores, half)
    # The scale is common to both halves and mended; the shift is the other half's, and doubled.
    expected = expit(logit(truth) + np.where(half == 0, 1.0, -1.0))
    assert np.abs(calibrated - expected).max() < 0.08
    relabelled = labels.copy()
    relabelled[:5] = 1 - relabelled[:5]
    assert_array_equal(calibrated_elsewhere(relabelled, scores, half)[half == 0], calibrated[half == 0])


def test_patches_that_are_told_apart_without_an_error_do_not_make_a_classifier_sure_beyond_bounds():
    """Platt 1999: ten of ten are taught 11 in 12."""
    labels = np.repeat([0, 1], 10)
    slope, offset = platt(labels, np.where(labels == 1, 2.0, -2.0))
    assert expit(slope * 2 + offset) == pytest.approx(11 / 12, abs=1e-3)
    assert expit(slope * -2 + offset) == pytest.approx(1 / 12, abs=1e-3)


def test_the_figures_at_a_threshold_are_shares_of_each_kind():
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0])
    scores = np.array([0.9, 0.5, 0.5, 0.4, 0.5, 0.1, 0.1, 0.1, 0.1])
    found = figures_at(scored(labels, scores), 0.5)
    assert (found["sensitivity"].value, found["sensitivity"].n) == (0.75, 4)
    assert (found["false_positive_rate"].value, found["false_positive_rate"].n) == (0.2, 5)
    assert found["sensitivity"].patients == 2
    assert found["false_positive_rate"].patients == 3


def test_a_frequency_has_an_interval_where_resampling_can_tell(draw: ScoredPatches):
    labels, patients = draw.held_out.labels, draw.held_out.patients
    curve = reliability(labels, draw.suspicion)
    low, high = frequency_band(labels, draw.suspicion, patients)
    assert low.shape == high.shape == curve.frequency.shape
    mixed = (curve.frequency > 0) & (curve.frequency < 1)
    assert mixed.any()
    assert np.isnan(low[~mixed]).all()
    assert np.isnan(high[~mixed]).all()
    assert (low[mixed] <= curve.frequency[mixed]).all()
    assert (curve.frequency[mixed] <= high[mixed]).all()
    assert (low[mixed] < high[mixed]).any()
