"""Intervals by patient."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mammoview.evaluation.bootstrap import Figure, band, clustered, resamples

PATIENTS = ["a", "a", "b", "c", "c", "c"]


def test_a_patient_is_drawn_with_all_her_units_and_as_often_as_chance_has_it():
    draws = [np.bincount(index, minlength=6) for index in resamples(PATIENTS, 300, seed=0)]
    times = np.array(draws)
    assert (times[:, 0] == times[:, 1]).all()
    assert (times[:, 3] == times[:, 4]).all()
    assert (times[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert times.max() == 3  # with repeats: once in 27 draws all three are the same patient
    # Each of three patients is absent from (2/3)³ of the draws.
    assert_allclose((times == 0).mean(axis=0), 8 / 27, atol=0.08)


def test_the_interval_of_a_mean_is_that_of_theory():
    rng = np.random.default_rng(3)
    values = rng.normal(size=400)
    figure = clustered(lambda i: float(values[i].mean()), [f"p{i}" for i in range(400)], "films")
    error = values.std() / np.sqrt(400)
    assert_allclose([figure.low, figure.high], values.mean() + error * np.array([-1.96, 1.96]), atol=0.02)


def test_of_one_patient_nothing_can_be_resampled():
    figure = clustered(lambda i: 0.5, ["a", "a"], "films")
    assert figure.as_json() == {
        "value": 0.5,
        "low": None,
        "high": None,
        "unit": "films",
        "n": 2,
        "patients": 1,
    }


def test_draws_in_which_a_figure_is_undefined_are_left_out():
    def only_with_c(index):
        return 0.7 if 3 in index else float("nan")

    figure = clustered(only_with_c, PATIENTS, "films")
    assert (figure.low, figure.high) == (0.7, 0.7)
    low, high = band(lambda i: np.array([np.nan, len(i)]), PATIENTS, draws=50)
    assert np.isnan(low[0])
    assert low[1] < high[1]


def test_a_reflected_interval_mirrors_the_distances_and_is_never_below_zero():
    figure = Figure(0.05, 0.048, 0.08, "patches", 10, 5).reflected()
    assert (figure.low, figure.high) == pytest.approx((0.02, 0.052))
    assert Figure(0.01, 0.01, 0.05, "patches", 10, 5).reflected().low == 0.0
