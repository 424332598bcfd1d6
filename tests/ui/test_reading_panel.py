"""The page while a film is read first: nothing of the networks before the reveal, both impressions after."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mammoview.domain import Film, Magnification, Mammogram, Progress
from mammoview.errors import UnreadableOutlines
from mammoview.phantom import write_case
from mammoview.readers import open_case
from mammoview.readings import FILE, BiRads
from mammoview.ui import hanging, session
from mammoview.ui.reading import WITHHELD_ERROR, bare, film_of
from mammoview.ui.session import Session
from mammoview.ui.viewer.marking import Marking, mark_data, take_mark
from mammoview.ui.viewer.payload import MeasuredError, layers_payload
from tests import handmade
from tests.handmade import PLAIN, dark, finding, saliency, square
from tests.ui.test_viewer_payload import unpack

OF_THE_NETWORKS = (b"0.87", b"films made by hand", b'"assessed":true', rb"tissue\-0\.5", b'"score"')
OF_THE_READER = (b'"vertices"', b"1 drawn")
"""What was drawn on the film before."""


def page() -> None:
    """The real page with a film and an assessment made by hand."""
    from dataclasses import replace
    from unittest.mock import patch

    import numpy as np
    import streamlit as st

    from mammoview.domain import Film, Magnification
    from mammoview.ui import page, session, sidebar
    from mammoview.ui.session import Session
    from tests import handmade
    from tests.handmade import PLAIN, dark, finding, saliency, square

    def reader() -> Session:
        if "reader" not in st.session_state:
            outline = square(100, 100, 40, PLAIN)
            film = handmade.mammogram([outline])
            made = Session()
            other = replace(film, pixels=film.pixels + np.uint16(1), source="other")
            films = (Film("film", None, None, lambda: film), Film("other", None, None, lambda: other))
            made.open(sidebar.DEMO, lambda: films)
            maps = (saliency(dark(each), magnification=each) for each in Magnification)
            assert made._case is not None
            found = handmade.assessment(*maps, findings=[finding(outline)])
            cards = [replace(card, inputs={**card.inputs, "mm_per_pixel": 0.1}) for card in found.cards]
            made._case.assessments[0] = replace(found, cards=tuple(cards))
            st.session_state["reader"] = made
        return st.session_state["reader"]

    with patch.object(session, "of_this_reader", reader):
        page.main()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAMMOVIEW_READINGS", str(tmp_path))
    return tmp_path


@pytest.fixture
def opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("MAMMOVIEW_READ_FIRST", "1")
    shown = AppTest.from_function(page, default_timeout=60).run()
    assert not shown.exception
    assert not shown.error
    return shown


def sent(shown: AppTest) -> bytes:
    """All that the browser is sent, the viewer's bytes among it."""
    elements = [element for block in (shown.main, shown.sidebar) for element in block]
    return b"\n".join(each.proto.SerializeToString() for each in elements if each.proto is not None)


def assert_withheld(shown: AppTest) -> None:
    content = sent(shown)
    assert [word for word in (*OF_THE_NETWORKS, *OF_THE_READER) if word in content] == []
    assert b'"withheld":true' in content


def button(shown: AppTest, name: str) -> Any:
    (found,) = [each for each in shown.button if each.label == name]
    return found


def labels(shown: AppTest) -> list[str]:
    return [each.label for each in shown.button]


def choose(shown: AppTest, category: BiRads) -> None:
    (radio,) = [each for each in shown.radio if each.label == "BI-RADS category"]
    radio.set_value(category).run()


def test_without_the_mode_the_page_shows_all_and_asks_nothing(folder: Path) -> None:
    shown = AppTest.from_function(page, default_timeout=60).run()
    content = sent(shown)
    assert [word for word in (*OF_THE_NETWORKS, *OF_THE_READER) if word not in content] == []
    assert b'"withheld":false' in content
    assert "Record" not in labels(shown)
    assert list(folder.iterdir()) == [], "who records nothing makes no file"


def test_the_order_is_impression_reveal_second_impression(opened: AppTest) -> None:
    assert_withheld(opened)
    assert button(opened, "Record").disabled
    assert "Reveal" not in labels(opened)
    opened.text_area[0].input("oval, well defined").run()
    choose(opened, BiRads.BENIGN)
    button(opened, "Record").click().run()
    assert not opened.error
    assert_withheld(opened)
    assert "Record" not in labels(opened), "there is one first impression"
    button(opened, "Reveal").click().run()
    content = sent(opened)
    assert [word for word in (*OF_THE_NETWORKS, *OF_THE_READER) if word not in content] == []
    (radio,) = [each for each in opened.radio if each.label == "BI-RADS category"]
    assert radio.value is None, "the second impression is not made for her"
    choose(opened, BiRads.SUSPICIOUS)
    button(opened, "Record").click().run()
    assert not opened.error
    recorded = [each.value for each in opened.markdown if "BI-RADS" in each.value]
    assert [text.split("**")[1] for text in recorded] == ["1 · BI-RADS 2", "2 · BI-RADS 4"]


def test_what_is_said_of_how_a_film_was_annotated_is_withheld_and_what_is_said_of_its_pixels_is_not(
    tmp_path: Path,
) -> None:
    made = write_case(tmp_path / "case", seed=7)
    overlay = next(iter(sorted(made.glob("*.OVERLAY"))))
    overlay.write_text(re.sub(r"TOTAL_OUTLINES \d+", "TOTAL_OUTLINES 7", overlay.read_text()))
    (film,) = [
        film
        for film in (each.read() for each in open_case(made))
        if any("promises 7 outlines" in said for said in film.warnings)
    ]
    film = replace(film, warnings=("the film ends early", *film.warnings))
    shown = bare(film)
    assert shown.outlines == ()
    assert shown.warnings[0] == "the film ends early"
    assert not any("outline" in said or "OVERLAY" in said for said in shown.warnings)


def test_outlines_that_cannot_be_read_are_not_told_of_while_she_reads_first(folder: Path) -> None:
    def broken() -> Mammogram:
        raise UnreadableOutlines("film.OVERLAY: there is no outline in it")

    made = Session()
    films = (Film("film", None, None, handmade.mammogram), Film("other", None, None, broken))
    made.open("case", lambda: films)
    made.hung_over = 0
    for on, words in ((False, "film.OVERLAY: there is no outline in it"), (True, WITHHELD_ERROR)):
        made.desk.on = on
        with pytest.raises(UnreadableOutlines) as told:
            film_of(made, 1)
        assert str(told.value) == words
        hung = hanging.of_case(made, 0)
        assert hung is not None
        assert words in [place.words for place in hung.places]
    assert "outline" not in WITHHELD_ERROR


def test_the_switch_may_be_turned_on_and_off_but_opens_nothing(folder: Path) -> None:
    shown = AppTest.from_function(page, default_timeout=60).run()
    shown.toggle[0].set_value(True).run()
    assert_withheld(shown)
    shown.toggle[0].set_value(False).run()
    assert_withheld(shown)
    choose(shown, BiRads.NEGATIVE)
    button(shown, "Record").click().run()
    told = [each.value for each in shown.caption if "had been on your page before" in each.value]
    assert len(told) == 1, "its findings were there before the mode was turned on"


def test_the_operator_may_turn_it_on_for_good(opened: AppTest) -> None:
    assert opened.toggle[0].disabled
    opened.toggle[0]._value = False  # as a browser that does not care
    opened.toggle[0].proto.disabled = False
    opened.run()
    assert_withheld(opened)


def test_what_was_written_is_there_after_another_film(opened: AppTest) -> None:
    opened.text_area[0].input("oval").run()
    choose(opened, BiRads.BENIGN)
    (views,) = opened.button_group
    views.set_value(1).run()
    assert opened.text_area[0].value == "", "another film has an impression of its own"
    views = opened.button_group[0]
    views.set_value(0).run()
    assert opened.text_area[0].value == "oval"
    assert not button(opened, "Record").disabled


def test_one_who_reads_first_is_not_led_to_the_film_with_a_mass(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "first_with_a_mass", lambda _: 1)
    chosen = []
    for first in ("0", "1"):
        monkeypatch.setenv("MAMMOVIEW_READ_FIRST", first)
        chosen.append(AppTest.from_function(page, default_timeout=60).run().button_group[0].value)
    assert chosen == [1, 0]


def test_the_progress_of_an_assessment_tells_no_step(
    opened: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, end = threading.Event(), threading.Event()

    def slowly(_: Mammogram, progress: Progress) -> None:
        progress(0.5, "differentiating")
        begun.set()
        end.wait(60)

    monkeypatch.setattr(session, "_assess", slowly)
    button(opened, "Assess again").click().run()
    assert begun.wait(30)
    opened.run()
    end.set()
    content = sent(opened)
    assert b"A film is being assessed" in content
    assert b"differentiating" not in content


@pytest.mark.parametrize("content", [b"no database " * 500, None])
def test_a_bad_file_is_told_once_and_what_was_written_stays(
    opened: AppTest, folder: Path, content: bytes | None
) -> None:
    opened.text_area[0].input("oval").run()
    choose(opened, BiRads.BENIGN)
    if content is None:  # another program's
        with sqlite3.connect(folder / FILE) as connection:
            connection.execute("CREATE TABLE patients (name TEXT)")
        connection.close()
    else:
        (folder / FILE).write_bytes(content)
    button(opened, "Record").click().run()
    assert not opened.exception
    (sentence,) = [each.value for each in opened.error]
    assert "left as it" in sentence
    assert_withheld(opened)
    assert opened.text_area[0].value == "oval"
    for path in folder.iterdir():
        path.unlink()
    button(opened, "Record").click().run()
    assert not opened.error
    assert "Reveal" in labels(opened)


def test_a_reading_key_brings_back_a_reading_and_a_wrong_one_is_told(opened: AppTest, folder: Path) -> None:
    choose(opened, BiRads.BENIGN)
    button(opened, "Record").click().run()
    key = opened.code[0].value
    again = AppTest.from_function(page, default_timeout=60).run()
    assert again.code[0].value != key
    assert "BI-RADS 2" not in " ".join(each.value for each in again.markdown)
    assert_withheld(again)
    for typed, told in (("0" * 32, True), (key, False)):
        again.text_input[0].input(typed).run()
        button(again, "Go on").click().run()
        assert bool(again.error) is told
    assert "Reveal" in labels(again)
    assert again.code[0].value == key


def test_a_withheld_payload_is_the_same_whatever_was_found() -> None:
    outline = square(100, 100, 40, PLAIN)
    maps = (saliency(dark(each), magnification=each) for each in Magnification)
    found = handmade.assessment(*maps, findings=[finding(outline)])
    errors = {Magnification.HALF: MeasuredError("8 % err", "8 %")}
    with_all = layers_payload(handmade.mammogram([outline]), found, errors, "v", "failed", (), withheld=True)
    without = layers_payload(handmade.mammogram(), None, None, "v", "not run", (), withheld=True)
    assert with_all == without
    header, arrays = unpack(with_all)
    assert (header["withheld"], header["assessed"], header["outlines"], arrays) == (True, False, [], [])


@pytest.mark.parametrize(
    ("said", "put"),
    [
        ({"film": "this", "mark": [3, 4]}, [(3, 4)]),
        ({"film": "this", "mark": [9, 19]}, [(9, 19)]),
        ({"film": "other", "mark": [3, 4]}, []),
        ({"film": "this", "mark": [10, 4]}, []),
        ({"film": "this", "mark": [3, 20]}, []),
        ({"film": "this", "mark": [-1, 4]}, []),
        ({"film": "this", "mark": [3.5, 4]}, []),
        ({"film": "this", "mark": [3]}, []),
        ({"film": "this", "mark": "34"}, []),
        ("=1", []),
        (None, []),
    ],
)
def test_only_a_pixel_of_this_film_becomes_a_mark(said: object, put: list[tuple[int, int]]) -> None:
    marks: list[tuple[int, int]] = []
    take_mark(said, "this", (10, 20), Marking(None, (), marks.append))
    assert marks == put


def test_the_browser_is_told_of_the_marks_in_json() -> None:
    data = mark_data("viewer", "this", Marking((3, 4), ((5, 6),), print))
    assert json.loads(json.dumps(data)) == data
    assert (data["mark"], data["kept"]) == ([3, 4], [[5, 6]])
