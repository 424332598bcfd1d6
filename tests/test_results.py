"""A result that is kept is the result that was found, and nothing else comes out of its file."""

from __future__ import annotations

import json
import os
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mammoview.domain import Assessment, Laterality, Magnification, Settings, View
from mammoview.export.layers_npz import layers
from mammoview.results import Results, key_of
from tests import handmade
from tests.handmade import PLAIN, dark, saliency, square


@pytest.fixture
def assessment() -> Assessment:
    found = handmade.assessment(*(saliency(dark(each), magnification=each) for each in Magnification))
    one = found.saliency[Magnification.HALF]
    drawn = {}
    for weighting, values in one.maps.items():
        drawn[weighting] = values.copy()
        drawn[weighting].reshape(-1)[::7] = 0.3
    return replace(found, saliency={**found.saliency, Magnification.HALF: replace(one, maps=drawn)})


def same(one: Assessment, other: Assessment) -> None:
    for f in fields(Assessment):
        if f.name in ("scan", "cards", "settings", "score", "timings_s", "warnings", "engine"):
            assert getattr(one, f.name) == getattr(other, f.name), f.name
    first, second = layers(one), layers(other)
    assert first.keys() == second.keys()
    for name, values in first.items():
        assert_array_equal(values, second[name])
        assert values.dtype == second[name].dtype
    assert [(f.score, f.centre, f.box, f.area_mm2) for f in one.findings] == [
        (f.score, f.centre, f.box, f.area_mm2) for f in other.findings
    ]
    for ours, theirs in zip(one.findings, other.findings, strict=True):
        assert_array_equal(ours.outline.vertices, theirs.outline.vertices)
        assert ours.outline.drawn_by is theirs.outline.drawn_by


def test_what_is_kept_comes_back_as_it_was(assessment, tmp_path):
    Results(tmp_path / "kept").put("a" * 64, assessment)
    again = Results(tmp_path / "kept").get("a" * 64)
    same(assessment, again)
    with pytest.raises(ValueError, match="read-only"):
        again.heatmap.heat[0, 0] = 1
    assert Results(tmp_path / "kept").get("b" * 64) is None


def test_only_its_user_may_read_it(assessment, tmp_path):
    Results(tmp_path / "kept").put("a" * 64, assessment)
    (file,) = (tmp_path / "kept").iterdir()
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("at", [0, 100, 2_000, -30])
def test_a_damaged_file_counts_as_none_and_makes_way(assessment, tmp_path, at):
    results = Results(tmp_path)
    results.put("a" * 64, assessment)
    (file,) = tmp_path.iterdir()
    content = bytearray(file.read_bytes())
    content[at] ^= 0xFF
    file.write_bytes(content if at != 2_000 else content[:at])
    assert results.get("a" * 64) is None
    assert not file.exists()


def test_a_file_that_names_anything_but_a_noun_of_the_domain_counts_as_none(tmp_path):
    words = np.frombuffer(b'{"noun": "Path", "fields": {"a": "/etc/passwd"}}', np.uint8)
    with (tmp_path / "x.assessment").open("wb") as file:
        np.savez(file, words=words)
    assert Results(tmp_path).get("x") is None
    words = np.frombuffer(b'{"noun": "Laterality", "value": "L"}', np.uint8)
    with (tmp_path / "x.assessment").open("wb") as file:
        np.savez(file, words=words)
    assert Results(tmp_path).get("x") is None


@pytest.mark.parametrize(
    "fields",
    [
        dict.fromkeys(("scan", "cards", "settings", "score", "findings", "grids"), 1),
        {"heatmap": {"array": 0}},
    ],
)
def test_an_assessment_of_nonsense_counts_as_none(tmp_path, fields):
    words = json.dumps({"noun": "Assessment", "fields": fields}).encode()
    with (tmp_path / "x.assessment").open("wb") as file:
        np.savez(file, words=np.frombuffer(words, np.uint8), array0=np.array([[np.nan]], np.float32))
    assert Results(tmp_path).get("x") is None
    assert not list(tmp_path.iterdir())


def test_no_bit_of_a_file_can_be_turned_so_that_it_stays_in_the_way(assessment, tmp_path):
    results = Results(tmp_path)
    results.put("x", assessment)
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    rng = np.random.default_rng(0)
    ends = [*range(300), *range(len(content) - 2500, len(content))]
    for at in rng.choice(ends, 300, replace=False):
        turned = bytearray(content)
        turned[at] ^= 1 << int(rng.integers(8))
        file.write_bytes(turned)
        assert results.get("x") is None or file.exists()


def test_a_claim_of_more_memory_than_there_is_is_refused(tmp_path):
    words = json.dumps({"noun": "Assessment", "fields": {"heatmap": {"array": 0}}}).encode()
    where, what = np.zeros(1, np.uint8), np.zeros(0, np.float32)
    with (tmp_path / "x.assessment").open("wb") as file:
        parts = {"shape0": np.array([10**7, 10**7]), "where0": where, "what0": what}
        np.savez(file, words=np.frombuffer(words, np.uint8), **parts)
    assert Results(tmp_path).get("x") is None


def test_those_not_looked_at_for_longest_make_room(assessment, tmp_path):
    once = Results(tmp_path / "one")
    once.put("0", assessment)
    (file,) = (tmp_path / "one").iterdir()
    results = Results(tmp_path / "kept", most_bytes=int(2.5 * file.stat().st_size))
    for number, name in enumerate("abc"):
        results.put(name, assessment)
        path = tmp_path / "kept" / f"{name}.assessment"
        os.utime(path, (number, number))
        if name == "b":
            assert results.get("a") is not None  # looked at: b is now the oldest
    assert {path.stem for path in (tmp_path / "kept").iterdir()} == {"a", "c"}
    Results(tmp_path / "none", most_bytes=10).put("a", assessment)
    assert not (tmp_path / "none").exists()


def test_a_result_belongs_to_the_pixels_the_facts_the_networks_and_the_settings(tmp_path):
    card = tmp_path / "tissue-0.5.json"
    card.write_text("one")
    film = handmade.mammogram([square(100, 100, 40, PLAIN)])

    def key(mammogram=film, settings=Settings()) -> str:  # noqa: B008
        return key_of(mammogram, [card], settings)

    known = key()
    assert key() == known
    assert key(replace(film, outlines=())) == known  # no network sees them
    other = film.pixels.copy()
    other[-1, -1] += 1
    changed = [
        key(replace(film, pixels=other)),
        key(replace(film, pixels=np.ascontiguousarray(film.pixels.reshape(-1, film.pixels.shape[0])))),
        key(replace(film, spacing_mm=(0.07, 0.07))),
        key(
            replace(
                film, laterality=Laterality.RIGHT if film.laterality is Laterality.LEFT else Laterality.LEFT
            )
        ),
        key(replace(film, view=View.MLO if film.view is not View.MLO else View.CC)),
        key(settings=Settings(heat_level=0.3)),
    ]
    Path(card).write_text("another")
    changed.append(key())
    assert len({known, *changed}) == 8
