"""The command line: refusals in one sentence, whole outputs, nothing half-written."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mammoview.cli import folders_for, main, settings_from
from mammoview.domain import Film, Magnification, Settings
from mammoview.errors import BadSetting
from mammoview.export import FILES
from tests import handmade

REPOSITORY = Path(__file__).parents[1]

needs_weights = pytest.mark.skipif(
    not list((REPOSITORY / "weights").glob("*.json")), reason="no networks in weights/: train them first"
)


def refused(capsys, *words) -> str:
    """The one sentence with which a command is refused."""
    assert main([str(word) for word in words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (sentence,) = captured.err.splitlines()
    assert sentence.startswith("mammoview: ")
    return sentence


def film(path: Path, rows: int = 1200, columns: int = 900) -> Path:
    """A breast at the left edge of a small film, with a bright mass; 8 bits."""
    down, across = np.mgrid[:rows, :columns]
    breast = (across / (0.7 * columns)) ** 2 + ((down - rows / 2) / (0.45 * rows)) ** 2 < 1
    mass = (across - 0.3 * columns) ** 2 + (down - rows / 2) ** 2 < 60**2
    texture = np.random.default_rng(0).normal(0, 6, (rows, columns))
    pixels = np.where(breast, 90 + 90 * mass + cv2.GaussianBlur(texture, (0, 0), 3), 8)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    return path


def huge_header(path: Path) -> Path:
    """A PNG of 200 bytes that declares 60,000 × 60,000 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def colour_photograph(path: Path) -> Path:
    colours = np.random.default_rng(0).integers(0, 256, (300, 200, 3), np.uint8)
    Image.fromarray(cv2.resize(colours, None, fx=4, fy=4)).save(path)
    return path


def text(path: Path) -> Path:
    path.write_text("PatientName: nobody\n" * 100)
    return path


def empty(path: Path) -> Path:
    path.touch()
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    (path / "notes.txt").write_text("no films here")
    return path


def absent(path: Path) -> Path:
    return path


BAD_SCANS = [
    (text, "text.dcm"),
    (text, "text.png"),
    (text, "text.LJPEG"),
    (text, "notes.txt"),
    (empty, "empty.png"),
    (empty, "empty.dcm"),
    (empty, "empty.LEFT_CC.LJPEG"),
    (empty, "A-0001-1.ics"),
    (folder, "holidays"),
    (huge_header, "huge.png"),
    (colour_photograph, "photograph.jpg"),
    (absent, "absent.dcm"),
]


@pytest.mark.parametrize(("make", "name"), BAD_SCANS, ids=[name for _, name in BAD_SCANS])
def test_a_file_that_is_no_mammogram_is_refused_in_one_sentence(tmp_path, capsys, make, name):
    scan = make(tmp_path / name)
    sentence = refused(capsys, "assess", scan, "--out", tmp_path / "out", "--laterality", "L", "--view", "CC")
    assert name in sentence
    assert "Traceback" not in sentence
    assert not (tmp_path / "out").exists()


def test_a_refused_film_leaves_the_folder_as_it_was(tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "assessment.json").write_text("earlier")
    refused(capsys, "assess", empty(tmp_path / "empty.png"), "--out", out)
    assert [path.read_text() for path in out.iterdir()] == ["earlier"]


def test_one_bad_film_among_good_ones_is_found_before_any_is_assessed(tmp_path, capsys):
    good, bad = film(tmp_path / "good.png"), empty(tmp_path / "bad.png")
    sentence = refused(
        capsys, "assess", good, bad, "--out", tmp_path / "out", "--laterality", "L", "--view", "CC"
    )
    assert "bad.png" in sentence
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--settings", "strid=64"], "batch, heat_level, magnification, stride, tissue_threshold"),
        (["--settings", "stride=48"], "32 or 64"),
        (["--settings", "stride"], "32 or 64"),
        (["--settings", "magnification=0.4"], "0.5, 0.33 or 0.25"),
        (["--settings", "magnification=nan"], "0.5, 0.33 or 0.25"),
        (["--settings", "heat_level=nan"], "from 0 to 1"),
        (["--settings", "tissue_threshold=1.01"], "from 0 to 1"),
        (["--settings", "batch=0"], "from 1 on"),
        (["--spacing-mm", "50"], "0.01 to 1 mm"),
        (["--spacing-mm", "nan"], "0.01 to 1 mm"),
        (["--spacing-mm", "fine"], "0.01 to 1 mm"),
        (["--as-size", "5296"], "ROWSxCOLUMNS"),
        (["--as-size", "5296x1"], "not the size of a film"),
        (["--as-size", "500000x500000"], "not the size of a film"),
        (["--laterality", "left"], "not one of L, R"),
        (["--view", "AP"], "not one of CC, MLO"),
        (["--device", "tpu"], "invalid choice: 'tpu'"),
        (["--colour"], "unrecognized arguments: --colour"),
    ],
)
def test_a_flag_out_of_its_range_is_refused_before_the_film_is_read(tmp_path, capsys, flags, said):
    sentence = refused(capsys, "assess", tmp_path / "absent.png", "--out", tmp_path / "out", *flags)
    assert said in sentence
    assert not (tmp_path / "out").exists()


def test_outlines_of_one_film_are_refused_for_two(tmp_path, capsys):
    scans = (film(tmp_path / "one.png"), film(tmp_path / "two.png"))
    words = ("--out", tmp_path / "out", "--outlines", tmp_path / "one.OVERLAY")
    assert "--outlines belongs to one film" in refused(capsys, "assess", *scans, *words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "COMMAND"),
        (["asess", "film.png"], "asess"),
        (["assess", "film.png"], "--out"),
        (["assess", "--out", "out"], "SCAN"),
        (["phantom", "--out", "out", "--seed", "-1"], "--seed"),
        (["phantom", "--out", "out", "--seed", "one"], "--seed"),
    ],
)
def test_a_command_that_is_not_complete_says_what_it_lacks(capsys, words, said):
    assert said in refused(capsys, *words)


def test_an_out_that_is_a_file_is_refused(tmp_path, capsys):
    taken = text(tmp_path / "taken")
    sentence = refused(capsys, "assess", film(tmp_path / "film.png"), "--out", taken / "deeper")
    assert "taken" in sentence
    assert taken.is_file()


def test_missing_networks_are_named_and_nothing_is_written(tmp_path, capsys):
    scan = film(tmp_path / "film.png")
    words = ("--laterality", "L", "--view", "CC", "--spacing-mm", "0.1", "--weights", tmp_path / "none")
    sentence = refused(capsys, "assess", scan, "--out", tmp_path / "out", *words)
    assert "missing" in sentence
    assert not (tmp_path / "out").exists()


def test_settings_not_named_keep_their_defaults():
    assert settings_from([]) == Settings()
    assert settings_from(["magnification=0.25", "stride=32", "heat_level=0.3", "batch=4"]) == Settings(
        stride=32, magnification=Magnification.QUARTER, heat_level=0.3, batch=4
    )
    with pytest.raises(BadSetting, match="'colour' is unknown"):
        settings_from(["colour=red"])


def films(*names: str) -> list[Film]:
    def unread():
        raise AssertionError("names do not need pixels")

    return [Film(name, None, None, unread) for name in names]


def test_one_film_is_written_into_the_folder_itself():
    assert folders_for(films("film"), Path("out")) == [Path("out")]


def test_films_of_one_name_get_folders_of_their_own():
    names = [path.name for path in folders_for(films("a", "A", "a-2", "a", "b"), Path("out"))]
    assert names == ["a", "A-2", "a-2-2", "a-3", "b"]


def test_no_name_of_a_film_leads_out_of_the_folder():
    folders = folders_for(films("../../etc/passwd", "..", "", "/x", "a\0b"), Path("out"))
    assert all(path.parent == Path("out") and path.name not in ("", ".", "..") for path in folders)
    assert len(set(folders)) == 5


def python(*words: str, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )


def test_help_names_every_command_and_needs_no_network_library():
    program = "import sys; from mammoview.cli import main\n"
    program += "try: main(['--help'])\nfinally: assert 'torch' not in sys.modules"
    asked = python("-c", program)
    assert asked.returncode == 0, asked.stderr
    for command in ("assess", "evaluate", "train", "phantom"):
        assert f"    {command} " in asked.stdout


@pytest.mark.parametrize("command", ["assess", "evaluate", "train", "phantom"])
def test_each_command_explains_itself(command):
    asked = python("-m", "mammoview", command, "--help")
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.startswith(f"usage: mammoview {command}")


def test_a_refusal_has_no_traceback_and_status_2(tmp_path):
    asked = python("-m", "mammoview", "assess", str(tmp_path / "absent.dcm"), "--out", str(tmp_path / "out"))
    assert (asked.returncode, asked.stdout) == (2, "")
    assert asked.stderr.startswith("mammoview: ")
    assert len(asked.stderr.splitlines()) == 1


def test_ctrl_c_is_status_130_without_a_traceback(monkeypatch, capsys):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("mammoview.cli._phantom", interrupted)
    assert main(["phantom", "--out", "out"]) == 130
    assert capsys.readouterr().err == "mammoview: stopped\n"


def test_the_phantom_is_a_case_that_can_be_opened(tmp_path, capsys):
    from mammoview.readers import open_case

    assert main(["phantom", "--out", str(tmp_path), "--seed", "3"]) == 0
    case = Path(capsys.readouterr().out.strip())
    assert case.parent == tmp_path
    assert len(open_case(case)) >= 1


@pytest.fixture(scope="session")
def untrained(tmp_path_factory) -> Path:
    """Five small networks that have learnt nothing: the true engine in a moment."""
    torch = pytest.importorskip("torch")
    from mammoview.models.cards import heatmap_name, save_network, tissue_name
    from mammoview.models.heatmap import HeatmapNetwork
    from mammoview.models.tissue import TissueClassifier

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    inputs = {"patch": 64, "mean": 0.4, "std": 0.2, "band_limit_mm": 0.1}
    tissue = {"kind": "tissue", "widths": [4, 4, 4]}
    for magnification in Magnification:
        card = replace(
            handmade.card(tissue_name(magnification)), architecture=tissue, inputs=inputs, operating_point=0.4
        )
        save_network(TissueClassifier.from_card(tissue, inputs), card, folder)
    for local_results in (False, True):
        name = heatmap_name(local_results)
        sizes = {"widths": [4, 4, 4], "context": 4, "dilations": [1], "local_results": local_results}
        heatmap = {"kind": "heatmap", **sizes}
        card = replace(handmade.card(name), architecture=heatmap, inputs=inputs, operating_point=0.04)
        save_network(HeatmapNetwork.from_card(heatmap, inputs), card, folder)
    return folder


LEFT_CC = ("--laterality", "L", "--view", "CC", "--device", "cpu")


def assess(*words) -> None:
    assert main(["assess", *(str(word) for word in words)]) == 0


def content_of(out: Path) -> dict:
    assert {path.name for path in out.iterdir()} == set(FILES)
    return json.loads((out / "assessment.json").read_text(encoding="utf-8"))


def test_a_film_is_assessed_into_its_files(tmp_path, capsys, untrained):
    scan, out = film(tmp_path / "film.png"), tmp_path / "out"
    settings = (
        "--settings",
        "magnification=0.25",
        "--settings",
        "stride=32",
        "--settings",
        "heat_level=0.01",
    )
    assess(scan, "--out", out, *LEFT_CC, "--spacing-mm", "0.1", "--weights", untrained, *settings)
    content = content_of(out)
    assert content["scan"]["spacing_mm"] == 0.1
    assert (content["scan"]["rows"], content["scan"]["columns"]) == (1200, 900)
    assert (content["settings"]["magnification"], content["settings"]["stride"]) == (0.25, 32)
    assert content["heatmap"]["level"] == 0.01
    assert {grid["stride"] for grid in content["grids"].values()} == {32}
    assert len(content["models"]) == 5
    assert content["scorecard"] == []
    assert f"film: score {content['score']:.2f}" in capsys.readouterr().out


def test_two_films_get_a_folder_each(tmp_path, untrained):
    scans = film(tmp_path / "one.png"), film(tmp_path / "two.png", 1000, 800)
    assess(*scans, "--out", tmp_path / "out", *LEFT_CC, "--spacing-mm", "0.1", "--weights", untrained)
    assert {path.name: content_of(path)["scan"]["rows"] for path in (tmp_path / "out").iterdir()} == {
        "one": 1200,
        "two": 1000,
    }


def test_assessing_again_gives_the_same_answer_and_keeps_no_old_file(tmp_path, untrained):
    scan, out = film(tmp_path / "film.png"), tmp_path / "out"
    contents = []
    for _ in range(2):
        assess(scan, "--out", out, *LEFT_CC, "--spacing-mm", "0.1", "--weights", untrained)
        contents.append({key: value for key, value in content_of(out).items() if key != "timings_s"})
    assert contents[0] == contents[1]


@needs_weights
def test_the_networks_that_come_along_assess_a_film(tmp_path):
    scan, out = film(tmp_path / "film.png"), tmp_path / "out"
    assess(scan, "--out", out, *LEFT_CC, "--spacing-mm", "0.1")
    content = content_of(out)
    assert 0 <= content["score"] <= 1
    assert all(model["metrics"] for model in content["models"])


@pytest.mark.films
def test_a_film_stored_squashed_is_scored_against_its_ddsm_outline(films, tmp_path, untrained):
    case, out = films / "ddsm" / "cases" / "case4000", tmp_path / "out"
    true_size = ("--as-size", "5296x2566", "--spacing-mm", "0.0435")
    outlines = ("--outlines", case / "D_4000_1.LEFT_CC.OVERLAY")
    scan = case / "CBIS_P_00687_LEFT_CC.jpg"
    assess(scan, *true_size, *outlines, *LEFT_CC, "--out", out, "--weights", untrained)
    content = content_of(out)
    assert (content["scan"]["rows"], content["scan"]["columns"]) == (5296, 2566)
    assert content["scan"]["spacing_mm"] == 0.0435
    assert [agreement["outline"] for agreement in content["scorecard"]] == [0]


@pytest.mark.films
def test_a_case_gets_a_folder_for_each_view_and_a_scorecard_where_it_has_an_outline(
    films, tmp_path, untrained
):
    out = tmp_path / "out"
    assess(films / "ddsm" / "cases" / "C_0029", "--out", out, "--device", "cpu", "--weights", untrained)
    scored = {path.name: len(content_of(path)["scorecard"]) for path in out.iterdir()}
    assert scored == {
        "C_0029_1.LEFT_CC": 1,
        "C_0029_1.LEFT_MLO": 1,
        "C_0029_1.RIGHT_CC": 0,
        "C_0029_1.RIGHT_MLO": 0,
    }
