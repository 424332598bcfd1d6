"""The files of an assessment: what they say, where it lies, and that they come whole or not at all."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from mammoview import export, overlays
from mammoview.domain import Magnification
from mammoview.export import assessment_json, layers_npz, overlay_png
from tests import handmade
from tests.handmade import MIRRORED, PLAIN, dark, finding, square

LESION = square(200, 120, 40, PLAIN)
"""Rows 200 to 239 and columns 120 to 159 of the scan."""


def assessed(base=PLAIN, **facts):
    """Saliency, a finding and a positive cell where the lesion is, on the plain or the mirrored film."""
    values = dark()
    values[108:112, 68:72] = 2
    lesion = square(200, 120, 40, base)
    layers = (
        handmade.saliency(values, base),
        handmade.saliency(dark(Magnification.QUARTER), base, Magnification.QUARTER),
    )
    return handmade.assessment(*layers, findings=[finding(lesion)], base=base, **facts)


def written(folder: Path, **facts):
    export.write(assessed(**facts), handmade.mammogram([LESION]), folder)
    return json.loads((folder / "assessment.json").read_text(encoding="utf-8"))


def test_one_assessment_makes_four_files(tmp_path):
    written(tmp_path / "new" / "folder")
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(export.FILES)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_the_json_says_what_was_found_and_with_what(tmp_path):
    content = written(tmp_path)
    assert content["scan"] == {
        "source": "film",
        "rows": 512,
        "columns": 384,
        "laterality": "L",
        "view": "CC",
        "spacing_mm": 0.05,
        "spacing_source": "given by the reader",
        "synthetic": False,
    }
    assert content["score"] == 0.87
    assert content["settings"] == {
        "stride": 64,
        "magnification": 0.5,
        "tissue_threshold": None,
        "heat_level": None,
        "batch": None,
    }
    (found,) = content["findings"]
    assert (found["score"], found["centre"]) == (0.8, [219.5, 139.5])
    assert found["box"] == [199.5, 119.5, 239.5, 159.5]
    assert found["area_mm2"] == pytest.approx(4)
    assert found["outline"] == [[199.5, 119.5], [199.5, 159.5], [239.5, 159.5], [239.5, 119.5]]
    assert content["models"][0]["trained_on"] == "films made by hand"
    assert content["models"][0]["metrics"]["auc"]["value"] == 0.9
    assert content["timings_s"] == {"heatmap": 0.25}
    assert content["warnings"] == ["film.png: made by hand", "the spacing was given by hand"]
    assert "not a medical device" in content["research_use"]


def test_the_json_places_cells_on_the_scan(tmp_path):
    content = written(tmp_path)
    assert sorted(content["grids"]) == ["0.25", "0.33", "0.5"]
    grid = content["grids"]["0.5"]
    assert (grid["patch"], grid["stride"]) == (256, 64)
    assert grid["suspicion"][1][0] == 0.75
    assert grid["centres"][1][0] == [191.5, 63.5]  # the cell covers rows 128 to 255, columns 0 to 127
    assert content["heatmap"]["level"] == 0.5
    assert content["heatmap"]["cells"][2][1] == pytest.approx(0.9)
    assert content["heatmap"]["centres"][2][1] == [159.5, 95.5]


def test_the_stride_of_the_settings_chooses_the_grids():
    fine = replace(assessed(), settings=replace(assessed().settings, stride=32))
    grid = assessment_json.document(fine, handmade.mammogram())["grids"]["0.5"]
    assert (grid["stride"], len(grid["suspicion"]), len(grid["suspicion"][0])) == (32, 8, 6)


def test_the_json_holds_the_scorecard_of_each_outline(tmp_path):
    (agreement,) = written(tmp_path)["scorecard"]
    assert agreement == {
        "outline": 0,
        "pointing_hit": True,
        "energy_inside": 1.0,
        "dice": 1.0,
        "iou": 1.0,
        "tightness": pytest.approx(16 / 400),
        "centre_distance_mm": 0.0,
    }


@pytest.mark.parametrize(
    ("spacing", "said"), [((0.05, 0.05), 0.05), ((0.05, 0.05004), 0.05), ((0.05, 0.0502), [0.05, 0.0502])]
)
def test_spacing_is_one_number_where_both_axes_agree(spacing, said):
    content = assessment_json.document(assessed(spacing_mm=spacing), handmade.mammogram())
    assert content["scan"]["spacing_mm"] == said


def test_what_is_not_a_number_is_null_in_json(tmp_path):
    broken = replace(assessed(), score=float("nan"), timings_s={"heatmap": float("inf")})
    export.write(broken, handmade.mammogram(), tmp_path)

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    content = json.loads((tmp_path / "assessment.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert (content["score"], content["timings_s"]["heatmap"]) == (None, None)


@pytest.mark.parametrize("base", [PLAIN, MIRRORED], ids=["plain", "mirrored"])
def test_every_layer_lies_where_its_matrix_says(tmp_path, base):
    assessment = assessed(base)
    export.write(assessment, handmade.mammogram(), tmp_path)
    with np.load(tmp_path / "layers.npz", allow_pickle=False) as layers:
        assert "allow_pickle" not in layers
        assert {f"tissue_{m}_{s}" for m in ("0.5", "0.33", "0.25") for s in (64, 32)} <= set(layers)
        assert_array_equal(layers["saliency_0.5"], assessment.saliency[Magnification.HALF].values)
        assert_array_equal(layers["baseline_heat"], assessment.baseline.heat)
        a, b, c, d, e, f = layers["tissue_0.33_32_matrix"]
        grid = assessment.grids[Magnification.THIRD, 32]
        assert_array_equal(layers["tissue_0.33_32"], grid.suspicion)
        row, column = 2.5, 1.5
        there = (b * column + d * row + f - 0.5, a * column + c * row + e - 0.5)
        assert_allclose(there, grid.centres()[2, 1])
        assert layers["kept_0.5"].dtype == layers["breast"].dtype == bool


def test_the_picture_is_rgb_and_no_longer_than_2400_pixels(tmp_path):
    large = replace(assessed(), scan=replace(assessed().scan, rows=5296, columns=2566))
    film = replace(handmade.mammogram(), pixels=np.full((5296, 2566), 3000, np.uint16))
    overlay_png.write(large, film, tmp_path / "overlay.png")
    with Image.open(tmp_path / "overlay.png") as picture:
        assert picture.mode == "RGB"
        assert 2000 < max(picture.size) <= 2400


def test_at_full_resolution_every_pixel_of_the_film_is_drawn():
    picture = overlays.compose(handmade.mammogram(), assessed(), longest=None)
    assert _film_shape(picture, 512) == (512, 384)
    left = (picture.shape[1] - 384) // 2
    untouched = picture[:100, left : left + 384]
    assert_array_equal(untouched.any(axis=2), np.broadcast_to(np.arange(384) >= 40, (100, 384)))


def test_layers_are_the_same_bytes_each_time():
    assert layers_npz.content(assessed()) == layers_npz.content(assessed())


def test_a_film_with_oblong_pixels_is_shown_in_true_proportions():
    flat = overlays.compose(handmade.mammogram(), assessed(spacing_mm=(0.05, 0.05)))
    tall = overlays.compose(handmade.mammogram(), assessed(spacing_mm=(0.10, 0.05)))
    assert _film_shape(flat, 700) == pytest.approx((700, 525), abs=2)
    assert _film_shape(tall, 1024) == pytest.approx((1024, 384), abs=2)


def _film_shape(picture, rows):
    """Rows and columns of the film above the caption; 40 of its 384 columns are black."""
    shown = picture[:rows].any(axis=2)
    return int(shown[:, 350].sum()), round(shown[round(0.9 * rows)].sum() * 384 / 344)


@pytest.mark.parametrize("base", [PLAIN, MIRRORED], ids=["plain", "mirrored"])
def test_saliency_is_tinted_where_it_lies_on_the_scan(base):
    """Pixels 108 to 111 × 68 to 71 at ×0.5 are rows 216 to 223 of the scan and columns 136 to 143, or
    240 to 247 on the mirrored film."""
    bare = overlays.compose(handmade.mammogram(), handmade.assessment(handmade.saliency(dark()), base=base))
    marked = overlays.compose(handmade.mammogram(), replace(assessed(base), findings=()))
    columns = (136, 144) if base is PLAIN else (240, 248)
    left, factor = (700 - 525) // 2, 700 / 512
    rows, across = np.nonzero((bare != marked)[:700].any(axis=2))
    assert rows.min() == pytest.approx(216 * factor, abs=3)
    assert rows.max() == pytest.approx(224 * factor, abs=3)
    assert across.min() - left == pytest.approx(columns[0] * factor, abs=3)
    assert across.max() - left == pytest.approx(columns[1] * factor, abs=3)


def test_the_still_picture_and_the_viewer_draw_saliency_in_one_colour():
    script = (Path(overlays.__file__).parent / "ui/viewer/layers.js").read_text(encoding="utf-8")
    assert f"MAGENTA = {list(overlays.SALIENT)}" in script


def test_the_readers_line_is_whole_and_the_models_dashed():
    dark_assessment = handmade.assessment(handmade.saliency(dark()))
    bare = overlays.compose(handmade.mammogram(), dark_assessment)
    solid = overlays.compose(handmade.mammogram([LESION]), dark_assessment)
    dashed = overlays.compose(handmade.mammogram(), replace(dark_assessment, findings=(finding(LESION),)))
    assert _drawn_along_the_top(solid, bare).all()
    assert 0.4 < _drawn_along_the_top(dashed, bare).mean() < 0.8


def _drawn_along_the_top(picture, bare):
    """Which columns are drawn on along the upper side of the lesion, row 199.5 of the scan."""
    left, factor = (700 - 525) // 2, 700 / 512
    top, columns = round(200 * factor), slice(left + round(122 * factor), left + round(158 * factor))
    return (picture != bare)[top - 2 : top + 2, columns].any(axis=(0, 2))


def test_a_synthetic_film_says_so_on_the_picture_and_in_the_json():
    real = overlays.compose(handmade.mammogram(), assessed())
    synthetic = overlays.compose(handmade.mammogram(synthetic=True), assessed(synthetic=True))
    assert synthetic.shape[0] > real.shape[0]
    assert (
        assessment_json.document(assessed(synthetic=True), handmade.mammogram())["scan"]["synthetic"] is True
    )


def test_existing_files_are_replaced_and_others_left_alone(tmp_path):
    (tmp_path / "assessment.json").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    assert written(tmp_path)["score"] == 0.87
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == len(export.FILES) + 1


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(overlay_png, "write", full)
    with pytest.raises(OSError, match="No space left"):
        written(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failing", range(8))
def test_a_failed_move_puts_the_earlier_files_back(tmp_path, monkeypatch, failing):
    """Four old files step aside and four new ones take their place; any of the eight moves may fail."""
    for name in export.FILES:
        (tmp_path / name).write_text(f"old {name}")
    replace_file, moves = Path.replace, iter(range(100))

    def fail_once(self, target):
        if next(moves) == failing:
            raise KeyboardInterrupt
        return replace_file(self, target)

    monkeypatch.setattr(Path, "replace", fail_once)
    with pytest.raises(KeyboardInterrupt):
        written(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        name: f"old {name}" for name in export.FILES
    }


@pytest.mark.parametrize("failing", range(4))
def test_a_failed_move_into_a_new_folder_leaves_no_folder(tmp_path, monkeypatch, failing):
    replace_file, moves = Path.replace, iter(range(100))

    def fail_once(self, target):
        if next(moves) == failing:
            raise OSError(errno.EIO, "Input/output error")
        return replace_file(self, target)

    monkeypatch.setattr(Path, "replace", fail_once)
    with pytest.raises(OSError, match="Input/output"):
        written(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_the_next_export_takes_away_what_a_killed_one_left(tmp_path):
    """Killed while it writes, by a signal that lets nothing be tidied up."""
    out = tmp_path / "a" / "out"
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from mammoview import export; from mammoview.export import overlay_png; from tests import handmade\n"
        "overlay_png.write = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "shown = handmade.assessment(handmade.saliency(handmade.dark()))\n"
        "export.write(shown, handmade.mammogram(), Path(sys.argv[1]))\n"
    )
    words = [sys.executable, "-c", program, str(out)]
    killed = subprocess.run(words, cwd=Path(__file__).parents[1], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not any((out / name).exists() for name in export.FILES)
    written(out)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {f"a/out/{name}" for name in export.FILES}
    assert {path.name for path in (*tmp_path.iterdir(), *out.iterdir())} == {"a", *export.FILES}


def test_layers_are_named_as_documented():
    described = layers_npz.__doc__ or ""
    for name in layers_npz.layers(assessed()):
        stem = name.removesuffix("_matrix").split("_0.")[0]
        assert stem in described
