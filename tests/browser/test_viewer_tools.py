"""The reader's own tools: what is measured is on the screen, true, and stays in the browser."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect
from test_viewer import (
    Viewer,
    changed,
    enlarge_four_times,
    on_picture,
    picture,
    press,
    scenes,
    settle,
    state,
    viewer,
)

__all__ = ["viewer"]  # the fixture


def drag(viewer: Locator, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Press at the centre of one scan pixel and release at another's."""
    script = "(element, points) => points.map(([row, column]) => element.mammoview.scanToPage(row, column))"
    first, last = viewer.evaluate(script, [start, end])
    mouse = viewer.page.mouse
    mouse.move(first["x"], first["y"])
    mouse.down()
    mouse.move((first["x"] + last["x"]) / 2, (first["y"] + last["y"]) / 2)
    mouse.move(last["x"], last["y"])
    mouse.up()
    settle(viewer)


def measured(viewer: Locator) -> list[dict[str, Any]]:
    marks: list[dict[str, Any]] = state(viewer)["marks"]
    return marks


def yellow(colours: NDArray[np.int16]) -> NDArray[np.bool_]:
    return (colours[..., 0] > 200) & (colours[..., 1] > 180) & (colours[..., 2] < 130)


@pytest.mark.parametrize(
    ("scene", "length", "words"),
    [
        ("plain", 50 * 0.06, "3.0 mm"),
        ("oblong", np.hypot(30 * 0.05, 40 * 0.1), "4.3 mm"),
        ("unmeasured", None, "50.0 px"),
    ],
)
def test_a_ruler_is_in_millimetres_only_where_the_spacing_is_known(
    viewer: Viewer, scene: str, length: float | None, words: str
) -> None:
    shown = viewer(scene)
    enlarge_four_times(shown)
    press(shown, "Ruler")
    drag(shown, (50, 90), (80, 130))
    (mark,) = measured(shown)
    assert mark["numbers"]["pixels"] == pytest.approx(50, abs=0.3)
    assert mark["numbers"]["mm"] == (length and pytest.approx(length, abs=0.03))
    expect(shown.get_by_role("list", name="Measurements")).to_contain_text(f"Ruler 1: {words}")
    source = "made by hand" if length else "not known: the networks assume 50 µm"
    expect(shown.locator(".spacing")).to_contain_text(source)


def test_a_ruler_stays_on_the_film_at_every_zoom_and_can_be_taken_away(viewer: Viewer) -> None:
    shown = viewer("plain")
    shown.get_by_label("Window preset").select_option("whole")
    press(shown, "Ruler")
    enlarge_four_times(shown)
    drag(shown, (50, 90), (80, 130))
    ends = [(mark["mark"]["from"], mark["mark"]["to"]) for mark in measured(shown)]
    for key in ("", "++", "f"):
        for each in key:
            shown.page.keyboard.press(each)
        settle(shown)
        line = yellow(picture(shown))
        for row, column in on_picture(shown, [[50, 90], [65, 110], [80, 130]]).astype(int):
            assert line[row - 2 : row + 3, column - 2 : column + 3].any(), f"after {key!r}"
        (row, column) = on_picture(shown, [[55, 120]])[0].astype(int)
        assert not line[row - 2 : row + 3, column - 2 : column + 3].any()
    assert ends == [(mark["mark"]["from"], mark["mark"]["to"]) for mark in measured(shown)]
    shown.get_by_role("button", name="Remove Ruler 1").click()
    settle(shown)
    assert measured(shown) == []
    assert not yellow(picture(shown)).any()


@pytest.mark.parametrize("tool", ["Rectangle", "Ellipse"])
def test_a_probe_tells_the_grey_values_inside(viewer: Viewer, tool: str) -> None:
    shown = viewer("plain")
    enlarge_four_times(shown)
    press(shown, tool)
    drag(shown, (58.25, 92.25), (88.25, 140.25))  # no pixel has its centre on the edge
    (mark,) = measured(shown)
    start, end = mark["mark"]["from"], mark["mark"]["to"]
    rows, columns = np.indices((scenes.ROWS, scenes.COLUMNS)) + 0.5
    height = (rows - (start["y"] + end["y"]) / 2) / ((end["y"] - start["y"]) / 2)
    across = (columns - (start["x"] + end["x"]) / 2) / ((end["x"] - start["x"]) / 2)
    inside = np.hypot(height, across) <= 1 if tool == "Ellipse" else np.maximum(abs(height), abs(across)) <= 1
    values = scenes.mammogram("plain").pixels[inside].astype(float)
    numbers = mark["numbers"]
    assert values.max() == 65535  # the mark of the film is inside
    assert numbers["count"] == values.size
    assert numbers["mean"] == pytest.approx(values.mean())
    assert numbers["sd"] == pytest.approx(values.std())
    assert (numbers["min"], numbers["max"]) == (values.min(), values.max())
    assert numbers["area_mm2"] == pytest.approx(values.size * 0.06**2)
    expect(shown.get_by_role("list", name="Measurements")).to_contain_text(
        f"mean {values.mean():.1f} · SD {values.std():.1f}"
    )


def test_a_probe_without_spacing_counts_pixels_and_beyond_the_film_nothing(viewer: Viewer) -> None:
    shown = viewer("unmeasured")
    press(shown, "Zoom out")
    press(shown, "Rectangle")
    drag(shown, (100, 200), (120, 235))
    drag(shown, (100, 225), (120, 235))
    partly, outside = measured(shown)
    assert partly["numbers"]["count"] == pytest.approx(20 * 20, rel=0.06)
    assert partly["numbers"]["area_mm2"] is None
    assert "mm" not in " ".join(partly["words"])
    assert outside["words"] == ["no film inside"]


def test_measuring_needs_no_mouse_and_sends_nothing(page: Page, viewer: Viewer) -> None:
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda _: sent.append("frame")))
    shown = viewer("plain")
    enlarge_four_times(shown)
    page.wait_for_timeout(300)
    sent.clear()
    for key in ("m", "Enter", "ArrowRight", "ArrowDown", "Shift+ArrowDown", "Enter"):
        page.keyboard.press(key)
    settle(shown)
    (mark,) = measured(shown)
    assert mark["numbers"]["pixels"] == pytest.approx(np.hypot(60, 61) / 4, abs=0.3)
    expect(shown.get_by_role("status")).to_have_text(f"Ruler 1: {mark['numbers']['mm']:.1f} mm")
    expect(shown.get_by_role("button", name="Ruler", exact=True)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Delete")
    page.keyboard.press("Escape")
    settle(shown)
    assert measured(shown) == []
    expect(shown.get_by_role("button", name="Ruler", exact=True)).to_have_attribute("aria-pressed", "false")
    page.wait_for_timeout(300)
    assert sent == []
    expect(page.get_by_text("Runs: 1")).to_be_visible()


def test_another_film_has_no_marks_of_the_last_one(page: Page, viewer: Viewer) -> None:
    shown = viewer("plain")
    press(shown, "Ruler")
    drag(shown, (50, 90), (80, 130))
    first = state(shown)
    assert len(first["marks"]) == 1
    page.get_by_text("Other film").click()
    settle(shown, f"element => element.mammoview.state().film !== '{first['film']}'")
    settle(shown)
    assert measured(shown) == []


def test_space_bares_the_film_of_marks_too(viewer: Viewer) -> None:
    shown = viewer("plain")
    bare = picture(shown)
    press(shown, "Rectangle")
    drag(shown, (50, 90), (80, 130))
    assert changed(bare, picture(shown)).any()
    shown.page.keyboard.down("Space")
    settle(shown)
    assert not changed(bare, picture(shown)).any()
    shown.page.keyboard.up("Space")
