"""Counting the films that a reader is warned of: `familiarity` on made films, and the sums behind it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mammoview.cli import main
from mammoview.domain import Film, Mammogram
from mammoview.errors import UnreadableScan
from mammoview.evaluation import warned
from mammoview.evaluation.alterations import ALTERATIONS
from mammoview.evaluation.split import in_validation
from mammoview.evaluation.warned import BY_FILM, BY_PATIENT, Kind, Row, count, table
from mammoview.familiarity import GROUPS, Familiar, Limits, write_familiar
from mammoview.readers.annotated import DIGITISED

REPOSITORY = Path(__file__).parents[2]
ANYTHING = Limits(-1e9, 0.0, 1e9)
HEADER = "image,patient_id,tissue,abnormality,severity,column,row,radius\n"


def familiar(dataset: str = "other") -> Familiar:
    """Films on which skin is darker than what lies below it, of a breast 60 to 100 mm wide."""
    limits = dict.fromkeys((name for names in GROUPS.values() for name in names), ANYTHING)
    limits |= {"skin": Limits(-0.9, -0.3, -0.02), "width_mm": Limits(60, 80, 100)}
    return Familiar((DIGITISED,), 10, 5, dataset, 0.02, 0.3, limits)


def picture(path: Path, seed: int, negative: bool = False) -> Path:
    """Half a disc with dark skin at the left edge of a film of 200 × 120 mm, 0.2 mm per pixel."""
    rows, columns = np.mgrid[:1000, :600]
    distance = 80 - 0.2 * np.hypot(rows - 500, columns)
    noise = cv2.GaussianBlur(np.random.default_rng(seed).standard_normal(distance.shape), (0, 0), 3)
    tissue = 90 + 100 * np.clip(distance / 30, 0, 1) + 60 * noise
    grey = np.clip(340 - tissue if negative else tissue, 40, 255)
    cv2.imwrite(str(path), np.where(distance > 0, grey, 5).astype(np.uint8))
    return path


def dataset(folder: Path, patients: list[str], negative: int | None = None) -> Path:
    """One film for each patient, one of them, if any, with the grey of its breast inverted."""
    (folder / "images").mkdir(parents=True)
    rows = [f"mdb{i:03d}.png,{patient},G,NORM,,,,\n" for i, patient in enumerate(patients)]
    for i in range(len(patients)):
        picture(folder / "images" / f"mdb{i:03d}.png", i, i == negative)
    (folder / "lesions.csv").write_text(HEADER + "".join(rows))
    return folder


@pytest.fixture
def weights(tmp_path) -> Path:
    write_familiar(familiar(), tmp_path / "weights")
    return tmp_path / "weights"


def run(out: Path, weights: Path, *words: object) -> list[dict[str, object]]:
    words = ("familiarity", *words, "--out", out, "--weights", weights)
    assert main([str(word) for word in words]) == 0
    return json.loads((out / "familiarity.json").read_text())["rows"]


def test_one_altered_film_among_others_is_one_warned_film(tmp_path, weights, capsys):
    made = dataset(tmp_path / "made", ["a", "b", "c", "d"], negative=2)
    rows = {row["alteration"]: row for row in run(tmp_path / "out", weights, made)}
    assert (rows[""]["warned"], rows[""]["n"], rows[""]["patients"]) == (1, 4, 4)
    assert rows[""]["why"] == {"grey": 1}
    assert rows[""]["interval"] == BY_FILM
    printed = capsys.readouterr().out
    assert "| made | 1 of 4 | 4.6 to 69.9 % | grey 1 |" in printed
    assert len(printed.splitlines()) == 2 + 1 + len(ALTERATIONS)


def test_one_film_in_three_is_altered_in_every_way(tmp_path, weights):
    made = dataset(tmp_path / "made", ["a", "b", "c", "d"])
    rows = run(tmp_path / "out", weights, made, dataset(tmp_path / "second", ["e"]))
    assert [(row["films"], row["alteration"]) for row in rows] == [
        *(("made", name) for name in ("", *ALTERATIONS)),
        ("second", ""),
    ]
    by_name = {row["alteration"]: row for row in rows[:-1]}
    assert (by_name[""]["warned"], by_name[""]["why"]) == (0, {})
    assert {row["n"] for name, row in by_name.items() if name} == {2}
    for name in ("spacing halved", "spacing doubled", "inverted"):
        assert by_name[name]["warned"] == 2, name
    assert by_name["spacing doubled"]["why"] == {"spacing": 2}  # 40 × 24 cm is no film


def test_of_the_dataset_that_was_learnt_from_only_validation_patients_count(tmp_path):
    names = [f"p{i}" for i in range(40)]
    kept, learnt = ([n for n in names if in_validation(n) is side][:2] for side in (True, False))
    write_familiar(familiar("made"), tmp_path / "weights")
    made = dataset(tmp_path / "made", [*kept, *learnt], negative=1)
    first = run(tmp_path / "out", tmp_path / "weights", made)[0]
    assert first["films"] == "made, validation patients"
    assert (first["warned"], first["n"], first["interval"]) == (1, 2, BY_PATIENT)
    assert not any(name in (tmp_path / "out" / "familiarity.json").read_text() for name in names)


def test_folders_of_pictures_are_counted_at_the_spacing_that_is_given(tmp_path, weights):
    for i, folder in enumerate(("one", "two")):
        (tmp_path / folder).mkdir()
        picture(tmp_path / folder / "film.png", i)
        (tmp_path / folder / "notes.txt").write_text("no picture")
    folders = (tmp_path / "one", tmp_path / "two")
    words = ("--pictures", "0.2", *folders, "--pictures", "0.11", folders[0])
    rows = run(tmp_path / "out", weights, dataset(tmp_path / "made", ["a"]), *words)[-2:]
    assert [row["films"] for row in rows] == ["one and two, 0.2 mm given", "one, 0.11 mm given"]
    assert [(row["warned"], row["n"], row["patients"]) for row in rows] == [(0, 2, None), (1, 1, None)]


def test_a_film_that_cannot_be_read_is_left_out_and_told_of(tmp_path, weights, capsys):
    made = dataset(tmp_path / "made", ["a", "b"])
    (made / "images" / "mdb001.png").write_bytes(b"nothing")
    assert run(tmp_path / "out", weights, made)[0]["left_out"] == 1
    assert "mdb001 is left out" in capsys.readouterr().err


def test_the_counts_do_not_depend_on_the_number_of_processes(tmp_path, weights):
    made = dataset(tmp_path / "made", ["a", "b", "c", "d"], negative=0)
    alone = run(tmp_path / "alone", weights, made)
    assert run(tmp_path / "together", weights, made, "--workers", 2) == alone


def refused(capsys, *words: object) -> str:
    assert main([str(word) for word in words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (sentence,) = captured.err.splitlines()
    return sentence


def test_what_cannot_be_counted_is_refused_in_one_sentence(tmp_path, weights, capsys):
    made, out = dataset(tmp_path / "made", ["a"]), tmp_path / "deep" / "out"
    (tmp_path / "empty").mkdir()
    last = ("--out", out, "--weights", weights)
    assert "expected a folder with images/" in refused(capsys, "familiarity", tmp_path / "absent", *last)
    assert "required" in refused(capsys, "familiarity", *last)
    for words, said in (
        (("--pictures", "0.2"), "names no folder"),
        (("--pictures", tmp_path / "empty"), "not a spacing of 0.01 to 1 mm"),
        (("--pictures", "nan", tmp_path / "empty"), "not a spacing"),
        (("--pictures", "0.2", tmp_path / "empty"), "expected a folder of PNG"),
        (("--pictures", "0.2", tmp_path / "absent"), "expected a folder of PNG"),
        (("--workers", "0"), "not a number of processes"),
        (("--weights", tmp_path / "empty"), "holds no familiar.json"),
        (("--out", made / "lesions.csv"), "cannot be used"),
    ):
        assert said in refused(capsys, "familiarity", made, *last, *words), words
    assert not out.parent.exists()


def test_where_no_film_can_be_read_nothing_is_left_behind(tmp_path, weights, capsys):
    made = dataset(tmp_path / "made", ["a"])
    (made / "images" / "mdb000.png").unlink()
    assert main(["familiarity", str(made), "--out", str(tmp_path / "out"), "--weights", str(weights)]) == 2
    assert "none of its films can be read" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def made_films(flags: list[bool]) -> tuple[Film, ...]:
    """Films of which `told` below warns where the flag says so."""
    blank = Mammogram(np.zeros((8, 8), np.uint16), "fine")
    films = [replace(blank, source="odd") if flag else blank for flag in flags]
    return tuple(Film(film.source, None, None, lambda film=film: film) for film in films)


@pytest.fixture
def odd(monkeypatch) -> None:
    monkeypatch.setattr(
        warned, "told", lambda film, _: frozenset({"grey", "size"} if film.source == "odd" else ())
    )


@pytest.mark.parametrize(
    ("some", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_by_film_are_those_that_newcombe_gives(odd, some, of, low, high):
    """Newcombe, Stat Med 17:857 (1998), table I, method 3."""
    (row,) = count(Kind("made", made_films([i < some for i in range(of)])), familiar())
    assert (row.warned, row.n, row.patients) == (some, of, None)
    assert row.low == pytest.approx(low, abs=5e-5)
    assert row.high == pytest.approx(high, abs=5e-5)
    assert row.why == ({"grey": some, "size": some} if some else {})


def test_films_of_one_patient_are_not_taken_for_independent(odd):
    films, patients = made_films([i < 10 for i in range(40)]), tuple("abcd"[i // 10] for i in range(40))
    (by_film,) = count(Kind("made", films, patients), familiar())
    (by_patient,) = count(Kind("made", films, patients, clustered=True), familiar())
    assert by_patient.interval == BY_PATIENT
    assert by_patient.low < by_film.low < 0.25 < by_film.high < by_patient.high


def test_a_film_that_cannot_be_read_does_not_shift_its_neighbours(odd):
    def unreadable() -> Mammogram:
        raise UnreadableScan("no film")

    films = (Film("lost", None, None, unreadable), *made_films([False, False, True, True]))
    first, altered = count(Kind("made", films, tuple("abcde")), familiar(), ("inverted",))
    assert (first.warned, first.n, first.patients, first.left_out) == (2, 4, 4, 1)
    assert (altered.warned, altered.n, altered.left_out) == (1, 1, 1)


def test_a_film_without_a_breast_is_refused_and_counts(tmp_path):
    blank = Mammogram(np.full((900, 600), 7, np.uint16), "blank", spacing_mm=(0.2, 0.2))
    assert warned.told(blank, familiar()) == {"refused"}


def test_the_decision_holds_the_table_that_the_command_gave():
    """docs/evidence/metrics/familiarity.json is what it wrote."""
    found = json.loads((REPOSITORY / "docs/evidence/metrics/familiarity.json").read_text("utf-8"))
    decision = (REPOSITORY / "docs/decisions/0040-unfamiliar-scans.md").read_text("utf-8")
    assert table([Row(**row) for row in found["rows"]]) in decision
