"""The reader's own tools: what is measured is on the screen, true, and stays in the browser."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from scipy import ndimage
from test_viewer import (
    Viewer,
    blobs,
    changed,
    corners,
    enlarge_four_times,
    on_picture,
    picture,
    press,
    scenes,
    settle,
    state,
    viewer,
)

from mammoview.domain import Magnification, Weighting
from mammoview.prepare import find_breast

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


def hover(viewer: Locator, row: float, column: float) -> None:
    spot = viewer.evaluate(f"element => element.mammoview.scanToPage({row}, {column})")
    viewer.page.mouse.move(spot["x"], spot["y"])
    settle(viewer)


def as_it_is(viewer: Locator) -> NDArray[np.int16]:
    """The stage with the mouse where it is, (H, W, 3)."""
    viewer.evaluate("element => (element.querySelector('.stage').style.outline = 'none')")
    box = viewer.locator("canvas.film").bounding_box()
    assert box
    shot = viewer.page.screenshot(clip={side: round(length) for side, length in box.items()})
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(np.int16)


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


def test_the_loupe_shows_each_pixel_three_times_as_large_while_its_key_is_held(viewer: Viewer) -> None:
    shown = viewer("checkerboard")
    shown.get_by_label("Window preset").select_option("whole")
    enlarge_four_times(shown)
    hover(shown, 60, 100)
    before = as_it_is(shown)
    shown.page.keyboard.down("l")
    settle(shown)
    larger = as_it_is(shown)
    expect(shown.locator("footer .zoom")).to_have_text("Zoom 400 % · loupe 1200 %")
    row, column = on_picture(shown, [[60, 100]])[0].round().astype(int)
    seen = larger[row - 72 : row + 72, column - 72 : column + 72, 0]  # inside the circle
    assert set(np.unique(seen)) == {0, 255}
    edges = np.flatnonzero(np.diff(seen[2])), np.flatnonzero(np.diff(seen[:, 2]))
    for each in edges:
        assert len(each) >= 11
        assert (np.diff(each) == 12).all()
    assert seen[72, 72] == before[row, column, 0], "the pixel under the cursor stays there"
    rows, columns = np.nonzero(changed(before, larger))
    assert np.hypot(rows - row, columns - column).max() < 126
    shown.page.keyboard.up("l")
    settle(shown)
    assert not changed(before, as_it_is(shown)).any()


def test_the_loupe_shows_visible_layers_in_register(viewer: Viewer) -> None:
    shown = viewer("mirrored")
    press(shown, "Saliency")
    press(shown, "Loupe")
    enlarge_four_times(shown)
    frame = scenes.field_frame(True).magnified(1 / 2)
    (spot,) = frame.to_scan(scenes.saliency_marks(Magnification.HALF)[3:])
    hover(shown, spot[0] - 4, spot[1] + 5)
    (middle,) = on_picture(shown, [[spot[0] - 4, spot[1] + 5]])
    colours = as_it_is(shown)
    magenta = (colours[..., 0] > 150) & (colours[..., 1] < 120) & (colours[..., 2] > 120)
    inside = np.hypot(*(np.indices(magenta.shape) + 0.5 - middle[:, None, None])) < 115
    (seen,) = blobs(magenta & inside)
    np.testing.assert_allclose(seen, middle + np.array([4, -5]) * 12, atol=1.5)
    expect(shown.get_by_role("button", name="Loupe")).to_have_attribute("aria-pressed", "true")


WATCH = """(element, seconds) => new Promise(done => {
    const turns = [];
    const begin = performance.now();
    let last = null;
    const look = () => {
        const { layers, magnification } = element.mammoview.state();
        const now = layers.grid.visible ? magnification : "bare";
        if (now !== last) turns.push([performance.now(), now]);
        last = now;
        if (performance.now() - begin < seconds * 1000) requestAnimationFrame(look);
        else done(turns);
    };
    look();
})"""


@pytest.mark.parametrize(("keys", "seen"), [("t", {"bare", "0.5"}), ("eqT", {"0.5", "0.25"})])
def test_blinking_goes_there_and_back_twice_a_second_and_never_thrice(
    viewer: Viewer, keys: str, seen: set[str]
) -> None:
    shown = viewer("plain")
    press(shown, "Tissue grid")
    for key in keys:
        shown.page.keyboard.press("Shift+T" if key == "T" else key)
    turns = shown.evaluate(WATCH, 3)
    assert {what for _, what in turns} == seen
    pauses = np.diff([time for time, _ in turns[1:]])  # the first look was in the middle of one
    assert 3 <= len(turns) <= 14
    assert (pauses[:-1] + pauses[1:] > 1000 / 3).all(), "never above three times a second"
    assert (pauses > 200).all()
    expect(shown.locator(".blinking")).to_contain_text("Blinking: ")
    shown.page.keyboard.press("Escape")
    settle(shown)
    assert len(shown.evaluate(WATCH, 1)) == 1
    assert state(shown)["blinking"] is None
    assert state(shown)["magnification"] == "0.5"
    assert state(shown)["layers"]["grid"]["visible"]


def test_nothing_blinks_for_whom_motion_is_reduced(viewer: Viewer) -> None:
    shown = viewer("plain")
    press(shown, "Tissue grid")
    press(shown, "Blink layers")
    button = shown.get_by_role("button", name="Blink layers")
    expect(button).to_have_attribute("aria-pressed", "true")
    shown.page.emulate_media(reduced_motion="reduce")
    expect(button).to_have_attribute("aria-pressed", "false")
    press(shown, "Blink layers")
    assert state(shown)["blinking"] is None
    expect(shown.locator(".still")).to_have_text("Your system asks for less motion: step with B or 0 instead")


def test_without_a_layer_there_is_nothing_to_blink(viewer: Viewer) -> None:
    shown = viewer("plain")
    press(shown, "Blink layers")
    assert state(shown)["blinking"] is None
    expect(shown.get_by_role("status")).to_have_text("Show a layer first")


def near(mask: NDArray[np.bool_], row: float, column: float) -> bool:
    return bool(mask[int(row) - 2 : int(row) + 3, int(column) - 2 : int(column) + 3].any())


@pytest.mark.parametrize("scene", ["plain", "mirrored"])
def test_heat_as_a_line_lies_where_heat_crosses_the_level_and_leaves_the_tissue_bare(
    viewer: Viewer, scene: str
) -> None:
    shown = viewer(scene)
    bare = picture(shown)
    press(shown, "Heatmap")
    press(shown, "Heatmap as a line")
    line = changed(bare, picture(shown))
    frame = scenes.field_frame(scene == "mirrored").magnified(1 / 64)
    # One cell of heat 1 among zeros: on the rows and columns through its centre, ½ is half a cell away.
    crossed = on_picture(shown, frame.to_scan([[1.5, 2], [0.5, 2], [1, 2.5], [1, 1.5]]))
    assert all(near(line, *point) for point in crossed)
    (centre,) = on_picture(shown, frame.to_scan([[1, 2]]))
    assert not near(line, *centre)
    assert not near(line, *on_picture(shown, frame.to_scan([[1.8, 2]]))[0])
    shown.get_by_role("slider", name="Heatmap level").fill("0.25")
    lower = changed(bare, picture(shown))
    assert near(lower, *on_picture(shown, frame.to_scan([[1.75, 2]]))[0])
    assert not any(near(lower, *point) for point in crossed)
    expect(shown.locator('[data-layer="heatmap"] .scale')).to_contain_text("line at level 0.25 (card 0.50)")


@pytest.mark.parametrize("scene", ["plain", "mirrored"])
def test_suspicious_cells_as_a_line_are_their_borders(viewer: Viewer, scene: str) -> None:
    shown = viewer(scene)
    press(shown, "Zoom out")
    bare = picture(shown)
    press(shown, "Tissue grid")
    filled = changed(bare, picture(shown))
    shown.page.keyboard.press("o")
    settle(shown)
    line = changed(bare, picture(shown))
    rows, columns = np.nonzero(filled)
    top, left, bottom, right = rows.min(), columns.min(), rows.max(), columns.max()
    for row, column in ((top, left), (top, right), (bottom, left), (bottom, (left + right) / 2)):
        assert near(line, row, column)
    assert not line[top + 4 : bottom - 3, left + 4 : right - 3].any()
    outside = line.copy()
    outside[top - 3 : bottom + 4, left - 3 : right + 4] = False
    assert not outside.any()
    expect(shown.get_by_role("button", name="Tissue grid as a line")).to_have_attribute(
        "aria-pressed", "true"
    )
    shown.page.keyboard.press("o")
    settle(shown)
    assert (changed(bare, picture(shown)) == filled).all()


@pytest.mark.parametrize(("scene", "answer"), [("plain", "shown"), ("other", "not told from the background")])
def test_the_edge_of_the_breast_is_shown_as_it_was_found(viewer: Viewer, scene: str, answer: str) -> None:
    shown = viewer(scene)
    bare = picture(shown)
    press(shown, "Breast edge")
    line = changed(bare, picture(shown))
    expect(shown.locator("#breast-state")).to_have_text(answer)
    search = find_breast(scenes.mammogram(scene))
    if answer != "shown":
        assert search.warnings
        assert not line.any()
        return
    steps = np.argwhere(search.mask[:, :-1] & ~search.mask[:, 1:]) + np.array([0, 0.5])
    assert len(steps) > 3
    for row, column in on_picture(shown, search.frame.to_scan(steps)):
        assert near(line, row, column)
    inside = np.argwhere(ndimage.binary_erosion(search.mask, np.ones((3, 3))))
    assert not any(near(line, *point) for point in on_picture(shown, search.frame.to_scan(inside)))


CHOICES = {
    Weighting.CONTEXT: (
        "By context",
        "each kept patch adds up to its suspicion times the heat at its centre",
    ),
    Weighting.ENTROPY: ("Raw entropy", "|∂H/∂x| as the paper has it"),
    Weighting.NORMALISED: ("Patches alike", "each kept patch adds up to 1"),
    Weighting.LOG_PROBABILITY: ("−log p", "|∂(−log p)/∂x| of the class that the network predicts"),
}


def test_each_way_to_add_up_the_saliency_shows_its_own_map_and_says_what_it_is(viewer: Viewer) -> None:
    shown = viewer("weighted")
    press(shown, "Zoom out")
    bare = picture(shown)
    press(shown, "Saliency")
    frame = scenes.field_frame(False).magnified(1 / 2)
    marks = frame.to_scan(scenes.saliency_marks(Magnification.HALF))
    for weighting, (name, meaning) in CHOICES.items():
        number = list(Weighting).index(weighting)
        (seen,) = blobs(changed(bare, picture(shown)))
        np.testing.assert_allclose(seen, on_picture(shown, marks)[number], atol=2)
        chooser = shown.get_by_label("Saliency adds up")
        assert chooser.evaluate("select => select.selectedOptions[0].text") == name
        expect(shown.locator("#saliency-meaning")).to_contain_text(meaning)
        expect(shown.locator("#saliency-meaning")).to_contain_text(f"; largest 2.0e{number - 3:+d}")
        scale = shown.locator('[data-layer="saliency"] .scale')
        expect(scale).to_contain_text(f"2.0e{number - 3:+d}")
        shown.page.keyboard.press("s")
        settle(shown)
    assert state(shown)["weighting"] == "context"


def test_where_the_magnifications_disagree_is_a_layer_from_0_to_1(viewer: Viewer) -> None:
    shown = viewer("disagreeing")
    press(shown, "Zoom out")
    press(shown, "Disagreement")
    shown.get_by_role("slider", name="Disagreement opacity").fill("100")
    expect(shown.locator("#disagreement-state")).to_have_text("shown · most 0.70")
    expect(shown.locator('[data-layer="disagreement"] .scale')).to_have_text(
        "0largest less smallest suspicion1"
    )
    colours = picture(shown)
    frame = scenes.field_frame(False).magnified(1 / 64)
    centres = on_picture(shown, frame.to_scan([[0, 0], [1, 0], [2, 2], [1, 2]])).astype(int)
    much, *alike, little = (colours[row, column] for row, column in centres)
    assert all(np.abs(each - much).max() <= 3 for each in alike), "squares of one value have one colour"
    assert np.abs(much - [195, 179, 105]).max() <= 8, "cividis at 0.70"
    assert np.abs(much - little).max() > 30
    edge = on_picture(shown, corners(frame, 1, 2))
    (top, left), (bottom, right) = np.sort(edge, axis=0).round().astype(int)
    inside = colours[top + 1 : bottom - 1, left + 1 : right - 1]
    outline = colours[top - 2, left - 2 : right + 2]
    assert not changed(np.broadcast_to(much, outline.shape), outline[None]).any()
    assert changed(np.broadcast_to(much, inside.shape), inside).all(), "the square ends at its cell's edges"
    for cell, words in (((1, 2), "disagreement 0.30"), ((2, 0), "disagreement 0.70")):
        hover(shown, *frame.to_scan([cell])[0])
        expect(shown.locator(".under")).to_contain_text(words)


def test_the_number_under_the_cursor_is_told_of_every_visible_layer_and_of_no_other(viewer: Viewer) -> None:
    shown = viewer("disagreeing")
    frame = scenes.field_frame(False).magnified(1 / 64)
    spot = frame.to_scan([(1, 1)])[0]
    hover(shown, *spot)
    told = shown.locator(".under")
    expect(told).to_have_text("Value 20000")
    shown.locator(".stage").focus()
    words = (
        "Value 20000 · heatmap 0.00 · tissue grid 0.90 · saliency 0 · disagreement 0.70 · breast edge inside"
    )
    for key in "12356":
        shown.page.keyboard.press(key)
    expect(told).to_have_text(words)
    shown.page.keyboard.press("0")
    expect(told).to_have_text("Value 20000")
