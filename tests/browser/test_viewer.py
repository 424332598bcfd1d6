"""The viewer in a real browser: what is on the screen lies where it belongs, and nothing is sent for it."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from mammoview.domain import Magnification
from mammoview.geometry import Frame

PAGES = Path(__file__).parent / "pages"
sys.path.insert(0, str(PAGES))

import viewer_page as scenes  # noqa: E402

LAYERS = ("Heatmap", "Tissue grid", "Saliency", "Outlines", "Disagreement", "Breast edge", "Paper's frame")
READY = "element => Boolean(element.mammoview?.state().film) && element.mammoview.state().idle"

Viewer = Callable[[str], Locator]


@pytest.fixture
def viewer(page: Page, serve: Callable[[Path], str]) -> Viewer:
    """`viewer(scene)` opens that scene and gives the viewer once its film is drawn."""
    address = serve(PAGES / "viewer_page.py")

    def show(scene: str) -> Locator:
        page.goto(f"{address}/?scene={scene}")
        found = page.locator(".mammoview")
        found.wait_for()
        settle(found)
        return found

    return show


def settle(viewer: Locator, condition: str = READY) -> None:
    """Wait until nothing is left to draw."""
    viewer.page.wait_for_function(
        f"element => ({condition})(element)", arg=viewer.element_handle(), polling=50
    )
    viewer.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def state(viewer: Locator) -> dict[str, Any]:
    found: dict[str, Any] = viewer.evaluate("element => element.mammoview.state()")
    return found


def press(viewer: Locator, name: str) -> None:
    viewer.get_by_role("button", name=name, exact=True).click()
    settle(viewer)


def picture(viewer: Locator) -> NDArray[np.int16]:
    """The stage as it is on the screen, (H, W, 3), without the letters and the ring of focus over it."""
    viewer.evaluate("""element => {
        element.querySelectorAll(".target").forEach(target => (target.style.visibility = "hidden"));
        element.querySelector(".stage").style.outline = "none";
    }""")
    viewer.page.mouse.move(2, 2)
    settle(viewer)
    box = viewer.locator("canvas.film").bounding_box()
    assert box
    clip = {side: round(length) for side, length in box.items()}
    shot = viewer.page.screenshot(clip=clip)
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(np.int16)


def on_picture(viewer: Locator, points: NDArray[Any]) -> NDArray[np.float64]:
    """Where scan points (N, 2) are on the picture, (row, column) in CSS pixels from its first edge."""
    script = """(element, points) => {
        const { left, top } = element.querySelector("canvas.film").getBoundingClientRect();
        return points.map(([row, column]) => {
            const { x, y } = element.mammoview.scanToPage(row, column);
            return [y - top, x - left];
        });
    }"""
    return np.array(viewer.evaluate(script, np.asarray(points, float).tolist()))


def enlarge_four_times(viewer: Locator) -> None:
    viewer.locator(".stage").focus()
    for key in "z++++":
        viewer.page.keyboard.press(key)
    settle(viewer)
    assert state(viewer)["zoom"] == 4


def changed(before: NDArray[np.int16], after: NDArray[np.int16]) -> NDArray[np.bool_]:
    return np.abs(after - before).max(axis=2) > 3


def blobs(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Centres (row, column) of the connected regions, in pixel edges."""
    from scipy import ndimage

    labels, count = ndimage.label(mask)
    return np.array(ndimage.center_of_mass(mask, labels, range(1, count + 1))).reshape(-1, 2) + 0.5


def test_a_film_is_first_shown_without_any_layer(viewer: Viewer) -> None:
    shown = viewer("plain")
    for name in LAYERS:
        expect(shown.get_by_role("button", name=name, exact=True)).to_have_attribute("aria-pressed", "false")
    colours = picture(shown)
    assert np.ptp(colours, axis=2).max() == 0, "a film is grey and nothing else"
    assert colours.max() == 255
    expect(shown.get_by_text("Research use only – not a medical device")).to_be_visible()
    expect(shown.get_by_text("SYNTHETIC")).to_be_visible()


def test_the_mark_on_the_film_is_where_the_viewer_says(viewer: Viewer) -> None:
    shown = viewer("plain")
    shown.get_by_label("Window preset").select_option("whole")
    enlarge_four_times(shown)
    (seen,) = blobs(picture(shown)[..., 0] > 200)
    np.testing.assert_allclose(seen, on_picture(shown, [scenes.MARK])[0], atol=0.51)


@pytest.mark.parametrize("scene", ["plain", "mirrored"])
def test_salient_pixels_land_within_half_a_scan_pixel(viewer: Viewer, scene: str) -> None:
    shown = viewer(scene)
    shown.get_by_label("Window preset").select_option("whole")
    enlarge_four_times(shown)
    bare = picture(shown)
    (mark,) = blobs(bare[..., 0] > 200)
    press(shown, "Saliency")
    for magnification in Magnification:
        magnify(shown, magnification)
        seen = blobs(changed(bare, picture(shown)))
        frame = scenes.field_frame(scene == "mirrored").magnified(1 / magnification.reduction)
        scan = frame.to_scan(scenes.saliency_marks(magnification))
        expected = mark + (scan - scenes.MARK) * 4  # by the film's own mark: nothing the viewer says is used
        assert len(seen) == len(expected)
        distance = np.abs(seen[:, None] - expected[None]).max(axis=2).min(axis=0)
        assert (distance / 4 < 0.5).all(), f"{magnification}: off by {distance / 4} scan pixels"


def magnify(viewer: Locator, magnification: Magnification) -> None:
    viewer.get_by_role("radio", name=magnification.label, exact=True).check()
    settle(viewer)


def corners(frame: Frame, row: int, column: int) -> NDArray[np.float64]:
    """First and last edge of a cell on the scan, (row, column), in pixel centres, sorted."""
    return np.sort(frame.to_scan([[row - 0.5, column - 0.5], [row + 0.5, column + 0.5]]), axis=0)


@pytest.mark.parametrize("scene", ["plain", "mirrored"])
def test_a_suspicious_cell_is_an_exact_square(viewer: Viewer, scene: str) -> None:
    shown = viewer(scene)
    shown.get_by_role("radio", name="32", exact=True).check()
    bare = picture(shown)
    press(shown, "Tissue grid")
    for magnification in Magnification:
        magnify(shown, magnification)
        rows, columns = np.nonzero(changed(bare, picture(shown)))
        frame = scenes.field_frame(scene == "mirrored").magnified(1 / (32 * magnification.reduction))
        first, last = on_picture(shown, corners(frame, 0, 1))
        first, last = np.maximum(first, 0), np.minimum(last, bare.shape[:2])
        np.testing.assert_allclose([rows.min(), columns.min()], first, atol=1)
        np.testing.assert_allclose([rows.max() + 1, columns.max() + 1], last, atol=1)
        assert rows.size == pytest.approx((last - first).prod(), rel=0.02)


@pytest.mark.parametrize("scene", ["plain", "mirrored"])
def test_heat_stays_around_its_cell(viewer: Viewer, scene: str) -> None:
    shown = viewer(scene)
    bare = picture(shown)
    press(shown, "Heatmap")
    rows, columns = np.nonzero(changed(bare, picture(shown)))
    frame = scenes.field_frame(scene == "mirrored").magnified(1 / 64)
    (centre,) = on_picture(shown, frame.to_scan([[1, 2]]))
    (first, last) = on_picture(shown, corners(frame, 1, 2))
    reach = 13 / 16 * (last - first) + 2  # from 1 to 0 over a cell: clear from 3/4 on, drawn in steps of 1/8
    assert rows.size > 0
    assert (np.abs(rows + 0.5 - centre[0]) <= reach[0]).all()
    assert (np.abs(columns + 0.5 - centre[1]) <= reach[1]).all()
    shown.get_by_role("slider", name="Heatmap opacity").fill("100")
    colours = picture(shown)
    (hottest,) = blobs((colours[..., 0] > 240) & (colours[..., 1] > 190) & (colours[..., 2] < 120))
    np.testing.assert_allclose(hottest, centre, atol=2)  # half a scan pixel


def test_outlines_are_thin_lines_on_their_vertices(viewer: Viewer) -> None:
    shown = viewer("plain")
    bare = picture(shown)
    press(shown, "Outlines")
    drawn = changed(bare, picture(shown))
    square = on_picture(shown, [[40, 60], [60, 90]])
    (top, left), (bottom, right) = square
    for row, column in ((top, left), (bottom, right), (top, (left + right) / 2), ((top + bottom) / 2, right)):
        assert drawn[int(row) - 1 : int(row) + 2, int(column) - 1 : int(column) + 2].any()
    assert not drawn[int(top) + 5 : int(bottom) - 4, int(left) + 5 : int(right) - 4].any()
    (above, start), (below, end) = on_picture(shown, [[80, 100], [100, 130]])
    drawn[int(top) - 4 : int(bottom) + 5, int(left) - 4 : int(right) + 5] = False
    drawn[int(above) - 4 : int(below) + 5, int(start) - 4 : int(end) + 5] = False
    assert not drawn.any()


@pytest.mark.parametrize("zoom", [1, 4, 16])
def test_a_checkerboard_stays_exact(viewer: Viewer, zoom: int) -> None:
    shown = viewer("checkerboard")
    shown.get_by_label("Window preset").select_option("whole")
    shown.locator(".stage").focus()
    for key in "z" + "+" * round(2 * np.log2(zoom)):
        shown.page.keyboard.press(key)
    settle(shown)
    greys = picture(shown)[..., 0]
    (row, column) = on_picture(shown, [[0, 0]])[0] - zoom / 2  # the film's first edge
    whole = np.kron(
        np.indices((scenes.ROWS, scenes.COLUMNS)).sum(axis=0) % 2 * 255, np.ones((zoom, zoom), int)
    )
    top, left = max(0, round(row)), max(0, round(column))
    skip = (top - round(row), left - round(column))
    seen = greys[top : top + whole.shape[0] - skip[0], left : left + whole.shape[1] - skip[1]]
    expected = whole[skip[0] : skip[0] + seen.shape[0], skip[1] : skip[1] + seen.shape[1]]
    assert min(seen.shape) > 100
    np.testing.assert_array_equal(seen, expected)


def test_switching_the_magnification_sends_nothing(page: Page, viewer: Viewer) -> None:
    sent: list[str] = []
    page.on("websocket", lambda socket: _record(socket, sent))
    page.on("request", lambda request: sent.append(request.url))
    shown = viewer("plain")
    expect(page.get_by_text("Runs: 1")).to_be_visible()
    press(shown, "Tissue grid")
    press(shown, "Saliency")
    at_half = picture(shown)
    page.wait_for_timeout(300)
    sent.clear()
    shown.get_by_role("radio", name="×0.25", exact=True).check()
    settle(shown)
    assert changed(at_half, picture(shown)).any()
    assert "×0.25 · grid stride 32" in shown.locator("footer").inner_text()
    page.wait_for_timeout(300)
    assert sent == []
    expect(page.get_by_text("Runs: 1")).to_be_visible()


def _record(socket: Any, sent: list[str]) -> None:
    socket.on("framesent", lambda _: sent.append("frame sent"))
    socket.on("framereceived", lambda _: sent.append("frame received"))


def test_a_rerun_keeps_the_view_and_sends_next_to_nothing(page: Page, viewer: Viewer) -> None:
    received: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: received.append(len(data))))
    shown = viewer("plain")
    press(shown, "Heatmap")
    shown.get_by_role("slider", name="Heatmap opacity").fill("80")
    enlarge_four_times(shown)
    before, seen = state(shown), picture(shown)
    received.clear()
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_text("Runs: 2")).to_be_visible()
    page.wait_for_timeout(300)
    settle(shown)
    after = state(shown)
    before.pop("drawn"), after.pop("drawn")
    assert after == before
    assert not changed(seen, picture(shown)).any()
    assert sum(received) < 50_000


def test_a_viewer_put_away_and_brought_back_is_as_it_was(page: Page, viewer: Viewer) -> None:
    shown = viewer("plain")
    press(shown, "Saliency")
    enlarge_four_times(shown)
    before = state(shown)
    page.get_by_text("Put away").click()
    expect(shown).to_have_count(0)
    page.get_by_text("Put away").click()
    shown.wait_for()
    settle(shown, "element => element.mammoview?.state().layers.saliency.visible")
    settle(shown)
    after = state(shown)
    before.pop("drawn"), after.pop("drawn")
    assert after == before


def test_another_film_starts_fitted_and_bare_at_the_same_magnification(page: Page, viewer: Viewer) -> None:
    shown = viewer("plain")
    press(shown, "Saliency")
    shown.get_by_role("radio", name="×0.33", exact=True).check()
    enlarge_four_times(shown)
    first = state(shown)
    page.get_by_text("Other film").click()
    settle(shown, f"element => element.mammoview.state().film !== '{first['film']}'")
    settle(shown)
    second = state(shown)
    assert second["fitted"]
    assert second["magnification"] == "0.33"
    assert not any(layer["shown"] for layer in second["layers"].values())


def test_hide_all_takes_every_layer_away_and_brings_it_back(viewer: Viewer) -> None:
    shown = viewer("plain")
    bare = picture(shown)
    press(shown, "Heatmap")
    press(shown, "Outlines")
    with_layers = picture(shown)
    press(shown, "Hide all")
    assert not changed(bare, picture(shown)).any()
    expect(shown.get_by_role("button", name="Heatmap", exact=True)).to_have_attribute("aria-pressed", "false")
    press(shown, "Hide all")
    assert not changed(with_layers, picture(shown)).any()


def test_space_bares_the_film_only_while_it_is_held(viewer: Viewer) -> None:
    shown = viewer("plain")
    bare = picture(shown)
    press(shown, "Heatmap")
    shown.page.keyboard.down("Space")
    settle(shown)
    assert not changed(bare, picture(shown)).any()
    shown.page.keyboard.up("Space")
    settle(shown)
    assert changed(bare, picture(shown)).any()


def test_letters_pressed_in_the_viewer_do_not_rerun_the_page(page: Page, viewer: Viewer) -> None:
    shown = viewer("plain")
    shown.locator(".stage").focus()
    for key in "rcw1":
        page.keyboard.press(key)
    page.wait_for_timeout(500)
    settle(shown)
    expect(page.get_by_text("Runs: 1")).to_be_visible()
    assert state(shown)["magnification"] == "0.33"
    assert state(shown)["layers"]["heatmap"]["visible"]


def test_each_layer_says_in_words_how_it_fares(viewer: Viewer) -> None:
    words = {"unassessed": "not run: press Assess", "empty": "ran, nothing above the level", "plain": "off"}
    for scene, expected in words.items():
        shown = viewer(scene)
        states = [layer["state"] for layer in state(shown)["layers"].values()]
        assert states[:3] == [expected] * 3
    assert states[3] == "off · 1 reader · 1 model"
    press(shown, "Heatmap")
    expect(shown.locator("#heatmap-state")).to_have_text("shown")
    expect(shown.get_by_role("status")).to_have_text("Heatmap: shown")


def test_the_keys_are_the_films_as_soon_as_it_opens(viewer: Viewer) -> None:
    shown = viewer("plain")
    expect(shown.locator(".stage")).to_be_focused()
    assert shown.page.evaluate("window.scrollY") == 0
    shown.page.keyboard.press("i")
    settle(shown)
    assert state(shown)["inverted"]


def test_the_sheet_of_keys_can_be_closed_wherever_it_is_scrolled_to(viewer: Viewer) -> None:
    shown = viewer("plain")
    shown.page.set_viewport_size({"width": 1366, "height": 768})
    shown.page.keyboard.press("?")
    sheet = shown.get_by_role("dialog", name="Keys and mouse")
    scrolled = sheet.evaluate("each => { each.scrollTop = each.scrollHeight; return each.scrollTop; }")
    assert scrolled > 0
    expect(sheet.get_by_text("Esc", exact=True)).to_be_in_viewport(ratio=1)
    close = sheet.get_by_role("button", name="Close")
    expect(close).to_be_in_viewport(ratio=1)
    assert sheet.locator("dt").all_text_contents().count("A") == 1
    expect(sheet).to_contain_text("Full screen")
    close.click()
    expect(sheet).to_be_hidden()


def test_a_layer_that_was_not_run_has_nothing_to_set(viewer: Viewer) -> None:
    for scene, count in (("unassessed", 0), ("plain", 1)):
        shown = viewer(scene)
        press(shown, "Heatmap")
        expect(shown.get_by_role("slider", name="Heatmap opacity")).to_have_count(count)
        expect(shown.get_by_role("slider", name="Heatmap level")).to_have_count(count)


def test_each_magnification_stands_beside_its_error(viewer: Viewer) -> None:
    shown = viewer("plain")
    group = shown.get_by_role("radiogroup", name="Magnification", exact=True)
    half = group.get_by_role("radio", name="×0.5", exact=True)
    expect(half).to_be_checked()
    expect(half).to_have_accessible_description("total error: 8.1% (95 % interval 6.0% to 9.9%), 40 patches")
    expect(group.get_by_text("8.1% err", exact=True)).to_be_visible()
    expect(group.get_by_title("total error: 8.1% (95 % interval 6.0% to 9.9%), 40 patches")).to_be_visible()
    expect(group.get_by_role("radio", name="×0.25", exact=True)).to_have_accessible_description("")


def test_the_key_n_goes_from_finding_to_finding_highest_first(viewer: Viewer) -> None:
    shown = viewer("two")
    found = shown.get_by_label("Findings of the networks")
    expect(found).to_contain_text("2 findings · highest score 0.90")
    assert not state(shown)["layers"]["outlines"]["visible"]
    shown.locator(".stage").focus()
    height, width = picture(shown).shape[:2]
    for number, (score, *centre) in enumerate([("0.90", 90, 115), ("0.60", 114, 45)], 1):
        shown.page.keyboard.press("n")
        expect(found).to_contain_text(f"Finding {number} of 2 · score {score}")
        settle(shown)
        np.testing.assert_allclose(on_picture(shown, [centre]), [[height / 2, width / 2]], atol=1)
        assert state(shown)["layers"]["outlines"]["visible"]
    shown.page.keyboard.press("n")
    expect(found).to_contain_text("Finding 1 of 2")


def test_without_a_finding_it_is_said_why(viewer: Viewer) -> None:
    for scene, words in {
        "empty": "No finding: no heat reaches 0.50",
        "unassessed": "Findings: not run: press Assess",
    }.items():
        found = viewer(scene).get_by_label("Findings of the networks")
        expect(found.locator(".count")).to_have_text(words)
        expect(found.get_by_role("button")).to_have_count(0)


def test_what_the_networks_learnt_from_and_whose_lines_are_whose_stand_beside_the_film(
    viewer: Viewer,
) -> None:
    shown = viewer("plain")
    expect(shown.get_by_text("Networks trained on films made by hand")).to_be_visible()
    press(shown, "Outlines")
    expect(shown.get_by_text("reader, solid")).to_be_visible()
    expect(shown.get_by_text("model, dashed")).to_be_visible()
    expect(shown.locator(".doubts")).to_be_hidden()


def test_warnings_are_counted_above_the_film(viewer: Viewer) -> None:
    badge = viewer("unassessed").locator(".doubts")
    expect(badge).to_have_text("2 warnings, below")
    expect(badge).to_have_attribute("title", "the spacing is not known\nthe view was never seen")


def test_the_right_button_sets_the_window_and_inversion_leaves_the_air_black(viewer: Viewer) -> None:
    shown = viewer("plain")
    first = state(shown)["window"]
    box = shown.locator(".stage").bounding_box()
    assert box
    mouse = shown.page.mouse
    mouse.move(box["x"] + 200, box["y"] + 200)
    mouse.down(button="right")
    mouse.move(box["x"] + 350, box["y"] + 200, steps=3)
    mouse.up(button="right")
    settle(shown)
    dragged = state(shown)["window"]
    assert dragged["high"] - dragged["low"] == pytest.approx(2 * (first["high"] - first["low"]), rel=0.01)
    shown.page.keyboard.press("d")
    press(shown, "Invert")
    greys = picture(shown)[..., 0]
    air, breast = on_picture(shown, [[5, 200], [100, 20]]).astype(int)
    assert greys[tuple(air)] == 0
    assert state(shown)["window"] == first
    mark = on_picture(shown, [scenes.MARK])[0].astype(int)
    assert greys[tuple(mark)] <= greys[tuple(breast)]


@pytest.mark.parametrize(("scene", "left"), [("plain", "P"), ("mirrored", "P")])
def test_letters_at_the_edges_follow_the_film_as_it_is_stored(viewer: Viewer, scene: str, left: str) -> None:
    """Both films hold the breast on the left; the one that says it is a right breast is stored mirrored."""
    shown = viewer(scene)
    expect(shown.locator(".target.left")).to_have_text(left)
    badge = shown.get_by_text("MIRRORED as stored")
    expect(badge).to_be_visible(visible=scene == "mirrored")


def test_the_cursor_is_told_in_pixels_and_millimetres(viewer: Viewer) -> None:
    shown = viewer("plain")
    spot = shown.evaluate("element => element.mammoview.scanToPage(70, 110)")
    shown.page.mouse.move(spot["x"], spot["y"])
    settle(shown)
    words = shown.locator("footer").inner_text()
    assert "Row 70, column 110 · 4.2, 6.6 mm (made by hand)" in words
    assert "Value 65535" in words
    assert "heatmap" not in words, "nothing is told of a layer that is off"
