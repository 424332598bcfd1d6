"""DDSM's lossless JPEG: every grey level as the digitiser wrote it, or a refusal."""

from __future__ import annotations

import gzip
import re

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal
from pvrg_pixels import golden_file, golden_pixels

from mammoview.errors import MammoviewError, OversizedScan, TruncatedScan, UnreadableScan
from mammoview.readers.ljpeg import FirstRow, decode, encode, parse_header, read_grey_levels

PREDICTORS = range(1, 8)
SPOILED_BY_STANDARD_DECODERS = (2, 3, 6, 7)


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("predictor", PREDICTORS)
def test_films_of_the_genuine_codec_decode_exactly(predictor, bits):
    grey = read_grey_levels(golden_file(predictor, bits))
    assert_array_equal(grey.levels, golden_pixels(bits))
    assert (grey.bits, grey.rows_read) == (bits, 23)


@pytest.mark.parametrize("predictor", SPOILED_BY_STANDARD_DECODERS)
def test_the_standard_rule_would_spoil_such_a_film(predictor):
    spoiled = read_grey_levels(golden_file(predictor, 12), FirstRow.STANDARD)
    assert (spoiled.levels != golden_pixels(12)).mean() > 0.5


@st.composite
def films_of(draw, shortest_side=1):
    bits = draw(st.integers(2, 16))
    shape = draw(st.tuples(st.integers(shortest_side, 12), st.integers(shortest_side, 12)))
    return bits, draw(arrays(np.uint16, shape, elements=st.integers(0, (1 << bits) - 1)))


@given(films_of(), st.sampled_from(PREDICTORS), st.sampled_from(FirstRow))
@settings(deadline=None)
def test_any_film_survives_writing_and_reading(film, predictor, first_row):
    bits, pixels = film
    grey = decode(encode(pixels, bits, predictor, first_row), "film.LJPEG", first_row)
    assert_array_equal(grey.levels, pixels)
    assert grey.rows_read == len(pixels)


@given(films_of(shortest_side=2), st.sampled_from(PREDICTORS))
@settings(deadline=None)
def test_a_standard_decoder_agrees_on_films_written_by_the_standard(film, predictor):
    bits, pixels = film
    written = encode(pixels, max(bits, 9), predictor, FirstRow.STANDARD)
    assert_array_equal(imagecodecs.jpegsof3_decode(written), pixels)


@pytest.mark.parametrize("predictor", [1, 4, 5])
def test_a_standard_decoder_agrees_where_both_rules_do(predictor):
    pixels = golden_pixels(12)
    assert_array_equal(imagecodecs.ljpeg_decode(encode(pixels, 12, predictor)), pixels)


def film_of_a_dark_edge(shape=(300, 200)) -> np.ndarray:
    rng = np.random.default_rng(3)
    ramp = np.linspace(100, 3000, shape[1])
    return (ramp + rng.normal(0, 4, shape)).clip(0, 4095).astype(np.uint16)


@pytest.mark.parametrize("predictor", SPOILED_BY_STANDARD_DECODERS)
@pytest.mark.parametrize(
    ("written", "read"), [(FirstRow.STANDARD, FirstRow.PVRG), (FirstRow.PVRG, FirstRow.STANDARD)]
)
def test_a_film_read_by_the_wrong_rule_is_warned_of_and_one_read_rightly_is_not(predictor, written, read):
    data = encode(film_of_a_dark_edge(), 12, predictor, written)
    assert any("not smooth" in warning for warning in decode(data, "film.LJPEG", read).warnings)
    assert decode(data, "film.LJPEG", written).warnings == ()


def test_a_gzipped_film_reads_the_same(tmp_path):
    packed = tmp_path / "film.LJPEG.gz"
    packed.write_bytes(gzip.compress(golden_file(7, 12).read_bytes()))
    assert_array_equal(read_grey_levels(packed).levels, golden_pixels(12))


def test_a_film_cut_off_within_its_gzip_shows_its_part(tmp_path):
    packed = tmp_path / "film.LJPEG.gz"
    packed.write_bytes(gzip.compress(encode(film_of_a_dark_edge(), 12, 7))[:-20_000])
    with pytest.raises(TruncatedScan, match="cut off after"):
        read_grey_levels(packed)
    grey = read_grey_levels(packed, partial=True)
    assert_array_equal(grey.levels[: grey.rows_read], film_of_a_dark_edge()[: grey.rows_read])


@given(st.integers(2, 40_000), st.sampled_from(PREDICTORS))
@settings(deadline=None, max_examples=40)
def test_a_film_that_ends_early_is_refused_or_shown_as_far_as_it_goes(kept, predictor):
    pixels = film_of_a_dark_edge()
    whole = encode(pixels, 12, predictor)
    data = whole[: min(kept, len(whole) - 100)]
    with pytest.raises(MammoviewError):
        decode(data, "film.LJPEG")
    try:
        grey = decode(data, "film.LJPEG", partial=True)
    except TruncatedScan:
        assert len(data) < len(whole) // 50
        return
    assert_array_equal(grey.levels[: grey.rows_read], pixels[: grey.rows_read])
    assert not grey.levels[grey.rows_read :].any()
    assert grey.rows_read >= len(pixels) * (len(data) / len(whole)) * 0.9 - 8
    assert re.search(r"film\.LJPEG ends after \d+ of its 300 rows", grey.warnings[0])


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_damaged_bytes_are_refused_in_one_sentence_or_give_a_film_of_the_declared_size(data):
    film = bytearray(golden_file(6, 16).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        film[data.draw(st.integers(0, len(film) - 1))] = data.draw(st.integers(0, 255))
    try:
        shape = decode(bytes(film), "film.LJPEG").levels.shape
    except MammoviewError as error:
        sentence = str(error)
    else:
        header = parse_header(bytes(film))
        assert shape == (header.rows, header.columns)
        return
    assert sentence.startswith("film.LJPEG")
    assert "\n" not in sentence


def test_a_header_of_a_billion_pixels_is_refused_before_anything_is_decoded():
    film = bytearray(golden_file(1, 12).read_bytes())
    at = film.index(b"\xff\xc3")
    film[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    with pytest.raises(OversizedScan, match="65535 × 65535"):
        decode(bytes(film), "film.LJPEG")


def test_an_ordinary_jpeg_is_not_taken_for_a_lossless_one():
    picture = imagecodecs.jpeg8_encode(np.zeros((16, 16), np.uint8))
    with pytest.raises(UnreadableScan, match="not a lossless one"):
        decode(picture, "film.LJPEG")


@pytest.mark.parametrize(
    ("pixels", "bits", "predictor"),
    [
        (np.zeros((2, 2), np.uint16), 12, 8),
        (np.zeros((2, 2), np.uint16), 17, 1),
        (np.full((2, 2), 4096, np.uint16), 12, 1),
        (np.zeros((2, 2, 3), np.uint16), 12, 1),
        (np.zeros((0, 2), np.uint16), 12, 1),
    ],
)
def test_what_cannot_be_written_is_refused(pixels, bits, predictor):
    with pytest.raises(ValueError, match="must be"):
        encode(pixels, bits, predictor)


@pytest.mark.films
def test_the_genuine_truncated_film_is_refused_and_its_part_begins_as_pvrg_decodes_it(films):
    path = films / "ddsm" / "broken" / "A_0002_1.RIGHT_CC.truncated.LJPEG"
    with pytest.raises(TruncatedScan, match=r"cut off after 175 of its 4334 rows"):
        read_grey_levels(path)
    part = read_grey_levels(path, partial=True)
    assert part.levels.shape == (4334, 1874)
    assert part.levels[0, :8].tolist() == [103, 51, 29, 30, 23, 26, 28, 27]
    assert len(part.warnings) == 1
