"""Which film hangs where, and what the browser is told of films that hang beside one another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from mammoview.domain import Film, Laterality, Magnification, Mammogram, View
from mammoview.errors import UnreadableScan
from mammoview.ui import hanging
from mammoview.ui.session import Session
from mammoview.ui.viewer.hanging import Hanging, Place, hang, take_wish
from mammoview.ui.viewer.payload import film_payload, halved, layers_payload
from tests import handmade
from tests.handmade import PLAIN, dark, finding, saliency, square
from tests.ui.test_viewer_payload import film, unpack

R, L, CC, MLO = Laterality.RIGHT, Laterality.LEFT, View.CC, View.MLO


def by_name(places: tuple[Place, ...]) -> dict[str, Place]:
    return {place.name: place for place in places}


def test_right_breasts_hang_on_the_left_and_cc_above_mlo_in_whatever_order_they_come() -> None:
    places = by_name(hang([(L, MLO), (R, MLO), (L, CC), (R, CC)]))
    where = {name: (place.row, place.column, place.film) for name, place in places.items()}
    assert where == {"RCC": (0, 0, 3), "LCC": (0, 1, 2), "RMLO": (1, 0, 1), "LMLO": (1, 1, 0)}


def test_a_missing_view_keeps_its_place() -> None:
    places = by_name(hang([(R, CC), (L, CC), (R, MLO)]))
    assert places["LMLO"].film is None
    assert places["LMLO"].words == "not in this case"


def test_a_second_film_of_a_view_or_one_without_a_label_takes_no_other_place() -> None:
    places = by_name(hang([(L, CC), (L, CC), (None, None), (L, MLO)]))
    assert places["RCC"].film is None
    assert places["RMLO"].film is None
    assert (places["LCC"].film, places["LCC 2"].film) == (0, 1)
    assert places["LCC 2"].words == "a second film of this view"
    assert places["??"].words == "not one of the usual four views"
    assert {places["LCC 2"].side, places["??"].side} == {"beside"}
    assert places["LCC 2"].column >= 2


def test_more_than_four_films_are_named_and_not_shown() -> None:
    places = hang([(R, CC), (L, CC), (R, MLO), (L, MLO), (R, CC)])
    assert sum(place.film is not None for place in places) == 4
    assert "choose it on the left" in by_name(places)["RCC 2"].words


def test_half_the_size_is_the_mean_of_two_by_two() -> None:
    pixels = np.random.default_rng(3).integers(0, 65536, (7, 5), np.uint16)
    half = halved(pixels)
    whole = np.pad(pixels.astype(int), ((0, 1), (0, 1)), mode="edge").reshape(4, 2, 3, 2)
    np.testing.assert_array_equal(half, (whole.sum(axis=(1, 3)) + 2) // 4)
    assert half.dtype == np.uint16


def test_only_a_large_film_that_hangs_is_sent_at_half_its_size() -> None:
    large = film(pixels=np.repeat(np.repeat(film().pixels, 10, axis=0), 10, axis=1), spacing_mm=(0.05, 0.05))
    for mammogram, hung, reduction in ((large, None, 1), (large, 0, 2), (film(), 0, 1)):
        header, arrays = unpack(film_payload(mammogram, "a", hung))
        assert header["reduction"] == reduction
        assert (header["rows"], header["columns"]) == mammogram.pixels.shape
        assert arrays[header["pixels"]].shape == tuple(-(-n // reduction) for n in mammogram.pixels.shape)


def test_the_nipple_is_told_where_the_breast_ends_and_not_where_no_breast_was_found() -> None:
    header, _ = unpack(film_payload(film(), "a", 0))
    np.testing.assert_allclose(header["nipple"], (120, 90), atol=3)
    blank, _ = unpack(film_payload(film(pixels=np.full((240, 180), 900, np.uint16)), "a", 0))
    assert blank["nipple"] is None


def test_the_browser_may_only_open_what_hangs() -> None:
    heard: list[Any] = []
    shown = Hanging(hang([(R, CC), (L, CC)]), 0, {}, True, heard.append, heard.append, case=5)
    for wish in ({"on": True}, {"open": 1}, {"open": 2}, {"open": "1"}, {"on": 1}, {}, {"open": None}):
        take_wish({**wish, "case": 5}, shown)
    assert heard == [True, 1]


@pytest.mark.parametrize("case", [{}, {"case": 4}, {"case": "5"}, {"case": None}])
def test_a_wish_made_of_another_case_is_dropped(case: dict[str, object]) -> None:
    heard: list[Any] = []
    shown = Hanging(hang([(R, CC), (L, CC)]), 0, {}, True, heard.append, heard.append, case=5)
    for wish in (None, {"on": True}, {"open": 1}):
        take_wish(wish and {**wish, **case}, shown)
    assert heard == []


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """With an assessed right CC, a left CC, and a left MLO that cannot be read."""
    monkeypatch.setenv("MAMMOVIEW_READINGS", str(tmp_path))
    outline = square(100, 100, 40, PLAIN)
    first = handmade.mammogram([outline])
    second = Mammogram(first.pixels + np.uint16(1), "second", L, CC, (0.05, 0.05), outlines=(outline,))

    def broken() -> Mammogram:
        raise UnreadableScan("third: the file ends too early")

    made = Session()
    films = (
        Film("first", R, CC, lambda: first),
        Film("second", L, CC, lambda: second),
        Film("third", L, MLO, broken),
    )
    made.open("case", lambda: films)
    assert made._case is not None
    maps = (saliency(dark(each), magnification=each) for each in Magnification)
    made._case.assessments[1] = handmade.assessment(*maps, findings=[finding(outline)])
    return made


def test_until_it_is_asked_for_no_other_film_is_read(reader: Session) -> None:
    shown = hanging.of_case(reader, 0)
    assert shown is not None
    assert (shown.on, shown.films) == (False, {})
    assert reader._case is not None
    assert reader._case.mammograms == {}


def test_what_hangs_goes_with_another_film_and_with_the_case(reader: Session) -> None:
    shown = hanging.of_case(reader, 0)
    assert shown is not None
    shown.turn(True)
    hung = hanging.of_case(reader, 0)
    assert hung is not None
    assert set(hung.films) == {0, 1}
    assert by_name(hung.places)["LMLO"].words == "third: the file ends too early"
    assert hung.films[1].assessment is reader.assessment(1)
    other = hanging.of_case(reader, 1)
    assert other is not None
    assert (other.on, other.films) == (False, {})
    other.turn(True)
    reader.close()
    assert reader.hung_over is None


def test_a_case_that_was_closed_or_gave_way_to_another_is_told_nothing(reader: Session) -> None:
    late = hanging.of_case(reader, 0)
    assert late is not None
    reader.close()
    late.open(1)
    late.turn(True)
    assert reader.hung_over is None
    reader.open("another", lambda: tuple(Film(name, R, CC, lambda: film()) for name in "ab"))
    now = hanging.of_case(reader, 0)
    assert now is not None
    assert now.case != late.case
    late.open(1)
    late.turn(True)
    assert reader.film_before(0) == 0
    assert reader.hung_over is None


def test_each_film_that_hangs_is_read_first_like_one_that_is_opened(reader: Session) -> None:
    reader.desk.on = True
    shown = hanging.of_case(reader, 0)
    assert shown is not None
    shown.turn(True)
    hung = hanging.of_case(reader, 0)
    assert hung is not None
    assert all(each.withheld and each.assessment is None for each in hung.films.values())
    reader.desk.on = False
    again = hanging.of_case(reader, 0)
    assert again is not None
    assert all(each.withheld for each in again.films.values()), "seen once, it stays one to be read first"
    second = again.films[1]
    assert not reader.desk.known(reader.desk.film((reader.case_number, 1), second.mammogram))
    sent = layers_payload(second.mammogram, reader.assessment(1), None, "a", "not run", (), True, 1)
    assert b'"vertices"' not in sent
    assert sent == layers_payload(second.mammogram, None, None, "a", "failed", (), True, 1)


def test_a_case_of_one_film_has_nothing_to_hang() -> None:
    alone = Session()
    alone.open("one", lambda: (Film("first", R, CC, lambda: film()),))
    assert hanging.of_case(alone, 0) is None


def page() -> None:
    import streamlit as st

    from mammoview.ui.viewer import Hanging, Hung, hang, viewer
    from tests.ui.test_viewer_payload import film

    on = st.toggle("Hang")
    if "films" not in st.session_state:
        st.session_state.films = [film(), film(source="other")]
    films = st.session_state.films
    hung = {number: Hung(each, None, "not run", False) for number, each in enumerate(films)} if on else {}
    places = hang([(each.laterality, each.view) for each in films])
    shown = Hanging(places, 0, hung, on, lambda _: None, lambda _: None, case=1)
    viewer(films[0], None, key="v", magnification_errors=None, hanging=shown)


def test_what_was_sent_of_films_that_hung_is_not_kept_once_they_do_not() -> None:
    shown = AppTest.from_function(page, default_timeout=60).run()

    kept = [f"_packed.v.hung.{number}.{what}" for number in (0, 1) for what in ("film", "layers")]

    def packed() -> list[str]:
        return [name for name in kept if name in shown.session_state]

    assert packed() == []
    shown.toggle[0].set_value(True).run()
    assert not shown.exception
    assert packed() == kept
    shown.toggle[0].set_value(False).run()
    assert packed() == []
