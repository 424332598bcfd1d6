"""What a reader takes away: the very files of the command line, made when asked and kept nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from mammoview import export
from mammoview.ui import takeaway
from tests import handmade
from tests.handmade import PLAIN, dark, finding, square

LESION = square(200, 120, 40, PLAIN)


def assessed():
    values = dark()
    values[108:112, 68:72] = 2
    return handmade.assessment(handmade.saliency(values), findings=[finding(LESION)])


@pytest.mark.parametrize("name", ["report.html", "assessment.json", "layers.npz"])
def test_the_bytes_are_those_of_the_command_line(tmp_path: Path, name: str) -> None:
    assessment, film = assessed(), handmade.mammogram([LESION])
    export.write(assessment, film, tmp_path)
    assert takeaway.made(name, film, assessment) == (tmp_path / name).read_bytes()


def test_the_overlay_has_every_pixel_of_the_film(tmp_path: Path) -> None:
    (tmp_path / "overlay.png").write_bytes(
        takeaway.made("overlay.png", handmade.mammogram([LESION]), assessed())
    )
    with Image.open(tmp_path / "overlay.png") as picture:
        shown = np.asarray(picture)
    assert shown.shape[0] > handmade.ROWS
    assert int(shown[: handmade.ROWS].any(axis=2)[10].sum()) == handmade.COLUMNS - 40


def test_every_file_is_offered_under_the_name_of_the_command_line() -> None:
    assert set(takeaway.FILES) == set(export.FILES)


def test_a_file_travels_behind_one_line_and_is_saved_once() -> None:
    first, second = (takeaway.packed("layers.npz", b"\x00\n\xff") for _ in range(2))
    header, _, content = first.partition(b"\n")
    said = json.loads(header)
    assert (said["name"], said["type"]) == ("layers.npz", "application/octet-stream")
    assert content == b"\x00\n\xff"
    assert said["which"] != json.loads(second.partition(b"\n")[0])["which"]


def page() -> None:
    import streamlit as st

    from mammoview.ui import takeaway
    from tests import handmade

    def made(name: str, *_: object) -> bytes:
        st.session_state.setdefault("made", []).append(name)
        return name.encode()

    takeaway.made = made
    takeaway._saver = lambda *, key, data: st.session_state.update(saved=data)
    takeaway.panel(handmade.mammogram(), handmade.assessment())


def test_nothing_is_made_before_it_is_asked_for_and_then_only_that(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("made", "_saver"):  # the page replaces them
        monkeypatch.setattr(takeaway, name, getattr(takeaway, name))
    app = AppTest.from_function(page, default_timeout=60).run()
    assert not app.exception
    assert [button.label for button in app.button] == list(takeaway.FILES)
    assert "made" not in app.session_state
    app.button[1].click().run()
    assert app.session_state["made"] == ["report.html"]
    assert app.session_state["saved"].endswith(b"\nreport.html")
    app.run()
    assert app.session_state["made"] == ["report.html"]
