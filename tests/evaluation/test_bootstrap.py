"""Intervals by patient."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from mammoview.evaluation.bootstrap import band, clustered, clustered_distance, resamples

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


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.lists(st.floats(-1, 1), min_size=3, max_size=3)),
        min_size=2,
        max_size=20,
    ).filter(lambda units: len({patient for patient, _ in units}) > 1)
)
def test_the_interval_of_a_distance_holds_its_value_and_nothing_below_zero(units):
    differences = np.array([difference for _, difference in units])
    patients = [str(patient) for patient, _ in units]
    figure = clustered_distance(lambda i: differences[i].mean(axis=0), patients, "patches", draws=50)
    assert figure.value == pytest.approx(np.abs(differences.mean(axis=0)).sum())
    assert 0 <= figure.low <= figure.value <= figure.high


def test_noise_alone_is_no_distance_and_a_true_one_is_not_taken_for_noise():
    """200 patients, 15 differences that are nothing but noise, then 15 that are not."""
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 1, (200, 15))
    patients = [f"p{i}" for i in range(200)]
    nothing = clustered_distance(lambda i: noise[i].mean(axis=0), patients, "patches")
    assert nothing.value > 0.5
    assert nothing.low == 0
    something = clustered_distance(lambda i: (noise + 0.3)[i].mean(axis=0), patients, "patches")
    assert 2 < something.low < 15 * 0.3 < something.high < 7


def test_of_one_patient_a_distance_has_no_interval():
    figure = clustered_distance(lambda i: np.full(3, 0.1), ["a", "a"], "patches", draws=5)
    assert figure.as_json()["value"] == pytest.approx(0.3)
    assert (figure.as_json()["low"], figure.as_json()["high"]) == (None, None)
