"""Joining the local results in, and the level from which a peak of heat counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.special import expit, logit

from mammoview.evaluation.choose import FAINTEST, heat_level, joined_heat
from mammoview.evaluation.heat import heat_target
from mammoview.evaluation.join import JoinExamples, cross_fitted, examples_of, fit_join
from mammoview.evaluation.split import validation_quarter
from mammoview.evaluation.store import Prepared
from mammoview.models.heatmap import HeatmapNetwork
from tests.networks import small_suite

SHAPE = (12, 9)
BOX = np.array([[200.0, 150.0, 420.0, 380.0]])


def film(name: str, patient: str, boxes: np.ndarray = BOX) -> Prepared:
    images = {r: np.zeros((SHAPE[0] * 64 // r, SHAPE[1] * 64 // r), np.uint8) for r in (2, 4, 8)}
    images[3] = np.zeros((SHAPE[0] * 64 // 3, SHAPE[1] * 64 // 3), np.uint8)
    return Prepared(name, patient, True, boxes, np.ones(SHAPE, bool), images)


def untrained() -> HeatmapNetwork:
    return HeatmapNetwork([4, 4, 4], 8, [1], True, 0.35, 0.25).eval()


def examples(count: int = 8) -> JoinExamples:
    """Heat that knows nothing, and one of three grids that knows where the lesion is."""
    rng = np.random.default_rng(0)
    films = [film(f"film{i}", f"patient{i}") for i in range(count)]
    target = logit(np.clip(heat_target(BOX, SHAPE), 0.01, 0.99))
    heat = {f.name: rng.normal(-3, 0.5, SHAPE).astype(np.float32) for f in films}
    local = {f.name: np.stack([rng.normal(0, 2, SHAPE), target, rng.normal(0, 2, SHAPE)]) for f in films}
    return JoinExamples(films, heat, {n: a.astype(np.float32) for n, a in local.items()})


def test_without_a_join_the_heat_is_the_baseline_s():
    made = examples()
    for name, heat in joined_heat(untrained(), made).items():
        assert_allclose(heat, expit(made.heat[name]), rtol=1e-5)


def test_the_join_learns_which_grid_to_trust_and_touches_nothing_else():
    made, network = examples(), untrained()
    before = {k: v.clone() for k, v in network.state_dict().items() if not k.startswith("join")}
    fit_join(network, made)
    after = network.state_dict()
    assert all(torch.equal(after[k], v) for k, v in before.items())
    strength = network.join.weight[0].abs().sum(dim=(1, 2))
    assert strength[2] > 3 * strength[1]
    assert strength[2] > 3 * strength[3]
    for name, heat in joined_heat(network, made).items():
        error = ((heat - heat_target(BOX, SHAPE)) ** 2).mean()
        assert error < 0.5 * ((expit(made.heat[name]) - heat_target(BOX, SHAPE)) ** 2).mean()


def test_a_network_as_it_is_loaded_can_be_fitted():
    network = untrained().to(memory_format=torch.channels_last)
    fit_join(network, examples())
    assert network.join.weight.abs().sum() > 0


def test_fitting_twice_gives_the_same_join():
    networks = [untrained(), untrained()]
    for network in networks:
        fit_join(network, examples())
    assert torch.equal(networks[0].join.weight, networks[1].join.weight)


def test_no_film_is_measured_with_a_join_that_it_helped_to_fit(tmp_path, monkeypatch):
    films = [film(f"film{i}", f"patient{i}") for i in range(12)]
    fitted: dict[int, set[str]] = {}

    def note(network, made, chosen):
        fitted[id(network)] = {made.patients[i] for i in chosen}

    monkeypatch.setattr("mammoview.evaluation.join.fit_join", note)
    suite = small_suite(tmp_path)
    suites = cross_fitted(suite, examples_of(suite, films))
    assert len({validation_quarter(f.patient) for f in films}) > 1
    for one, suite in zip(films, suites, strict=True):
        assert one.patient not in fitted[id(suite.heatmap)]
        quarter = validation_quarter(one.patient)
        others = {f.patient for f in films if validation_quarter(f.patient) != quarter}
        assert fitted[id(suite.heatmap)] == others


@pytest.mark.parametrize(("false_per_film", "expected"), [(1.0, 2), (0.5, 1), (0.0, 0)])
def test_the_level_lets_so_many_false_findings_through_and_no_more(false_per_film, expected):
    from mammoview.backend.findings import find
    from mammoview.domain import Heatmap
    from mammoview.evaluation.heat import field_frame

    heats = {}
    for name, faint in (("a", 0.3), ("b", 0.2)):
        heat = np.zeros(SHAPE, np.float32)
        heat[4, 4], heat[10, 1], heat[0, 7] = 0.9, faint, faint / 2  # the first lies in the box
        heats[name] = heat
    films = [film("a", "p"), film("b", "q")]
    level = heat_level(heats, films, false_per_film)
    found = [find(Heatmap(heats[f.name], level, field_frame(f).magnified(1 / 64), True)) for f in films]
    assert sum(len(f) for f in found) - 2 == expected  # less the two true ones


def test_a_level_is_never_below_the_faintest():
    heats = {"a": np.zeros(SHAPE, np.float32)}
    assert heat_level(heats, [replace(film("a", "p"))]) == FAINTEST


def test_what_is_joined_is_the_heat_of_the_joining_network_itself(tmp_path):
    """Its trunk need not be the baseline's; the baseline's own heat is what its level is chosen by."""
    suite = small_suite(tmp_path)
    with torch.no_grad():
        suite.heatmap.heat.bias += 1.5
    films = [film("film", "patient")]
    made = examples_of(suite, films)
    image = torch.zeros(1, 1, SHAPE[0] * 8, SHAPE[1] * 8)
    tissue = torch.from_numpy(made.local["film"])[None]
    with torch.inference_mode():
        whole = suite.heatmap(image, tissue).sigmoid()[0, 0]
        alone = suite.baseline(image).sigmoid()[0, 0]
    assert_allclose(joined_heat(suite.heatmap, made)["film"], whole, rtol=1e-4)
    assert_allclose(joined_heat(suite.baseline, made)["film"], alone, rtol=1e-4)
