"""Films kept as pictures keep their values, their true size and their outlines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from PIL import Image

from mammoview.domain import REFERENCE_MM, Given, Laterality, LesionType, Mammogram, View
from mammoview.errors import OversizedScan, TruncatedScan, UnreadableOutlines, UnreadableScan
from mammoview.readers import open_case, read
from mammoview.readers.titles import side_and_view

OVERLAY = """TOTAL_ABNORMALITIES 1
ABNORMALITY 1
LESION_TYPE MASS SHAPE OVAL MARGINS CIRCUMSCRIBED
ASSESSMENT 4
SUBTLETY 3
PATHOLOGY BENIGN
TOTAL_OUTLINES 1
BOUNDARY
 40 60 2 2 2 2 2 2 2 2 2 2 4 4 4 4 4 4 4 4 4 4 6 6 6 6 6 6 6 6 6 6 0 0 0 0 0 0 0 0 0 0 #
"""


def only(path: Path, given: Given | None = None) -> Mammogram:
    (film,) = read(path, given or Given())
    return film


@pytest.fixture
def deep() -> NDArray[np.uint16]:
    """16 bits with all their values, so that a lost bit shows."""
    return np.random.default_rng(3).integers(0, 65536, (120, 90)).astype(np.uint16)


def pgm(path: Path, pixels: NDArray[Any], highest: int) -> Path:
    order = ">u2" if highest > 255 else "u1"
    header = f"P5\n# scanned\n{pixels.shape[1]} {pixels.shape[0]}\n{highest}\n"
    path.write_bytes(header.encode() + pixels.astype(order).tobytes())
    return path


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_are_kept_exactly(tmp_path: Path, deep: Any, suffix: str) -> None:
    path = tmp_path / f"film{suffix}"
    cv2.imwrite(str(path), deep)
    assert_array_equal(only(path).pixels, deep)


@pytest.mark.parametrize("highest", [65535, 4095, 255, 100])
def test_a_pgm_keeps_its_numbers_whatever_its_highest_value(tmp_path: Path, deep: Any, highest: int) -> None:
    pixels = deep.astype(int) % (highest + 1)
    assert_array_equal(only(pgm(tmp_path / "film.pgm", pixels, highest)).pixels, pixels)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_8_bits_stay_between_0_and_255(tmp_path: Path, deep: Any, suffix: str) -> None:
    pixels = (deep >> 8).astype(np.uint8)
    path = tmp_path / f"film{suffix}"
    Image.fromarray(pixels).save(path)
    film = only(path)
    assert film.pixels.dtype == np.uint16
    assert_array_equal(film.pixels, pixels)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_grey_stored_as_colour_is_grey(tmp_path: Path, deep: Any, mode: str) -> None:
    pixels = (deep >> 8).astype(np.uint8)
    Image.fromarray(pixels).convert(mode).save(tmp_path / "film.png")
    assert_array_equal(only(tmp_path / "film.png").pixels, pixels)


def test_16_bit_grey_stored_as_colour_is_kept_exactly(tmp_path: Path, deep: Any) -> None:
    (tmp_path / "film.png").write_bytes(imagecodecs.png_encode(np.stack([deep] * 3, axis=-1)))
    assert_array_equal(only(tmp_path / "film.png").pixels, deep)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_tiff_whose_zero_is_white_is_turned_round(tmp_path: Path, deep: Any, bits: int) -> None:
    tifffile = pytest.importorskip("tifffile")
    pixels = deep if bits == 16 else (deep >> 8).astype(np.uint8)
    tifffile.imwrite(tmp_path / "film.tif", pixels, photometric="miniswhite", byteorder="<")
    assert_array_equal(only(tmp_path / "film.tif").pixels, 2**bits - 1 - pixels.astype(int))


def test_a_colour_photograph_is_refused(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (50, 40, 3)).astype(np.uint8)
    for name in ("holiday.png", "holiday.jpg"):
        Image.fromarray(pixels).save(tmp_path / name)
        with pytest.raises(UnreadableScan, match="colour"):
            read(tmp_path / name)


def test_a_film_without_a_picture_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((50, 40), np.uint8)).save(tmp_path / "black.png")
    with pytest.raises(UnreadableScan, match="same value"):
        read(tmp_path / "black.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".pgm"])
def test_a_cut_off_picture_is_refused(tmp_path: Path, deep: Any, suffix: str) -> None:
    path = tmp_path / f"film{suffix}"
    Image.fromarray((deep >> 8).astype(np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(TruncatedScan):
        read(path)


def test_a_pgm_that_declares_an_enormous_film(tmp_path: Path) -> None:
    (tmp_path / "film.pgm").write_bytes(b"P5 90000 90000 65535\n\0\0")
    with pytest.raises(OversizedScan):
        read(tmp_path / "film.pgm")


@settings(max_examples=25, deadline=None)
@given(
    stored=st.tuples(st.integers(8, 60), st.integers(8, 60)),
    size=st.tuples(st.integers(8, 150), st.integers(8, 150)),
)
def test_a_resized_film_gets_its_true_size_and_says_how_coarse_it_is(
    tmp_path_factory: pytest.TempPathFactory, stored: tuple[int, int], size: tuple[int, int]
) -> None:
    """A slanted plane stays that plane, edges on edges."""
    path = tmp_path_factory.mktemp("resized") / "film.png"
    rows, columns = (np.arange(n) + 0.5 for n in stored)
    plane = 20000 * rows[:, None] / stored[0] + 30000 * columns[None] / stored[1]
    cv2.imwrite(str(path), np.rint(plane).astype(np.uint16))
    film = only(path, Given(as_size=size, spacing_mm=0.05))
    assert film.pixels.shape == size
    coarse = tuple(max(1.0, true / held) * 0.05 for true, held in zip(size, stored, strict=True))
    assert (film.sampling_mm or (0.05, 0.05)) == pytest.approx(coarse)
    expected = (
        20000 * (np.arange(size[0])[:, None] + 0.5) / size[0]
        + 30000 * (np.arange(size[1])[None] + 0.5) / size[1]
    )
    away = [int(np.ceil(true / held)) for true, held in zip(size, stored, strict=True)]
    inner = (slice(away[0], -away[0]), slice(away[1], -away[1]))
    # Area averages of samples, which are steps, lie up to an eighth of a step off the plane.
    step = 20000 / stored[0] + 30000 / stored[1]
    assert_allclose(film.pixels[inner], expected[inner], atol=200 + step / 8)


def test_without_millimetres_the_sampling_of_a_resized_film_is_told_at_the_reference(
    tmp_path: Path, deep: Any
) -> None:
    cv2.imwrite(str(tmp_path / "film.png"), deep)
    film = only(tmp_path / "film.png", Given(as_size=(240, 270)))
    assert film.spacing_mm is None
    assert film.sampling_mm == pytest.approx((2 * REFERENCE_MM, 3 * REFERENCE_MM))


def test_outlines_are_in_pixels_of_the_true_size(tmp_path: Path) -> None:
    """A bright square on a squashed film lies inside the outline that was drawn on the true one."""
    true = np.zeros((200, 100), np.uint8)
    true[61:70, 41:50] = 200
    Image.fromarray(cv2.resize(true, (50, 50), interpolation=cv2.INTER_AREA)).save(tmp_path / "film.png")
    (tmp_path / "film.OVERLAY").write_text(OVERLAY)
    film = only(tmp_path / "film.png", Given(as_size=(200, 100), outlines=tmp_path / "film.OVERLAY"))
    (outline,) = film.outlines
    assert outline.lesion_type is LesionType.MASS
    assert outline.box() == (60, 40, 70, 50)
    weights = film.pixels.astype(float)
    centre = [
        (weights.sum(axis=1 - axis) * np.arange(film.pixels.shape[axis])).sum() / weights.sum()
        for axis in (0, 1)
    ]
    assert_allclose(centre, outline.centre(), atol=0.6)


def test_outlines_that_lie_off_the_film_ask_for_its_true_size(tmp_path: Path, deep: Any) -> None:
    cv2.imwrite(str(tmp_path / "film.png"), deep[:50])
    (tmp_path / "film.OVERLAY").write_text(OVERLAY)
    with pytest.raises(UnreadableOutlines, match="true size"):
        read(tmp_path / "film.png", Given(outlines=tmp_path / "film.OVERLAY"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("00001_LEFT_CC.jpg", (Laterality.LEFT, View.CC)),
        ("CBIS_P_00687_LEFT_CC.jpg", (Laterality.LEFT, View.CC)),
        ("C_0029_1.RIGHT_MLO.png", (Laterality.RIGHT, View.MLO)),
        ("rmlo.tif", (Laterality.RIGHT, View.MLO)),
        ("20586908_L-CC.png", (Laterality.LEFT, View.CC)),
        ("R_XCCL.png", (Laterality.RIGHT, View.XCCL)),
        ("mdb001.png", (None, None)),
        ("L_and_R_CC_LCC_RCC.png", (None, None)),
        ("MCC_clinic.png", (None, None)),
    ],
)
def test_side_and_view_from_a_name(name: str, expected: tuple[Any, Any]) -> None:
    assert side_and_view(name) == expected


@pytest.fixture
def squashed(tmp_path: Path, deep: Any) -> Path:
    cv2.imwrite(str(tmp_path / "film_RIGHT_CC.png"), deep)
    return tmp_path / "film_RIGHT_CC.png"


def test_a_sidecar_tells_what_the_file_does_not(squashed: Path) -> None:
    (squashed.parent / "film.OVERLAY").write_text(OVERLAY)
    said = {
        "laterality": "L",
        "view": "MLO",
        "spacing_mm": 0.1,
        "as_size": [240, 180],
        "outlines": "film.OVERLAY",
    }
    squashed.with_suffix(".json").write_text(json.dumps(said))
    film = only(squashed)
    assert (film.laterality, film.view, film.spacing_mm) == (Laterality.LEFT, View.MLO, (0.1, 0.1))
    assert film.spacing_source == "the sidecar beside the film"
    assert film.pixels.shape == (240, 180)
    assert film.sampling_mm == (0.2, 0.2)
    assert len(film.outlines) == 1
    (listed,) = open_case(squashed)
    assert (listed.laterality, listed.view) == (Laterality.LEFT, View.MLO)


def test_the_reader_wins_over_the_sidecar(squashed: Path) -> None:
    squashed.with_suffix(".json").write_text('{"laterality": "L", "spacing_mm": 0.1}')
    film = only(squashed, Given(laterality=Laterality.RIGHT, spacing_mm=0.05))
    assert (film.laterality, film.view, film.spacing_mm) == (Laterality.RIGHT, View.CC, (0.05, 0.05))
    assert film.spacing_source == "given by the reader"


def test_a_spacing_is_the_readers_where_the_sidecar_says_none(squashed: Path) -> None:
    squashed.with_suffix(".json").write_text('{"laterality": "L"}')
    assert only(squashed, Given(spacing_mm=0.05)).spacing_source == "given by the reader"
    assert only(squashed).spacing_source == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[]",
        "[" * 50_000,
        '{"a": "' + "x" * 100_000 + '"}',
        '{"laterality": "B"}',
        '{"laterality": 1}',
        '{"view": "sideways"}',
        '{"spacing_mm": "0.05"}',
        '{"spacing_mm": true}',
        '{"spacing_mm": NaN}',
        '{"spacing_mm": -1}',
        '{"spacing_mm": 1e999}',
        '{"as_size": [100]}',
        '{"as_size": [100.5, 100]}',
        '{"as_size": [1000000, 1000000]}',
        '{"as_size": "100x100"}',
        '{"outlines": "../secret.OVERLAY"}',
        '{"outlines": "/etc/passwd"}',
        '{"outlines": "link.OVERLAY"}',
        '{"outlines": "absent.OVERLAY"}',
        '{"outlines": "a\\u0000b"}',
        '{"outlines": 5}',
    ],
    ids=lambda text: text[:28],
)
def test_a_hostile_sidecar_is_refused_in_one_sentence(squashed: Path, text: str) -> None:
    secret = squashed.parent.parent / "secret.OVERLAY"
    secret.write_text(OVERLAY)
    (squashed.parent / "link.OVERLAY").symlink_to(secret)
    squashed.with_suffix(".json").write_text(text)
    with pytest.raises(UnreadableScan) as refused:
        open_case(squashed)
    assert "\n" not in str(refused.value)


@pytest.mark.films
def test_a_squashed_cbis_film_with_its_true_size_takes_its_ddsm_outline(films: Path) -> None:
    case = films / "ddsm" / "cases" / "case4000"
    film = only(
        case / "CBIS_P_00687_LEFT_CC.jpg",
        Given(as_size=(5296, 2566), spacing_mm=0.0435, outlines=case / "D_4000_1.LEFT_CC.OVERLAY"),
    )
    (outline,) = film.outlines
    assert film.pixels.shape == (5296, 2566)
    assert film.sampling_mm == pytest.approx((0.0435 * 5296 / 800, 0.0435 * 2566 / 800))
    r0, c0, r1, c1 = (int(edge) for edge in outline.box())
    inside, around = film.pixels[r0:r1, c0:c1], film.pixels[r0 - 500 : r1 + 500, max(0, c0 - 500) : c1 + 500]
    assert inside.mean() > around.mean()


@pytest.mark.films
def test_a_mini_mias_film_is_read_as_it_is(films: Path) -> None:
    film = only(films / "mini-mias" / "images" / "mdb001.png", Given(spacing_mm=0.2, view=View.MLO))
    assert film.pixels.shape == (1024, 1024)
    assert 0 < film.pixels.max() <= 255
    assert (film.source, film.view, film.sampling_mm) == ("mdb001", View.MLO, None)
