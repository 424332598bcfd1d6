"""Weights arrive verified and complete, or not at all."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mammoview.domain import Magnification
from mammoview.errors import BadSetting, WeightsMismatch, WeightsMissing
from mammoview.models.cards import (
    WEIGHTS,
    choose_device,
    load_network,
    load_suite,
    replace_tensors,
    save_network,
    tissue_name,
    write_card,
)
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


def edited(folder: Path, name: str, part: str, change: dict[str, object]) -> dict[str, object]:
    """The content of a card after a part of it was changed, and nothing else."""
    path = folder / f"{name}.json"
    content = json.loads(path.read_text())
    content[part] |= change
    path.write_text(json.dumps(content))
    return content


def written_again(folder: Path, content: dict[str, object], **more: dict[str, str]) -> None:
    """A tensor file as somebody else might write it, with its digest on the card."""
    path = folder / f"{content['name']}.safetensors"
    save_file(load_file(path), path, **more)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(content | {"sha256": digest}))


def forged(folder: Path, name: str, architecture: dict[str, object]) -> None:
    """A network that says the same of its architecture on its card and in its file."""
    content = edited(folder, name, "architecture", architecture)
    said = {part: content[part] for part in ("architecture", "inputs")}
    written_again(folder, content, metadata={"card": json.dumps(said, sort_keys=True)})


def unstamped(folder: Path, name: str) -> Path:
    """The network as earlier versions wrote it: nothing beside the tensors; its file."""
    written_again(folder, edited(folder, name, "metrics", {"AUC": {"value": 0.9}}))
    return folder / f"{name}.safetensors"


@pytest.mark.parametrize(
    ("name", "part", "change"),
    [
        ("heatmap-baseline", "architecture", {"dilations": [2, 1]}),
        ("heatmap-baseline", "inputs", {"mm_per_pixel": 0.2}),
        ("tissue-0.5", "inputs", {"mean": 0.36}),
        ("tissue-0.5", "inputs", {"std": 0.5}),
        ("tissue-0.5", "inputs", {"patch": 117}),
        ("tissue-0.5", "inputs", {"band_limit_mm": 0.1}),
        ("tissue-0.5", "inputs", {"more": 1}),
        ("tissue-0.5", "architecture", {"widths": [4, 6, 8]}),
    ],
)
def test_a_card_that_was_edited_is_refused_even_where_the_tensors_fit(tmp_path, name, part, change):
    small_suite(tmp_path)
    edited(tmp_path, name, part, change)
    with pytest.raises(WeightsMismatch, match=f"the card of {name} 0 has another") as raised:
        load_suite(tmp_path, "cpu")
    assert "restore the card" in str(raised.value)


def test_what_is_chosen_later_may_change_on_a_card(tmp_path):
    suite = small_suite(tmp_path)
    card = replace(suite.baseline_card, operating_point=0.25, metrics={"AUC": {"value": 0.9}})
    write_card(card, tmp_path)
    assert load_suite(tmp_path, "cpu").baseline_card == card


def test_tensors_that_do_not_fit_the_architecture_are_refused(tmp_path):
    small_suite(tmp_path)
    forged(tmp_path, "tissue-0.5", {"widths": [4, 6, 8]})
    with pytest.raises(WeightsMismatch, match="does not fit"):
        load_suite(tmp_path, "cpu")


@pytest.mark.parametrize("widths", [[60_000, 60_000], [-4, 8], [1e999], "wide"])
def test_a_card_that_asks_for_an_absurd_network_takes_no_memory(tmp_path, widths):
    small_suite(tmp_path)
    forged(tmp_path, "tissue-0.5", {"widths": widths})
    with pytest.raises(WeightsMismatch, match="can be built"):
        load_suite(tmp_path, "cpu")


def test_replaced_tensors_come_with_a_card_that_fits_and_has_no_figures(tmp_path):
    suite = small_suite(tmp_path)
    name = suite.heatmap_card.name
    write_card(replace(suite.heatmap_card, metrics={"AUC": {"value": 0.9}}), tmp_path)
    replace_tensors(name, {"join.bias": torch.tensor([3.0])}, tmp_path)
    network, card = load_network(name, tmp_path)
    assert float(network.join.bias) == 3.0
    assert card == replace(suite.heatmap_card, sha256=card.sha256, metrics={})
    assert card.sha256 != suite.heatmap_card.sha256


def test_a_file_that_does_not_say_what_it_was_trained_with_is_refused(tmp_path):
    small_suite(tmp_path)
    unstamped(tmp_path, "tissue-0.5")
    with pytest.raises(WeightsMismatch, match="does not say what it was trained with: restore it or train"):
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
    with pytest.raises(WeightsMismatch, match="no file of tensors"):
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
