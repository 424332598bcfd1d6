"""One range of plausible millimetres per pixel, for all that readers and files say."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mammoview.domain import Given
from mammoview.errors import UnreadableScan
from mammoview.readers import open_case, read
from mammoview.readers.limits import check_spacing, plausible_spacing

IMPLAUSIBLE = [0.0, -0.05, float("nan"), float("inf"), 10.0, 100.0, 1e-5]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "film.png"
    cv2.imwrite(str(path), np.arange(4096, dtype=np.uint16).reshape(64, 64))
    return path


@pytest.mark.parametrize("mm", [0.0435, 0.05, 0.2, 0.75])
def test_the_spacings_of_scanners_detectors_and_sheets_are_plausible(mm: float) -> None:
    check_spacing(mm, "film")
    assert plausible_spacing(mm)


@pytest.mark.parametrize("mm", IMPLAUSIBLE)
def test_a_spacing_of_no_mammogram_is_refused_whoever_says_it(picture: Path, mm: float) -> None:
    with pytest.raises(UnreadableScan, match="not the spacing of a mammogram"):
        open_case(picture, Given(spacing_mm=mm))
    picture.with_suffix(".json").write_text(json.dumps({"spacing_mm": mm}))
    with pytest.raises(UnreadableScan, match=r"spacing_mm must be .* 0\.01 to 1"):
        open_case(picture)


@pytest.mark.parametrize("entry", ["spacing_mm", "as_size"])
def test_a_sidecar_with_a_number_of_4000_digits_is_refused(picture: Path, entry: str) -> None:
    number = "9" * 4000
    value = number if entry == "spacing_mm" else f"[{number}, {number}]"
    picture.with_suffix(".json").write_text(f'{{"{entry}": {value}}}')
    with pytest.raises(UnreadableScan, match=f"{entry} must be"):
        open_case(picture)


def test_a_true_size_far_from_the_stored_one_is_refused(picture: Path) -> None:
    assert read(picture, Given(spacing_mm=0.05, as_size=(640, 640)))[0].sampling_mm == (0.5, 0.5)
    with pytest.raises(UnreadableScan, match="check its true size"):
        read(picture, Given(spacing_mm=0.05, as_size=(6400, 6400)))
