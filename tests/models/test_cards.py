"""Weights arrive verified and complete, or not at all."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch

from mammoview.domain import Magnification
from mammoview.errors import BadSetting, WeightsMismatch, WeightsMissing
from mammoview.models.cards import WEIGHTS, choose_device, load_network, load_suite, save_network, tissue_name
from tests.networks import card, small_suite, tissue_classifier


def test_a_network_comes_back_as_it_was_saved(tmp_path):
    network = tissue_classifier(84, (4, 6, 8))
    described = card("small", {"kind": "tissue", "widths": [4, 6, 8]}, {"patch": 84})
    save_network(network, described, tmp_path)
    loaded, _ = load_network("small", tmp_path)
    patches = torch.rand(3, 1, 84, 84)
    torch.testing.assert_close(
        loaded(patches), network(patches), rtol=1e-4, atol=1e-5
    )  # batch norm is folded
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())


def test_a_changed_file_is_refused(tmp_path):
    small_suite(tmp_path)
    path = tmp_path / "tissue-0.5.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\0\0")
    with pytest.raises(WeightsMismatch, match="not the file"):
        load_suite(tmp_path, "cpu")


def test_a_card_of_another_architecture_is_refused(tmp_path):
    small_suite(tmp_path)
    path = tmp_path / "tissue-0.5.json"
    described = json.loads(path.read_text())
    described["architecture"]["widths"] = [4, 6, 8]
    path.write_text(json.dumps(described))
    with pytest.raises(WeightsMismatch):
        load_suite(tmp_path, "cpu")


@pytest.mark.parametrize("widths", [[60_000, 60_000], [-4, 8], [1e999], "wide"])
def test_a_card_that_asks_for_an_absurd_network_takes_no_memory(tmp_path, widths):
    small_suite(tmp_path)
    path = tmp_path / "tissue-0.5.json"
    described = json.loads(path.read_text())
    described["architecture"]["widths"] = widths
    path.write_text(json.dumps(described))
    with pytest.raises(WeightsMismatch, match="can be built"):
        load_suite(tmp_path, "cpu")


@pytest.mark.parametrize("name", ["tissue-0.25.json", "tissue-0.25.safetensors"])
def test_a_missing_file_is_named(tmp_path, name):
    small_suite(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(WeightsMissing, match=name.replace(".", r"\.")):
        load_suite(tmp_path, "cpu")


def test_bytes_that_are_no_tensors_are_refused_even_with_their_own_digest(tmp_path):
    small_suite(tmp_path)
    path, described = tmp_path / "tissue-0.5.safetensors", tmp_path / "tissue-0.5.json"
    path.write_bytes(b"\x07" * 500)
    content = json.loads(described.read_text()) | {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    described.write_text(json.dumps(content))
    with pytest.raises(WeightsMismatch, match="does not fit"):
        load_suite(tmp_path, "cpu")


@pytest.mark.parametrize(
    "change", [{"operating_point": "high"}, {"operating_point": 7}, {"inputs": {"mean": 0, "std": 1}}]
)
def test_a_card_out_of_range_is_refused(tmp_path, change):
    small_suite(tmp_path)
    described = tmp_path / "tissue-0.5.json"
    described.write_text(json.dumps(json.loads(described.read_text()) | change))
    with pytest.raises(WeightsMissing, match="complete card"):
        load_suite(tmp_path, "cpu")


@pytest.mark.parametrize("content", ["", "[]", '{"name": "tissue-0.5"}', "\x00", "[" * 100_000])
def test_a_broken_card_is_refused_in_one_sentence(tmp_path, content):
    small_suite(tmp_path)
    (tmp_path / "tissue-0.5.json").write_text(content)
    with pytest.raises(WeightsMissing) as raised:
        load_suite(tmp_path, "cpu")
    assert "\n" not in str(raised.value)


def test_an_unknown_device_is_refused():
    with pytest.raises(BadSetting):
        choose_device("tpu")


def test_the_shipped_suite_is_complete_and_says_what_it_is():
    suite = load_suite(device="cpu")
    assert [c.name for c in suite.cards[:3]] == [tissue_name(m) for m in Magnification]
    for described in suite.cards:
        assert described.trained_on
        assert described.split
        assert described.limits
        assert described.metrics, f"{described.name}: no measured figures on the card"
        assert all(f["low"] <= f["value"] <= f["high"] for f in described.metrics.values())
        assert (WEIGHTS / f"{described.name}.safetensors").stat().st_size < 20e6
    for magnification, network in suite.tissue.items():
        assert network.patch * magnification.mm == pytest.approx(25.6, abs=0.2)
