"""What the browser is sent is complete, stable and lies where the scan says."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mammoview.domain import Laterality, Magnification, Mammogram, Saliency, View, Weighting
from mammoview.geometry import Frame
from mammoview.ui.viewer import payload
from mammoview.ui.viewer.payload import MeasuredError, film_payload, layers_payload


def unpack(data: bytes) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    name, length = struct.unpack("<8sI", data[:12])
    assert name == b"MAMMOVU1"
    header = json.loads(data[16 : 16 + length])
    start = 16 + length
    arrays = [
        np.frombuffer(
            data, place["dtype"], count=int(np.prod(place["shape"])), offset=start + place["offset"]
        ).reshape(place["shape"])
        for place in header["arrays"]
    ]
    assert all((start + place["offset"]) % 8 == 0 for place in header["arrays"])
    return header, arrays


def breast(chest_wall_left: bool = True) -> NDArray[np.uint16]:
    """A half disc of 45 mm at one edge of a film of 120 × 90 mm (0.5 mm per pixel)."""
    rows, columns = np.indices((240, 180))
    inside = np.hypot(rows - 120, columns) < 90
    pixels = np.where(inside, 20000 + 100 * (90 - np.hypot(rows - 120, columns)), 900).astype(np.uint16)
    return pixels if chest_wall_left else np.ascontiguousarray(pixels[:, ::-1])


def film(**given: Any) -> Mammogram:
    said: dict[str, Any] = {"laterality": Laterality.LEFT, "view": View.CC, "spacing_mm": (0.5, 0.5)}
    return Mammogram(**{"pixels": breast(), "source": "film", **said, **given})


def test_every_pixel_of_the_film_arrives() -> None:
    mammogram = film()
    header, arrays = unpack(film_payload(mammogram, "a"))
    assert (header["rows"], header["columns"]) == (240, 180)
    np.testing.assert_array_equal(arrays[header["pixels"]], mammogram.pixels)


def test_the_same_film_gives_the_same_bytes() -> None:
    assert film_payload(film(), "a") == film_payload(film(pixels=breast().copy()), "a")


def test_a_changed_spacing_is_sent_but_is_no_other_film() -> None:
    mammogram = film()
    first, _ = unpack(film_payload(mammogram, "a"))
    second, _ = unpack(film_payload(replace(mammogram, spacing_mm=(0.45, 0.45)), "a"))
    assert first["film"] == second["film"]
    assert first["spacing_mm"] != second["spacing_mm"]


def test_one_changed_pixel_is_another_film() -> None:
    pixels = breast()
    pixels[0, 0] += 1
    (first, _), (second, _) = (unpack(film_payload(film(pixels=each), "a")) for each in (breast(), pixels))
    assert first["film"] != second["film"]


def test_the_first_window_shows_the_breast_and_keeps_the_air_black() -> None:
    header, _ = unpack(film_payload(film(), "a"))
    low, high = header["windows"]["breast"]
    assert low <= 1000
    assert 27000 <= high <= 30000
    assert 900 <= header["air"] < 20000


def test_a_blank_film_still_has_a_window() -> None:
    header, _ = unpack(film_payload(film(pixels=np.full((300, 200), 7, np.uint16)), "a"))
    assert header["windows"]["breast"] == [7, 7]


@pytest.mark.parametrize(
    ("laterality", "view", "left", "top"),
    [
        (Laterality.LEFT, View.CC, "P", "L"),
        (Laterality.RIGHT, View.CC, "A", "R"),
        (Laterality.LEFT, View.MLO, "P", "H"),
        (Laterality.RIGHT, View.MLO, "A", "H"),
    ],
)
def test_films_in_their_usual_hanging_carry_the_usual_letters(
    laterality: Laterality, view: View, left: str, top: str
) -> None:
    pixels = breast(chest_wall_left=laterality is Laterality.LEFT)
    header, _ = unpack(film_payload(film(pixels=pixels, laterality=laterality, view=view), "a"))
    assert (header["targets"]["left"], header["targets"]["top"]) == (left, top)
    assert not header["mirrored"]


def test_a_film_stored_mirrored_says_so_and_its_letters_follow_the_pixels() -> None:
    header, _ = unpack(film_payload(film(pixels=breast(chest_wall_left=False)), "a"))
    assert header["mirrored"]
    assert (header["targets"]["left"], header["targets"]["right"]) == ("A", "P")
    assert header["targets"]["bottom"] == "R"


def test_an_unknown_side_carries_no_letters() -> None:
    header, _ = unpack(film_payload(film(laterality=None), "a"))
    assert header["targets"] is None


def test_without_an_assessment_no_layer_claims_to_have_run() -> None:
    errors = {Magnification.HALF: MeasuredError("8% err", "total error: 8 %")}
    header, arrays = unpack(layers_payload(film(), None, errors, "a"))
    assert header["assessed"] is False
    assert header["errors"] == {"0.5": {"short": "8% err", "full": "total error: 8 %"}}
    assert not arrays


@given(
    row=st.integers(0, 29),
    column=st.integers(0, 19),
    mirrored=st.booleans(),
    value=st.floats(2**-20, 8, width=32),
)
def test_a_lone_salient_pixel_survives_cropping_at_its_place(
    row: int, column: int, mirrored: bool, value: float
) -> None:
    values = np.zeros((30, 20), np.float32)
    values[row, column] = value
    frame = Frame(200, mirrored, origin=(3.0, 5.0), scale=(0.5, 0.5))
    arrays = payload._Arrays()
    packed = payload._saliency(
        Saliency({Weighting.CONTEXT: values}, Magnification.HALF, np.ones((1, 1), bool), frame),
        Weighting.CONTEXT,
        arrays,
    )
    assert arrays.parts[packed["array"]][0] == 255
    a, _, _, d, e, f = packed["matrix"]
    seen = (d * 0.5 + f - 0.5, a * 0.5 + e - 0.5)
    np.testing.assert_allclose(seen, frame.to_scan([[row, column]])[0], atol=1e-9)


@pytest.mark.parametrize("state", ["not run", "running", "failed"])
def test_a_film_without_assessment_says_why(state):
    film = Mammogram(np.full((64, 48), 9, np.uint16), "film")
    assert f'"{state}"'.encode() in layers_payload(film, None, None, "viewer", state)


@pytest.mark.parametrize(
    ("spacing", "source", "words"),
    [
        ((0.05, 0.06), "DICOM Pixel Spacing, fiducial", "DICOM Pixel Spacing, fiducial"),
        ((0.05, 0.05), "the sidecar beside the film", "the sidecar beside the film"),
        ((0.05, 0.05), "", "source not stated"),
        (None, "", "not known: the networks assume 50 µm"),
    ],
)
def test_millimetres_come_with_their_source(
    spacing: tuple[float, float] | None, source: str, words: str
) -> None:
    header, _ = unpack(film_payload(film(spacing_mm=spacing, spacing_source=source), "a"))
    assert header["spacing_mm"] == (list(spacing) if spacing else None)
    assert header["spacing_source"] == words


def test_the_edge_of_the_breast_goes_with_the_film() -> None:
    header, arrays = unpack(film_payload(film(), "a"))
    mask = arrays[header["breast"]["array"]].astype(bool)
    a, _, _, d, e, f = header["breast"]["matrix"]
    assert header["breast"]["found"]
    rows, columns = np.indices(mask.shape) + 0.5
    distance = np.hypot(
        d * rows + f - 120, a * columns + e
    )  # of each cell's centre from the nipple's level, px
    assert mask[distance < 84].all()
    assert not mask[distance > 96].any()
    blank, _ = unpack(film_payload(film(pixels=np.full((300, 200), 7, np.uint16)), "a"))
    assert not blank["breast"]["found"]
    assert blank["paper_frame"] is None, "nothing to lay the paper's frame on"


def test_only_squares_that_hold_saliency_are_sent_and_the_largest_value_is_said() -> None:
    values = np.zeros((1000, 700), np.float32)
    values[100:140, 50:90] = np.linspace(0.1, 1, 1600).reshape(40, 40)
    values[900, 600] = 7
    arrays = payload._Arrays()
    kept = np.ones((1, 1), bool)
    saliency = Saliency({Weighting.ENTROPY: values}, Magnification.HALF, kept, Frame(700))
    packed = payload._saliency(saliency, Weighting.ENTROPY, arrays)
    tiles = np.frombuffer(arrays.parts[packed["array"]], np.uint8)
    assert tiles.size == len(packed["places"]) * packed["tile"] ** 2 < 10_000
    whole = np.zeros((packed["rows"] + 32, packed["columns"] + 32))
    for (row, column), tile in zip(packed["places"], tiles.reshape(-1, 32, 32), strict=True):
        whole[row : row + 32, column : column + 32] = tile
    expected = np.minimum(values[100:901, 50:601] / packed["scale"], 1) * 255
    np.testing.assert_allclose(whole[:801, :551], expected, atol=1)
    assert packed["maximum"] == 7
    assert packed["weighting"] == "entropy"


def test_a_map_without_saliency_sends_no_square() -> None:
    arrays = payload._Arrays()
    values = {Weighting.CONTEXT: np.zeros((90, 70), np.float32)}
    saliency = Saliency(values, Magnification.HALF, np.ones((1, 1), bool), Frame(70))
    packed = payload._saliency(saliency, Weighting.CONTEXT, arrays)
    assert packed["places"] == []
    assert packed["scale"] == packed["maximum"] == 0


def test_a_map_that_is_no_number_somewhere_is_sent_as_none_at_all() -> None:
    """JSON knows no NaN: one in the header would leave the browser without any layer."""
    values = np.ones((90, 70), np.float32)
    values[3, 4] = np.nan
    arrays = payload._Arrays()
    saliency = Saliency({Weighting.CONTEXT: values}, Magnification.HALF, np.ones((1, 1), bool), Frame(70))
    packed = payload._saliency(saliency, Weighting.CONTEXT, arrays)
    assert packed["scale"] is packed["maximum"] is None
    assert packed["places"] == []
    with pytest.raises(ValueError, match="JSON"):
        arrays.payload({"score": float("nan")})


def test_a_film_with_a_window_of_its_own_comes_with_it() -> None:
    header, _ = unpack(film_payload(film(voi="SIGMOID window, centre 1, width 2"), "a"))
    assert header["windows"]["file"] == [0, 65535]
    assert header["voi"] == "SIGMOID window, centre 1, width 2"
    assert "file" not in unpack(film_payload(film(), "a"))[0]["windows"]
