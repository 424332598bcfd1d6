"""The phantom is a case that a radiologist would take for a film, with lesions whose truth is known."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mammoview.domain import Laterality, LesionType, Mammogram, Outline, Pathology, View
from mammoview.errors import BadSetting, Cancelled
from mammoview.phantom import write_case
from mammoview.phantom.anatomy import GRID_MM, power_law
from mammoview.phantom.files import STEPS, boundary, chain_codes, make_film
from mammoview.phantom.film import grey_levels
from mammoview.readers import read

SCAN_MM = 0.05
PER_DENSITY = 16_000  # pixels per unit of optical density
SEEN = [
    (Laterality.RIGHT, View.CC),
    (Laterality.LEFT, View.CC),
    (Laterality.RIGHT, View.MLO),
    (Laterality.LEFT, View.MLO),
]


@pytest.fixture(scope="module")
def mammograms(phantom_case: Path) -> tuple[Mammogram, ...]:
    return read(phantom_case)


def optical_density(mammogram: Mammogram) -> NDArray[np.float32]:
    return np.float32(4) - mammogram.pixels.astype(np.float32) / PER_DENSITY


def filled(outline: Outline, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    canvas = np.zeros(shape, np.uint8)
    cv2.fillPoly(canvas, [np.rint(outline.vertices[:, ::-1]).astype(np.int32)], 1)
    return canvas > 0


def ring_around(inside: NDArray[np.bool_], near_mm: float, far_mm: float) -> NDArray[np.bool_]:
    distance = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5) * SCAN_MM
    return (distance > near_mm) & (distance < far_mm)


def nipple(mammogram: Mammogram) -> NDArray[np.float64]:
    """Where the breast reaches furthest from the chest wall, as anyone would find it on the film."""
    small = cv2.resize(optical_density(mammogram), None, fx=0.1, fy=0.1, interpolation=cv2.INTER_AREA)
    breast = (cv2.GaussianBlur(small, (0, 0), 2) < 3.6).astype(np.uint8)
    breast[:6] = breast[-6:] = 0
    _, labels, stats, _ = cv2.connectedComponentsWithStats(breast)
    rows, columns = np.nonzero(labels == 1 + stats[1:, cv2.CC_STAT_AREA].argmax())
    tip = columns.max() if mammogram.laterality is Laterality.LEFT else columns.min()
    return 10 * np.array([rows[columns == tip].mean(), tip]) + 4.5


def radial_exponent(density: NDArray[np.floating], mm: float, low: float, high: float) -> float:
    """Exponent b of a radial power spectrum 1 / f^b between two frequencies in cycles per mm."""
    window = np.hanning(density.shape[0])[:, None] * np.hanning(density.shape[1])[None, :]
    power = np.abs(np.fft.fft2((density - density.mean()) * window)) ** 2
    down, across = (np.fft.fftfreq(n, mm) for n in density.shape)
    frequency = np.hypot(down[:, None], across[None, :])
    edges = np.geomspace(low, high, 12)
    bands = [(frequency >= a) & (frequency < b) for a, b in itertools.pairwise(edges)]
    points = [(np.log(frequency[band].mean()), np.log(power[band].mean())) for band in bands if band.any()]
    return -float(np.polyfit(*zip(*points, strict=True), 1)[0])


def test_it_is_laid_out_and_named_like_a_ddsm_case(phantom_case: Path) -> None:
    assert phantom_case.name == "phantom_0007"
    films = [f"P_0007_1.{name}" for name in ("LEFT_CC", "LEFT_MLO", "RIGHT_CC", "RIGHT_MLO")]
    names = {f"{film}.{kind}" for film in films for kind in ("LJPEG", "OVERLAY")} | {"P-0007-1.ics"}
    assert {file.name for file in phantom_case.iterdir()} == names


def test_it_says_that_it_is_synthetic_and_names_no_patient(phantom_case: Path) -> None:
    header = (phantom_case / "P-0007-1.ics").read_text("ascii")
    assert "SYNTHETIC Mammoview phantom seed 7" in header.splitlines()
    assert not re.search("PATIENT|AGE|DATE", header)


def test_every_film_is_marked_synthetic(mammograms: tuple[Mammogram, ...]) -> None:
    assert [mammogram.synthetic for mammogram in mammograms] == [True] * 4


def test_the_reader_finds_four_lumisys_films_of_different_sizes(mammograms: tuple[Mammogram, ...]) -> None:
    assert [(mammogram.laterality, mammogram.view) for mammogram in mammograms] == SEEN
    assert {mammogram.spacing_mm for mammogram in mammograms} == {(SCAN_MM, SCAN_MM)}
    assert len({mammogram.pixels.shape for mammogram in mammograms}) == 4
    assert [mammogram.warnings for mammogram in mammograms] == [()] * 4


def test_the_chest_wall_lies_where_ddsm_has_it(mammograms: tuple[Mammogram, ...]) -> None:
    for mammogram in mammograms:
        density = optical_density(mammogram)
        middle = slice(int(0.45 * density.shape[0]), int(0.55 * density.shape[0]))
        left, right = np.median(density[middle, 100:600]), np.median(density[middle, -600:-100])
        tissue, air = (left, right) if mammogram.laterality is Laterality.LEFT else (right, left)
        assert tissue < 3.0
        assert air > 3.2


def test_lesions_are_described_in_ddsms_words(mammograms: tuple[Mammogram, ...]) -> None:
    for mammogram in mammograms:
        known = [(one.lesion_type, one.pathology) for one in mammogram.outlines]
        if mammogram.laterality is Laterality.LEFT:
            assert known == [
                (LesionType.MASS, Pathology.MALIGNANT),
                (LesionType.CALCIFICATION, Pathology.MALIGNANT),
            ]
            assert "SPICULATED" in mammogram.outlines[0].description.upper()
        else:
            assert known == [(LesionType.MASS, Pathology.BENIGN)]
            assert "CIRCUMSCRIBED" in mammogram.outlines[0].description.upper()


def test_a_mass_is_brighter_than_the_tissue_around_it_in_both_views(
    mammograms: tuple[Mammogram, ...],
) -> None:
    for mammogram in mammograms:
        density, inside = optical_density(mammogram), filled(mammogram.outlines[0], mammogram.pixels.shape)
        around = ring_around(inside, 1, 5)
        assert density[around].mean() - density[inside].mean() > 0.2


def test_a_mass_measures_one_to_two_centimetres(mammograms: tuple[Mammogram, ...]) -> None:
    for mammogram in mammograms:
        across = 2 * np.sqrt(mammogram.outlines[0].area() / np.pi) * SCAN_MM
        assert 10 < across < 22


def test_the_cluster_is_where_the_specks_are(mammograms: tuple[Mammogram, ...]) -> None:
    for mammogram in (one for one in mammograms if one.laterality is Laterality.LEFT):
        density = optical_density(mammogram)
        specks = cv2.GaussianBlur(density, (0, 0), 12) - cv2.GaussianBlur(density, (0, 0), 1.5) > 0.15
        inside = filled(mammogram.outlines[1], density.shape)
        around = ring_around(inside, 0.5, 5)
        within, beside = (
            cv2.connectedComponents((specks & where).astype(np.uint8))[0] - 1 for where in (inside, around)
        )
        assert within >= 6
        assert within / inside.sum() > 3 * beside / around.sum()


def test_a_lesion_is_as_far_from_the_nipple_in_cc_as_in_mlo(mammograms: tuple[Mammogram, ...]) -> None:
    for laterality in Laterality:
        views = [one for one in mammograms if one.laterality is laterality]
        distances = [
            [np.hypot(*(nipple(one) - outline.centre())) * SCAN_MM for outline in one.outlines]
            for one in views
        ]
        np.testing.assert_allclose(*distances, atol=15)


def test_the_texture_of_the_breast_has_the_spectrum_of_mammograms(mammograms: tuple[Mammogram, ...]) -> None:
    for mammogram in (one for one in mammograms if one.view is View.CC):
        density = optical_density(mammogram)
        density = density if mammogram.laterality is Laterality.LEFT else np.fliplr(density)
        middle = density.shape[0] // 2
        assert 2.5 < radial_exponent(density[middle - 512 : middle + 512, 150:1174], SCAN_MM, 0.1, 1.0) < 3.5


def test_the_same_seed_gives_the_same_bytes_even_over_an_earlier_case(phantom_case: Path) -> None:
    before = {file.name: file.read_bytes() for file in phantom_case.iterdir()}
    assert write_case(phantom_case.parent, seed=7) == phantom_case
    assert {file.name: file.read_bytes() for file in phantom_case.iterdir()} == before
    assert list(phantom_case.parent.iterdir()) == [phantom_case]


def test_another_seed_is_another_woman() -> None:
    one, other = (make_film(seed, Laterality.RIGHT, View.CC) for seed in (7, 8))
    assert one.drawn[0].boundary.tolist() != other.drawn[0].boundary.tolist()
    rows, columns = np.minimum(one.levels.shape, other.levels.shape)
    assert np.mean(one.levels[:rows, :columns] != other.levels[:rows, :columns]) > 0.5


def test_nothing_is_left_behind_when_the_reader_stops(tmp_path: Path) -> None:
    def stop_after_one_film(share: float, what: str) -> None:
        if share > 0:
            raise Cancelled(f"stopped before {what}")

    with pytest.raises(Cancelled):
        write_case(tmp_path, 1, stop_after_one_film)
    assert list(tmp_path.iterdir()) == []


def test_a_negative_seed_and_a_file_in_place_of_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="seed -1"):
        write_case(tmp_path, -1)
    (tmp_path / "file").touch()
    with pytest.raises(BadSetting, match="name a folder"):
        write_case(tmp_path / "file", 1)


@given(st.floats(0.01, 4))
def test_grey_levels_invert_the_calibration_of_the_lumisys(density: float) -> None:
    level = grey_levels(np.array([[density]], np.float32))[0, 0]
    assert (level - 4096.99) / -1009.01 == pytest.approx(density, abs=0.51 / 1009)


@settings(max_examples=30, deadline=None)
@given(st.integers(8, 20), st.integers(8, 20), st.floats(2, 7), st.floats(2, 7), st.floats(0, 180))
def test_a_chain_of_codes_walks_once_around_the_lesion_and_comes_home(
    row: int, column: int, first: float, second: float, angle: float
) -> None:
    extent = np.zeros((30, 30), np.uint8)
    cv2.ellipse(extent, ((column, row), (2 * first, 2 * second), angle), 1, -1)
    points = boundary(extent > 0)
    steps = {code: step for step, code in STEPS.items()}
    walked = points[0] + np.cumsum([steps[code] for code in chain_codes(points)], axis=0)
    np.testing.assert_array_equal(walked, np.roll(points, -1, axis=0))
    around = np.zeros((60, 60), np.uint8)
    cv2.fillPoly(around, [points[:, ::-1].astype(np.int32)], 1)
    np.testing.assert_array_equal(around, np.kron(extent, np.ones((2, 2), np.uint8)))


@settings(max_examples=5, deadline=None)
@given(st.floats(2.0, 4.0), st.integers(0, 1000))
def test_power_law_noise_has_the_exponent_it_was_asked_for(exponent: float, seed: int) -> None:
    field = power_law((512, 512), exponent, 60, np.random.default_rng(seed))
    assert radial_exponent(field, GRID_MM, 0.2, 3) == pytest.approx(exponent, abs=0.15)
