"""Training and evaluation as a user would run them, on a small made-up archive."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from mammoview.cli import main
from mammoview.curves import read_curves
from mammoview.domain import Magnification
from mammoview.evaluation.split import in_validation, validation_half
from mammoview.models import load_suite
from mammoview.models.cards import read_card

HEADER = (
    "image,patient_id,laterality,view,x,y,width,height,pathology,birads,subtlety,density,mass_shape,"
    "mass_margins,ddsm_film,rows,columns,um_per_pixel,digitizer,match_difference\n"
)
ROWS, WIDTH, MICRONS = 1100, 600, 150.0


def patients(count: int, validation: bool) -> list[str]:
    """Pseudonyms that fall on this side of the split, on both halves of it."""
    names = (f"P_{i:05d}" for i in range(10_000))
    chosen: dict[int, list[str]] = {0: [], 1: []}
    for name in names:
        half = validation_half(name)
        if in_validation(name) is validation and len(chosen[half]) < count // 2:
            chosen[half].append(name)
    return chosen[0] + chosen[1]


def film(rng: np.random.Generator) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """800 × 800 samples of a breast with one bright mass, and its box (x, y, width, height)."""
    down, across = np.mgrid[:ROWS, :WIDTH] * (MICRONS / 1000)
    breast = np.hypot((down - 82) / 70, across / 75)
    row, column = rng.uniform(60, 100), rng.uniform(20, 45)
    texture = cv2.GaussianBlur(rng.normal(0, 60, (ROWS, WIDTH)), (0, 0), 6)
    pixels = (
        8 + (breast < 1) * (70 + texture) + 90 * np.exp(-(((down - row) ** 2 + (across - column) ** 2) / 40))
    )
    squashed = cv2.resize(pixels.clip(0, 255).astype(np.uint8), (800, 800), interpolation=cv2.INTER_AREA)
    scale = np.array([800 / WIDTH, 800 / ROWS]) / (MICRONS / 1000)
    x, y = (np.array([column, row]) - 6) * scale
    return squashed, (x, y, *(12 * scale))


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    (folder / "images").mkdir()
    rng = np.random.default_rng(1)
    with (folder / "lesions.csv").open("w", newline="") as file:
        file.write(HEADER)
        table = csv.writer(file)
        for i, patient in enumerate([*patients(6, validation=False), *patients(4, validation=True)]):
            name = f"{i:05d}_LEFT_CC.jpg"
            pixels, (x, y, width, height) = film(rng)
            cv2.imwrite(str(folder / "images" / name), pixels)
            size = (ROWS, WIDTH, MICRONS)
            box = (x, y, width, height)
            table.writerow([name, patient, "LEFT", "CC", *box, "BENIGN", 3, 4, 2, "", "", "", *size, "", ""])
    return folder


def test_an_archive_becomes_a_suite_with_its_figures_on_its_cards(archive, tmp_path, capsys):
    runs = tmp_path / "runs"
    kept = ["--runs", str(runs), "--steps", "2", "--small"]
    assert main(["train", "all", str(archive), *kept]) == 0
    weights = runs / f"weights-{archive.name}"  # never the project's own
    said = capsys.readouterr().out
    assert "network 1 of 5: tissue-0.5" in said
    assert "left for all 5 networks" in said
    assert json.loads((weights / "familiar.json").read_text())["films"] == 6
    suite = load_suite(weights, "cpu")
    for card in suite.cards:
        assert "6 films of 6 patients" in card.trained_on
        assert "4 films of 4 patients" in card.split
        assert card.band_limit_mm == 0.3
    out = tmp_path / "evaluation"
    measured = ["--weights", str(weights), "--runs", str(runs), "--out", str(out), "--device", "cpu"]
    assert main(["evaluate", str(archive), *measured, "--choose"]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert (metrics["films"], metrics["patients"]) == (4, 4)
    again = load_suite(weights, "cpu")
    for card in again.cards:
        assert dict(card.metrics).items() >= metrics["networks"][card.name].items()
        assert card.operating_point == metrics["operating_points"][card.name]
    curves = read_curves(weights)
    for card in again.tissue_cards.values():
        assert (curves[card.name].sha256, curves[card.name].n) == (card.sha256, 8)
        assert curves[card.name].threshold == card.operating_point
    tissue = again.tissue_cards[Magnification.HALF].metrics["tissue AUC, balanced"]
    assert tissue["n"] == 8
    assert tissue["unit"] == "patches"
    assert 0 <= tissue["low"] <= tissue["value"] <= tissue["high"] <= 1
    assert "tissue AUC, balanced" in capsys.readouterr().out


def test_another_archive_does_not_go_on_from_the_first_ones_checkpoint(archive, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(archive, other)
    rows = (other / "lesions.csv").read_text().splitlines(keepends=True)
    (other / "lesions.csv").write_text("".join(rows[:1] + rows[2:]))  # one film less
    digests = []
    for number, folder in enumerate((archive, other, archive)):
        out = tmp_path / f"weights{number}"
        words = [
            "--magnification",
            "0.25",
            "--small",
            "--steps",
            "1",
            "--runs",
            str(tmp_path / "runs"),
            "--out",
            str(out),
        ]
        assert main(["train", "tissue", str(folder), *words]) == 0
        digests.append(read_card("tissue-0.25", out).sha256)
    assert digests[0] != digests[1]
    assert digests[0] == digests[2]


@pytest.fixture(scope="module")
def ddsm_tree(tmp_path_factory) -> Path:
    """Four cases of one film with an outline and one of the healthy side; two are kept for validation."""
    tree, rng = tmp_path_factory.mktemp("ddsm"), np.random.default_rng(2)
    for name in [*patients(2, validation=False), *patients(2, validation=True)]:
        case = tree / name
        case.mkdir()
        for side, overlay in (("LEFT", "OVERLAY"), ("RIGHT", "NON_OVERLAY")):
            squashed, (x, y, width, height) = film(rng)
            pixels = cv2.resize(squashed, (WIDTH, ROWS))
            cv2.imwrite(str(case / f"{name}.{side}_CC.png"), pixels if side == "LEFT" else pixels[:, ::-1])
            with (case / f"{name.replace('_', '-')}.ics").open("a") as ics:
                ics.write("DIGITIZER HOWTEK 43.5\n" if side == "LEFT" else "")
                ics.write(
                    f"{side}_CC LINES {3 * ROWS} PIXELS_PER_LINE {3 * WIDTH} BITS_PER_PIXEL 12 "
                    f"RESOLUTION {MICRONS / 3} {overlay}\n"
                )
            if overlay == "OVERLAY":
                scale = 3 * np.array([WIDTH, ROWS, WIDTH, ROWS]) / 800
                column, row, across, down = np.round(np.array([x, y, width, height]) * scale).astype(int)
                chain = "2 " * across + "4 " * down + "6 " * across + "0 " * down
                (case / f"{name}.{side}_CC.OVERLAY").write_text(
                    "TOTAL_ABNORMALITIES 1\nABNORMALITY 1\nLESION_TYPE MASS SHAPE OVAL MARGINS SPICULATED\n"
                    f"PATHOLOGY BENIGN\nTOTAL_OUTLINES 1\nBOUNDARY\n{column} {row} {chain}#\n"
                )
    return tree


@pytest.fixture(scope="module")
def trained_on_ddsm(ddsm_tree, tmp_path_factory) -> Path:
    """The weights folder of a small classifier."""
    out = tmp_path_factory.mktemp("out") / "weights"
    kept = ["--out", str(out), "--runs", str(tmp_path_factory.mktemp("runs"))]
    words = ["train", "tissue", str(ddsm_tree), "--magnification", "0.25", "--small", "--steps", "1"]
    assert main([*words, *kept, "--workers", "2"]) == 0
    return out


def test_the_card_of_a_ddsm_tree_says_what_is_true_of_it(trained_on_ddsm):
    card = read_card("tissue-0.25", trained_on_ddsm)
    for words in (
        "4 films of 2 patients of ddsm0",
        "digitised film",
        "digitiser HOWTEK 43.5",
        "views CC",
        "2 lesions marked by outlines (mass)",
    ):
        assert words in card.trained_on
    assert "normal" not in card.trained_on  # the films without a lesion are of the healthy side
    assert "4 films of 2 patients" in card.split
    for sentence in (
        "Was shown masses only.",
        "Calcifications and lesions of other types were not trained.",
        "Digital mammograms were not trained.",
        "No other views than CC were trained.",
    ):
        assert sentence in card.limits
    assert "CBIS" not in f"{card.trained_on} {card.limits} {card.split}"
    assert "boxes" not in f"{card.trained_on} {card.limits}"


def test_the_manifest_has_each_patient_once(trained_on_ddsm):
    manifest = json.loads((trained_on_ddsm / "split-ddsm0.json").read_text())
    assert sorted(manifest["training"]) == sorted(patients(2, validation=False))
    assert sorted(manifest["validation"]) == sorted(patients(2, validation=True))
    everyone = manifest["training"] + manifest["validation"]
    assert len(everyone) == len(set(everyone)) == 4
    assert not any(in_validation(patient) for patient in manifest["training"])
    card = read_card("tissue-0.25", trained_on_ddsm)
    assert (
        f"split-ddsm0.json names the patients of both sides, digest {manifest['digest'][:12]}" in card.split
    )


def test_films_without_a_lesion_on_one_side_are_refused(ddsm_tree, tmp_path, capsys):
    few = tmp_path / "few"
    for name in patients(2, validation=False):
        shutil.copytree(ddsm_tree / name, few / name)
    kept = ["--out", str(tmp_path / "w"), "--runs", str(tmp_path / "r")]
    assert main(["train", "tissue", str(few), *kept]) == 2
    assert "none with a lesion is left to keep for validation" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    "words", [["--steps", "0"], ["--patience", "0"], ["--seed", "-1"], ["--steps", "x"]], ids=" ".join
)
def test_a_number_out_of_range_is_refused(archive, words, capsys):
    assert main(["train", "tissue", str(archive), *words]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert "is not a whole number from" in sentence


@pytest.mark.parametrize("number", ["0", "257", "two"])
def test_a_number_of_workers_that_cannot_be_is_refused(archive, number, capsys):
    assert main(["train", "tissue", str(archive), "--workers", number]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert "is not a number of processes from 1 to 256" in sentence


@pytest.mark.parametrize("network", ["tissue", "heatmap"])
def test_a_folder_that_is_no_dataset_is_refused_in_one_sentence(network, tmp_path, capsys):
    assert (
        main(["train", network, str(tmp_path), "--out", str(tmp_path / "w"), "--runs", str(tmp_path / "r")])
        == 2
    )
    (sentence,) = capsys.readouterr().err.splitlines()
    assert "lesions.csv" in sentence
    assert not (tmp_path / "w").exists()


def test_local_results_without_a_baseline_say_what_to_train_first(archive, tmp_path, capsys):
    kept = ["--out", str(tmp_path / "w"), "--runs", str(tmp_path / "r"), "--steps", "1"]
    assert main(["train", "heatmap", str(archive), "--local-results", *kept]) == 2
    assert "heatmap-baseline.json is missing" in capsys.readouterr().err.splitlines()[-1]
