"""`evaluate` as a user runs it, on a small made-up archive with normal films and untrained networks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mammoview.backend import assess
from mammoview.backend.saliency import hot_pixels
from mammoview.cli import main
from mammoview.domain import Magnification, Settings
from mammoview.evaluation.films import GRAD_CAM, HIRES_CAM, SALIENCY, UNIFORM, judge
from mammoview.evaluation.metrics_file import read_metrics
from mammoview.evaluation.split import in_validation, validation_half
from mammoview.evaluation.workers import judge_all
from mammoview.models import Suite, load_suite
from mammoview.models.cards import write_card
from mammoview.readers.datasets import open_dataset
from mammoview.scorecard import rasterise
from tests.networks import small_suite

ROWS, COLUMNS = 420, 300
HEADER = "image,patient_id,tissue,abnormality,severity,column,row,radius\n"


def film(seed: int, lesion: tuple[int, int] | None) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:ROWS, :COLUMNS]
    breast = np.hypot((y - 210) / 170, x / 170) < 1
    pixels = 10 + breast * (100 + cv2.GaussianBlur(rng.normal(0, 90, breast.shape), (0, 0), 5))
    if lesion is not None:
        pixels += 100 * np.exp(-(np.hypot(y - lesion[0], x - lesion[1]) ** 2) / 200)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def patients() -> list[str]:
    """Two of each half, for lesions, then two for normal films, and one for a lesion without a place."""
    names = [f"mias_{i:03d}" for i in range(60)]
    halves = [[n for n in names if validation_half(n) == side][:2] for side in (0, 1)]
    lesion = [halves[0][0], halves[1][0], halves[0][1], halves[1][1]]
    return lesion + [n for n in names if n not in lesion][:3]


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("archive") / "made"
    (folder / "images").mkdir(parents=True)
    rows = [HEADER]
    for number, patient in enumerate(patients()):
        place = (150 + 30 * number, 80) if number < 4 else None
        cv2.imwrite(str(folder / "images" / f"mdb{number:03d}.png"), film(number, place))
        kind = "CIRC" if number % 2 else "CALC"
        unmarked = "NORM,,,," if number < 6 else "CIRC,B,,,"
        said = f"{kind},B,{place[1]},{place[0]},15" if place else unmarked
        rows.append(f"mdb{number:03d}.png,{patient},G,{said}\n")
    (folder / "lesions.csv").write_text("".join(rows))
    return folder


@pytest.fixture(scope="module")
def suite(archive, tmp_path_factory) -> tuple[Suite, Path]:
    """Untrained networks that call a part of the first film hot, so that there is something to measure."""
    folder = tmp_path_factory.mktemp("weights")
    cool = small_suite(folder)
    heat = assess(open_dataset(archive)[0].film.read(), cool).heatmap.heat
    for card in (cool.baseline_card, cool.heatmap_card):
        write_card(replace(card, operating_point=float(np.quantile(heat, 0.7))), folder)
    for card in cool.tissue_cards.values():
        write_card(replace(card, operating_point=0.0), folder)
    return load_suite(folder, "cpu"), folder


@pytest.fixture(scope="module")
def metrics(archive, suite, tmp_path_factory) -> dict[str, object]:
    out = tmp_path_factory.mktemp("evaluated") / "deep" / "out"
    words = ["--weights", str(suite[1]), "--runs", str(out.parent / "runs"), "--device", "cpu"]
    assert main(["evaluate", str(archive), "--out", str(out), "--films", "all", *words]) == 0

    def refuse(constant):
        raise ValueError(f"{constant} is no JSON")

    return json.loads((out / "metrics.json").read_text(), parse_constant=refuse)


def test_everything_is_measured_and_counted(metrics, suite):
    names = [card.name for card in suite[0].tissue_cards.values()]
    assert (metrics["films"], metrics["patients"], metrics["which"]) == (7, 7, "all")
    counts = metrics["counts"]
    assert (counts["films with lesions"], counts["normal films"], counts["lesions"]) == (4, 2, 4)
    assert counts["films with lesions that are marked nowhere, which count for the film AUC only"] == 1
    assert counts["films without lesions of patients who have some"] == 0
    assert metrics["films_and_saliency"]["heatmap MSE, baseline"]["n"] == 6
    assert metrics["films_and_saliency"]["film AUC, films with lesions against normal films"]["n"] == 7
    assert counts["patches"] == dict.fromkeys(names, 8)
    assert counts["too large for a patch"] == dict.fromkeys(names, 0)
    for kind in ("roc", "reliability", "error_by_threshold"):
        assert list(metrics["curves"][kind]) == names
    assert {"lesion films", "normal films"} <= set(metrics["curves"]["froc"])
    assert {SALIENCY, GRAD_CAM, HIRES_CAM, UNIFORM} <= set(metrics["baselines"])
    assert {label.rsplit(", ", 1)[1] for label in metrics["randomised"]} == {m.label for m in Magnification}
    assert len(metrics["lesions"]) == 4 * 3
    assert len(metrics["film_scores"]) == 4
    for areas in metrics["film_scores"].values():
        assert {f.removesuffix(" against normal films") for f in areas} == {
            "film AUC, films with lesions",
            "film AUC, masses and distortions",
            "film AUC, calcifications",
        }


def figures_in(found: object) -> list[dict[str, object]]:
    if not isinstance(found, dict):
        return []
    if "value" in found:
        return [found]
    return [figure for part in found.values() for figure in figures_in(part)]


def test_every_figure_names_its_unit_and_lies_within_its_interval(metrics):
    figures = figures_in(metrics)
    assert len(figures) > 60
    for figure in figures:
        assert figure["unit"] in ("films", "lesions", "patches", "lattice cells")
        assert figure["n"] >= 1
        if None not in (figure["value"], figure["low"], figure["high"]):
            assert figure["low"] - 1e-6 <= figure["value"] <= figure["high"] + 1e-6


def test_what_is_written_can_be_shown_beside_the_paper(metrics, tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(metrics), encoding="utf-8")
    assert read_metrics(path) == metrics


def test_several_processes_give_the_same_results_in_the_same_order(archive, suite):
    films, settings = open_dataset(archive)[3:6], Settings()
    alone = judge_all(films, [suite[0]] * 3, settings)
    together = judge_all(films, [suite[0]] * 3, settings, workers=2)
    for one, other in zip(alone, together, strict=True):
        assert (one.film, one.patient, one.scores, one.squared_errors) == (
            other.film,
            other.patient,
            other.scores,
            other.squared_errors,
        )
        assert one.agreements == other.agreements


def test_each_film_is_judged_by_the_suite_at_its_place(archive, suite):
    strict = load_suite(suite[1], "cpu")
    strict = replace(strict, heatmap_card=replace(strict.heatmap_card, operating_point=1.0))
    films = open_dataset(archive)[:2]
    judged = judge_all(films, [suite[0], strict], Settings())
    assert judged[0].findings > 0
    assert judged[1].findings == 0
    assert judged[1].marks["centre"].false_scores.size > 0  # free response goes below the card's level


def test_a_film_says_its_kinds_and_its_lesions(archive, suite):
    found = judge(open_dataset(archive)[0], suite[0], Settings())
    assert [str(kind) for kind in found.kinds] == ["calcification"]
    assert [str(x.lesion_type) for x in found.lesions] == ["calcification"]
    assert (found.view, found.density, found.normal) == ("MLO", "fatty-glandular", False)


def test_the_uniform_map_has_the_share_of_the_heat_region_that_lies_inside(archive, suite):
    annotated = open_dataset(archive)[0]
    found, mammogram = judge(annotated, suite[0], Settings()), annotated.film.read()
    assessed = assess(mammogram, suite[0])
    for magnification, saliency in assessed.saliency.items():
        shape = saliency.values.shape
        hot = hot_pixels(assessed.heatmap, saliency.frame, shape)
        inside = rasterise(saliency.frame.from_scan(mammogram.outlines[0].vertices), shape)
        (uniform,) = found.agreements[UNIFORM, magnification]
        assert uniform.energy_inside == pytest.approx((hot & inside).sum() / hot.sum(), rel=2e-3)
        (own,) = found.agreements[SALIENCY, magnification]
        total = saliency.values.sum(dtype=float)
        assert own.energy_inside == pytest.approx(saliency.values[inside].sum(dtype=float) / total)


@pytest.mark.parametrize("dataset", ["nowhere", "empty"])
def test_a_refusal_leaves_no_folder_behind(dataset, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    out = tmp_path / "new" / "out"
    assert main(["evaluate", str(tmp_path / dataset), "--out", str(out)]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert "lesions.csv" in sentence
    assert not (tmp_path / "new").exists()


def test_films_of_training_patients_alone_are_refused_with_what_to_do(archive, tmp_path, capsys):
    if any(in_validation(p) for p in patients()):
        rows = (archive / "lesions.csv").read_text().splitlines(keepends=True)
        kept = [row for row in rows[1:] if not in_validation(row.split(",")[1])]
        (tmp_path / "images").symlink_to(archive / "images")
        (tmp_path / "lesions.csv").write_text("".join([HEADER, *kept]))
        archive = tmp_path
    assert main(["evaluate", str(archive), "--out", str(tmp_path / "out")]) == 2
    assert "--films all" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_work_that_fails_midway_leaves_no_empty_folder_and_keeps_what_was_there(archive, suite, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    (few / "images").symlink_to(archive / "images")
    rows = (archive / "lesions.csv").read_text().splitlines(keepends=True)
    (few / "lesions.csv").write_text("".join(rows[:2]))  # one lesion: nothing to cross-fit on
    words = ["--films", "all", "--weights", str(suite[1]), "--runs", str(tmp_path / "runs")]
    assert main(["evaluate", str(few), "--out", str(tmp_path / "a" / "b"), *words]) == 2
    assert not (tmp_path / "a").exists()
    (tmp_path / "mine").mkdir()
    assert main(["evaluate", str(few), "--out", str(tmp_path / "mine"), *words]) == 2
    assert (tmp_path / "mine").is_dir()


def test_films_whose_lesions_are_all_marked_nowhere_are_refused(archive, suite, tmp_path, capsys):
    (tmp_path / "images").symlink_to(archive / "images")
    rows = (archive / "lesions.csv").read_text().splitlines(keepends=True)
    (tmp_path / "lesions.csv").write_text("".join([HEADER, rows[-1]]))
    words = ["--films", "all", "--weights", str(suite[1]), "--runs", str(tmp_path / "runs")]
    assert main(["evaluate", str(tmp_path), "--out", str(tmp_path / "out"), *words]) == 2
    assert "marked nowhere" in capsys.readouterr().err


def test_a_number_of_workers_that_cannot_be_is_refused(tmp_path, capsys):
    assert main(["evaluate", str(tmp_path), "--out", str(tmp_path / "o"), "--workers", "0"]) == 2
    sentence = capsys.readouterr().err
    assert "from 1 to 256" in sentence
    assert "mammoview evaluate --help" in sentence


def test_films_are_prepared_by_as_many_processes_as_were_asked_for(
    archive, suite, tmp_path, monkeypatch, capsys
):
    asked = []

    def build(films, folder, band_limit_mm, workers):
        asked.append(workers)
        return ()

    monkeypatch.setattr("mammoview.evaluation.store.build", build)
    words = ["--films", "all", "--weights", str(suite[1]), "--runs", str(tmp_path), "--workers", "3"]
    assert main(["evaluate", str(archive), "--out", str(tmp_path / "out"), *words]) == 2
    assert asked == [3]
    assert "none of its films can be prepared" in capsys.readouterr().err
