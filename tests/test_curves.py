"""The measured curves beside the cards: whole, of the right network, or refused in one sentence."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import pytest

from mammoview import WEIGHTS
from mammoview.curves import FILE, Rate, curves_of, read_curves, write_curves
from mammoview.errors import WeightsMissing
from tests.evaluation import made_metrics

NAMES = ["tissue-0.5", "tissue-0.33", "tissue-0.25"]


def metrics():
    """A run whose curves are known; the cards as `evaluate` describes them."""
    cards = {name: {"version": "1", "sha256": name.rjust(64, "0"), "trained_on": "films"} for name in NAMES}
    return made_metrics.metrics() | {"cards": cards}


def test_curves_are_those_of_the_metrics_and_survive_the_file(tmp_path):
    found = metrics()
    curves = curves_of(found)
    assert list(curves) == NAMES
    half = curves["tissue-0.5"]
    assert half.sha256 == found["cards"]["tissue-0.5"]["sha256"]
    assert list(half.sensitivity) == found["curves"]["roc"]["tissue-0.5"]["sensitivity"]
    assert list(half.frequency) == found["curves"]["reliability"]["tissue-0.5"]["frequency"]
    assert (half.n, half.patients, half.dataset) == (180 + sum(range(4, 12)) + 170, 137, "made-up")
    write_curves(curves, tmp_path)
    assert read_curves(tmp_path) == curves


def test_the_operating_point_is_the_measured_one_with_its_intervals():
    found = metrics()
    sensitivity = {"value": 0.9, "low": 0.8, "high": 0.95, "unit": "patches", "n": 223, "patients": 130}
    false = {"value": 0.1, "low": None, "high": None, "unit": "patches", "n": 223, "patients": 130}
    there = {"threshold": 0.5512, "sensitivity": sensitivity, "false_positive_rate": false}
    found["curves"]["at_operating_point"] = {"tissue-0.5": there}
    half = curves_of(found)["tissue-0.5"]
    assert half.threshold == 0.5512
    assert half.sensitivity_there == Rate(0.9, 0.8, 0.95)
    assert half.false_positives_there == Rate(0.1)


def test_of_older_metrics_the_nearest_threshold_is_taken_and_claims_no_interval():
    found = metrics()
    found["operating_points"]["tissue-0.5"] = 0.4463
    half = curves_of(found)["tissue-0.5"]
    assert half.threshold == 0.45
    assert half.sensitivity_there == Rate(round(1 - 0.45**8, 6))
    assert half.false_positives_there == Rate(0.55**8)


def test_metrics_without_curves_give_none():
    assert curves_of({"dataset": "x", "films": 1, "patients": 1}) == {}


def test_where_nobody_measured_there_are_no_curves(tmp_path):
    assert read_curves(tmp_path) == {}


def broken(change):
    content = json.loads(json.dumps(written()))
    change(content)
    return json.dumps(content)


def written():
    from dataclasses import asdict

    return {name: asdict(each) for name, each in curves_of(metrics()).items()}


@pytest.mark.parametrize(
    "text",
    [
        "not JSON",
        "[]",
        '{"tissue-0.5": {}}',
        broken(lambda c: c["tissue-0.5"].pop("sha256")),
        broken(lambda c: c["tissue-0.5"]["sensitivity"].pop()),
        broken(lambda c: c["tissue-0.5"]["counts"].pop()),
        broken(lambda c: c["tissue-0.5"]["frequency"].__setitem__(0, 1.5)),
        broken(lambda c: c["tissue-0.5"]["frequency"].__setitem__(0, None)),
        broken(lambda c: c["tissue-0.5"]["frequency"].__setitem__(0, "much")),
        broken(lambda c: c["tissue-0.5"].update(low=[0.1])),
        broken(lambda c: c["tissue-0.5"].update(threshold=float("nan"))),
        broken(lambda c: c["tissue-0.5"].update(sensitivity_there={"value": -1})),
    ],
)
def test_a_broken_record_is_refused_in_one_sentence(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(WeightsMissing, match=r"^curves\.json is not a complete record .* --choose`$"):
        read_curves(tmp_path)


def test_curves_do_not_change_with_the_metrics_they_came_from():
    found = metrics()
    before = deepcopy(found)
    curves_of(found)
    assert found == before


def test_the_curves_that_come_along_can_be_read():
    curves = read_curves(Path(WEIGHTS))
    assert set(curves) <= set(NAMES)
    for each in curves.values():
        assert each.n == sum(each.counts) > 0
        assert each.sensitivity[-1] == each.false_positive_rate[-1] == 1
