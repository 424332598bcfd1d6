"""Several panes in one viewer: each has its own film or magnification, and all of them one view."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from test_reading import Received
from test_viewer import (
    PAGES,
    Viewer,
    blobs,
    changed,
    corners,
    enlarge_four_times,
    press,
    scenes,
    settle,
    state,
    viewer,
)

from mammoview.domain import Magnification

sys.path.insert(0, str(PAGES))

import hanging_page as cases

__all__ = ["viewer"]  # the fixture

THREE = ("×0.5", "×0.33", "×0.25")
Case = Callable[[str], Locator]


@pytest.fixture
def case(page: Page, serve: Callable[..., str], tmp_path: Path) -> Case:
    """`case(scene)` opens a case and gives the viewer with its first film."""

    def show(scene: str, **environment: str) -> Locator:
        address = serve(PAGES / "hanging_page.py", {"MAMMOVIEW_READINGS": str(tmp_path), **environment})
        page.goto(f"{address}/?scene={scene}")
        found = page.locator(".mammoview")
        found.wait_for()
        settle(found)
        return found

    return show


def hang(viewer: Locator, panes: int) -> None:
    press(viewer, "Four views")
    settle(viewer, f"element => element.mammoview.state().panes.length === {panes}")
    settle(viewer)


def panes(viewer: Locator) -> dict[str, dict[str, Any]]:
    return {pane["name"]: pane for pane in state(viewer)["panes"]}


def stage(viewer: Locator, name: str) -> Locator:
    return viewer.locator(f'.panes .stage[data-pane="{name}"]')


def picture(viewer: Locator, name: str) -> NDArray[np.int16]:
    """A pane as it is on the screen, (H, W, 3), without what is written over it."""
    viewer.evaluate("""element => {
        const over = element.querySelectorAll(".target, .caption, .cross");
        over.forEach(each => (each.style.visibility = "hidden"));
        element.querySelectorAll(".stage").forEach(each => {
            each.style.outline = "none";
            each.classList.remove("focused");
        });
    }""")
    viewer.page.mouse.move(2, 2)
    settle(viewer)
    box = stage(viewer, name).locator("canvas.film").bounding_box()
    assert box
    # Panes begin at fractions of a pixel; what is compared are distances and whole stages.
    shot = viewer.page.screenshot(clip={side: round(length) for side, length in box.items()})
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(np.int16)


def on_pane(viewer: Locator, name: str, points: Any) -> NDArray[np.float64]:
    """Where scan points (N, 2) are on a pane's picture, (row, column)."""
    script = """(element, [name, points]) => {
        const canvas = element.querySelector(`.panes .stage[data-pane="${name}"] canvas.film`);
        const { left, top } = canvas.getBoundingClientRect();
        return points.map(([row, column]) => {
            const { x, y } = element.mammoview.scanToPage(row, column, name);
            return [y - top, x - left];
        });
    }"""
    return np.array(viewer.evaluate(script, [name, np.asarray(points, float).tolist()]))


def drag(viewer: Locator, name: str, start: tuple[float, float], across: float, down: float) -> None:
    """From a share of the pane's width and height."""
    box = stage(viewer, name).bounding_box()
    assert box
    x, y = box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"]
    mouse = viewer.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + across / 2, y + down / 2)
    mouse.move(x + across, y + down)
    mouse.up()
    settle(viewer)


def white(colours: NDArray[np.int16]) -> NDArray[np.bool_]:
    return colours.min(axis=2) > 230


def marks_of(viewer: Locator, name: str) -> NDArray[np.float64]:
    """The two white marks of a film on its pane, upper one first."""
    seen = blobs(white(picture(viewer, name)))
    assert len(seen) == 2, f"{name}: {seen}"
    return seen[np.argsort(seen[:, 0])]


# ---- the three magnifications ------------------------------------------------------------------------


def test_each_magnification_has_its_own_grid_at_the_same_place_of_the_film(viewer: Viewer) -> None:
    shown = viewer("plain")
    shown.get_by_label("Window preset").select_option("whole")
    press(shown, "Side by side")
    bare = {name: picture(shown, name) for name in THREE}
    (mark,) = blobs(white(bare["×0.5"]))
    press(shown, "Tissue grid")
    for magnification, name in zip(Magnification, THREE, strict=True):
        (seen,) = blobs(white(bare[name]))
        np.testing.assert_allclose(seen, mark, atol=1)
        rows, columns = np.nonzero(changed(bare[name], picture(shown, name)))
        frame = scenes.field_frame(False).magnified(1 / (32 * magnification.reduction))
        first, last = on_pane(shown, name, corners(frame, 0, 1))
        last = np.minimum(last, bare[name].shape[:2])
        np.testing.assert_allclose([rows.min(), columns.min()], first, atol=1.5)
        np.testing.assert_allclose([rows.max() + 1, columns.max() + 1], last, atol=1.5)
    assert [pane["magnification"] for pane in state(shown)["panes"]] == ["0.5", "0.33", "0.25"]


def test_each_of_the_three_stands_under_its_measured_error(viewer: Viewer) -> None:
    shown = viewer("plain")
    press(shown, "Side by side")
    for name, error in zip(THREE, ("8.1% err", "9.7% err", ""), strict=True):
        expect(stage(shown, name).locator(".caption strong")).to_have_text(name)
        expect(stage(shown, name).locator(".err")).to_have_text(error)


def test_the_three_move_zoom_and_window_as_one_and_leave_the_film_as_it_was(
    page: Page, viewer: Viewer
) -> None:
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda _: sent.append("frame")))
    shown = viewer("plain")
    enlarge_four_times(shown)
    page.wait_for_timeout(300)
    sent.clear()
    before = state(shown)
    page.keyboard.press("g")
    settle(shown)
    drag(shown, "×0.33", (0.5, 0.5), 40, -30)
    page.keyboard.press("+")
    settle(shown)
    views = [(pane["zoom"], pane["x"], pane["y"]) for pane in state(shown)["panes"]]
    np.testing.assert_allclose(views, [views[0]] * 3, atol=1)
    assert views[0][0] > before["zoom"]
    for name in THREE:
        assert picture(shown, name).max() > 0
    page.keyboard.press("i")
    page.keyboard.press("3")
    settle(shown)
    assert state(shown)["layers"]["saliency"]["visible"]
    for key in "3ig":
        page.keyboard.press(key)
    settle(shown)
    after = state(shown)
    assert {**after, "drawn": None} == {**before, "drawn": None}
    expect(shown.locator(".panes .stage")).to_have_count(0)
    page.wait_for_timeout(300)
    assert sent == []


def test_the_cursor_is_a_cross_at_the_same_place_of_the_other_two(viewer: Viewer) -> None:
    shown = viewer("plain")
    press(shown, "Side by side")
    press(shown, "Tissue grid")
    spot = shown.evaluate("element => element.mammoview.scanToPage(70, 110, '×0.33')")
    shown.page.mouse.move(spot["x"], spot["y"])
    settle(shown)
    expect(shown.locator("footer .cursor")).to_contain_text("Row 70, column 110")
    expect(stage(shown, "×0.33").locator(".cross")).to_be_hidden()
    for name in ("×0.5", "×0.25"):
        across, down = (
            stage(shown, name)
            .locator(".cross")
            .evaluate(
                "each => ['--across', '--down'].map(name => parseFloat(each.style.getPropertyValue(name)))"
            )
        )
        ((row, column),) = on_pane(shown, name, [(70, 110)])
        assert (down, across) == (pytest.approx(row, abs=1), pytest.approx(column, abs=1))
        expect(stage(shown, name).locator(".value")).to_contain_text("tissue grid 0.00")
    shown.page.mouse.move(2, 2)
    settle(shown)
    expect(shown.locator(".cross").first).to_be_hidden()


# ---- the views of a case -----------------------------------------------------------------------------


def test_right_hangs_on_the_left_chest_walls_meet_and_every_film_has_the_same_millimetres(case: Case) -> None:
    shown = case("four")
    hang(shown, 4)
    boxes = {name: stage(shown, name).bounding_box() for name in ("RCC", "LCC", "RMLO", "LMLO")}
    for right, left in (("RCC", "LCC"), ("RMLO", "LMLO")):
        assert boxes[right]["x"] < boxes[left]["x"]  # type: ignore[index]
        assert boxes[right]["y"] == boxes[left]["y"]  # type: ignore[index]
    assert boxes["RCC"]["y"] < boxes["RMLO"]["y"]  # type: ignore[index]
    lengths = []
    for name, chest_wall in (("RCC", "right"), ("LCC", "left"), ("RMLO", "right"), ("LMLO", "left")):
        colours = picture(shown, name)
        columns = np.flatnonzero((colours[..., 0] > 60).any(axis=0))
        at_wall = columns.max() >= colours.shape[1] - 3 if chest_wall == "right" else columns.min() <= 2
        assert at_wall, f"{name}: the chest wall is not in the middle"
        upper, lower = marks_of(shown, name)
        lengths.append(lower[0] - upper[0])
        expect(stage(shown, name).locator(".mirrored")).to_have_text("")
    np.testing.assert_allclose(lengths, lengths[0], atol=1)
    assert lengths[0] > 15
    caption, pane = stage(shown, "LCC").locator(".caption").bounding_box(), boxes["LCC"]
    assert caption is not None
    assert pane is not None
    assert caption["x"] + caption["width"] > pane["x"] + pane["width"] - 10, (
        "the name is away from the chest wall"
    )


def test_a_view_that_is_not_there_is_an_empty_pane_that_says_so(case: Case) -> None:
    shown = case("missing")
    hang(shown, 3)
    empty = shown.get_by_text("RMLO: not in this case")
    expect(empty).to_be_visible()
    box, above, beside = empty.bounding_box(), *(stage(shown, n).bounding_box() for n in ("RCC", "LMLO"))
    assert None not in (box, above, beside)
    where = (round(box["x"]), round(box["y"]))  # type: ignore[index]
    assert where == (round(above["x"]), round(beside["y"]))  # type: ignore[index]


def test_a_mislabelled_film_is_named_and_not_turned_and_a_second_one_takes_no_other_place(case: Case) -> None:
    shown = case("mislabelled")
    hang(shown, 4)
    expect(stage(shown, "RCC").locator(".mirrored")).to_have_text("MIRRORED as stored, or mislabelled")
    colours = picture(shown, "RCC")
    breast = np.flatnonzero((colours[..., 0] > 60).any(axis=0))
    film = on_pane(shown, "RCC", [(0, -0.5), (0, 179.5)])[:, 1]
    assert breast.min() <= max(film[0], 0) + 2, "the chest wall stays where it is on the film"
    assert breast.max() < film[1] - 20
    expect(stage(shown, "LCC 2").locator(".again")).to_have_text("a second film of this view")
    expect(shown.get_by_text("RMLO: not in this case")).to_be_visible()


def test_the_breasts_are_moved_in_mirror_image(case: Case) -> None:
    shown = case("four")
    hang(shown, 4)
    shown.page.keyboard.press("+")
    settle(shown)
    before = panes(shown)
    drag(shown, "RCC", (0.7, 0.5), -20, 12)
    after = panes(shown)
    moved = {
        name: (after[name]["x"] - before[name]["x"], after[name]["y"] - before[name]["y"]) for name in after
    }
    for name, sign in (("RCC", -1), ("LCC", 1), ("RMLO", -1), ("LMLO", 1)):
        np.testing.assert_allclose(moved[name], (sign * 20, 12), atol=1.5)
    scale = [after[name]["zoom"] / after[name]["mm"] for name in after]
    np.testing.assert_allclose(scale, scale[0])
    shown.page.keyboard.press("f")
    settle(shown)
    assert all(panes(shown)[name]["x"] != after[name]["x"] for name in after)


def test_a_window_that_only_one_file_brings_leaves_the_others_theirs(case: Case) -> None:
    shown = case("file")
    hang(shown, 2)
    assert [pane["window"]["preset"] for pane in panes(shown).values()] == ["file", "breast"]
    stage(shown, "RCC").focus()
    for name, presets in (("skin", ["skin", "skin"]), ("file", ["file", "breast"])):
        shown.get_by_label("Window preset").select_option(name)
        settle(shown)
        assert [pane["window"]["preset"] for pane in panes(shown).values()] == presets


def test_greys_are_measured_on_the_film_itself(case: Case) -> None:
    shown = case("four")
    hang(shown, 4)
    for name in ("Profile", "Rectangle", "Ellipse"):
        expect(shown.get_by_role("button", name=name, exact=True)).to_be_disabled()
    stage(shown, "LCC").focus()
    for key in ("p", "Shift+P", "Shift+M"):
        shown.page.keyboard.press(key)
        assert state(shown)["tool"] is None
    press(shown, "Four views")
    expect(shown.get_by_role("button", name="Profile", exact=True)).to_be_enabled()


@pytest.mark.parametrize(("name", "mirrored"), [("LCC", False), ("RCC", True)])
def test_salient_pixels_lie_on_their_film_in_a_pane(case: Case, name: str, mirrored: bool) -> None:
    shown = case("register")
    hang(shown, 2)
    stage(shown, name).focus()
    shown.get_by_label("Window preset").select_option("whole")
    stage(shown, name).focus()
    for key in "z+":
        shown.page.keyboard.press(key)
    settle(shown)
    zoom = panes(shown)[name]["zoom"]
    bare = picture(shown, name)
    (mark,) = blobs(white(bare))
    press(shown, "Saliency")
    seen = blobs(changed(bare, picture(shown, name)))
    frame = scenes.field_frame(mirrored).magnified(1 / 2)
    expected = mark + (frame.to_scan(scenes.saliency_marks(Magnification.HALF)) - scenes.MARK) * zoom
    inside = ((expected > 2) & (expected < np.array(bare.shape[:2]) - 2)).all(axis=1)
    assert inside.sum() >= 2
    distance = np.abs(seen[:, None] - expected[None, inside]).max(axis=2).min(axis=0)
    assert (distance / zoom < 0.75).all(), f"off by {distance / zoom} scan pixels"


def test_the_key_v_goes_from_view_to_view_without_leaving_them(case: Case) -> None:
    shown = case("four")
    hang(shown, 4)
    focused = """element => element.querySelector(".panes .stage.focused").dataset.pane"""
    begun = shown.evaluate(focused)
    seen = [begun]
    for _ in range(4):
        shown.page.keyboard.press("v")
        seen.append(shown.evaluate(focused))
    assert len(set(seen)) == 4
    assert seen[-1] == begun
    shown.page.keyboard.press("Shift+V")
    assert shown.evaluate(focused) == seen[-2]
    assert len(panes(shown)) == 4


def test_a_double_click_opens_the_film_and_what_hung_is_gone(case: Case) -> None:
    shown = case("four")
    first = state(shown)["film"]
    hang(shown, 4)
    wanted = panes(shown)["LMLO"]["film"]
    stage(shown, "LMLO").dblclick(position={"x": 100, "y": 100})
    settle(shown, f"element => element.mammoview.state().film === '{wanted}'")
    settle(shown, "element => element.mammoview.state().panes.length === 0")
    settle(shown)
    assert state(shown)["fitted"]
    assert wanted != first
    expect(shown.locator(".name")).to_contain_text("film.3 · L MLO")
    expect(shown.page.get_by_role("radio", name="LMLO")).to_be_checked()
    stage_of_one = shown.locator(".stage")
    expect(stage_of_one).to_have_count(1)


def held(page: Page) -> int:
    """Bytes of all arrays in the tab once the garbage is collected."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    usage = session.send("Runtime.getHeapUsage")
    session.detach()
    return int(usage["backingStorageSize"])


def test_the_films_are_sent_at_half_size_once_and_their_memory_comes_back(page: Page, case: Case) -> None:
    received = Received(page)
    shown = case("large")
    pixels = round(cases.HEIGHT_MM / 0.05) * round(cases.WIDTH_MM / 0.05)
    alone = held(page)
    assert alone >= 2 * pixels
    before = sum(map(len, received.frames))
    hang(shown, 2)
    sent = sum(map(len, received.frames)) - before
    assert 2 * pixels / 4 * 2 <= sent < 2 * pixels / 4 * 2 + 1_500_000
    assert held(page) > alone + 2 * pixels / 4 * 2
    expect(shown.get_by_text("at half size, means of 2 × 2 pixels")).to_be_visible()
    before = sum(map(len, received.frames))
    press(shown, "Four views")
    expect(shown.locator(".panes .stage")).to_have_count(0)
    page.wait_for_timeout(1500)
    assert sum(map(len, received.frames)) - before < 50_000
    page.get_by_text("Read first", exact=True).click()  # Streamlit forgets what it sent two runs later
    page.wait_for_timeout(1500)
    settle(shown)
    assert held(page) < alone + 2 * pixels / 4, "not even one of the films is left"


# ---- the arc -----------------------------------------------------------------------------------------


def click_at(viewer: Locator, name: str, place: tuple[int, int]) -> None:
    spot = viewer.evaluate(
        f"(element, [row, column]) => element.mammoview.scanToPage(row, column, '{name}')", list(place)
    )
    viewer.page.mouse.click(spot["x"], spot["y"])
    settle(viewer)


def green(colours: NDArray[np.int16]) -> NDArray[np.bool_]:
    return (colours[..., 1] > 200) & (colours[..., 0] < 170) & (colours[..., 2] < 190)


def test_the_arc_is_as_far_from_the_nipple_in_the_other_view_of_that_breast_only(case: Case) -> None:
    shown = case("four")
    hang(shown, 4)
    press(shown, "Arc")
    bare = {name: green(picture(shown, name)) for name in ("RMLO", "LMLO")}
    nipple = panes(shown)["RCC"]["nipple"]
    assert (nipple["y"] * 0.5, 90 - nipple["x"] * 0.5) == (pytest.approx(60, abs=1), pytest.approx(45, abs=1))
    place = cases.at(0.5, 60.0 - 12.0, 45.0 - 16.0, chest_wall_left=False)  # 20 mm by 12, 16, 20
    click_at(shown, "RCC", place)
    expect(shown.locator(".arranged")).to_contain_text("20 mm from the nipple in RCC: arc in RMLO, ±10 mm")
    expect(shown.locator(".arranged")).to_contain_text(
        "nipple as estimated from the outline; drag to correct"
    )
    assert panes(shown)["RMLO"]["arc"] == pytest.approx(20, abs=1.2)
    assert panes(shown)["LMLO"]["arc"] is None
    drawn = green(picture(shown, "RMLO")) & ~bare["RMLO"]
    per_mm = panes(shown)["RMLO"]["zoom"] / 0.25
    centre = np.array([panes(shown)["RMLO"]["nipple"][each] for each in "yx"]) - 0.5
    (middle,) = on_pane(shown, "RMLO", [centre])
    distances = np.hypot(*(np.argwhere(drawn) + 0.5 - middle).T) / per_mm
    assert distances.size > 50
    ring = panes(shown)["RMLO"]["arc"]
    nearest = np.abs(distances[:, None] - [ring - 10, ring, ring + 10]).min(axis=1)
    assert nearest.max() < 1.5
    assert (np.abs(distances - ring) < 1.5).sum() > 30
    assert not (green(picture(shown, "LMLO")) & ~bare["LMLO"]).any()


def test_a_corrected_nipple_moves_the_arc(case: Case) -> None:
    shown = case("four")
    hang(shown, 4)
    press(shown, "Arc")
    click_at(shown, "LCC", cases.at(0.25, 60.0, 25.0, chest_wall_left=True))
    assert panes(shown)["LMLO"]["arc"] == pytest.approx(20, abs=1)
    before = panes(shown)["LCC"]["nipple"]
    script = "(element, [row, column]) => element.mammoview.scanToPage(row, column, 'LCC')"
    start = shown.evaluate(script, [before["y"] - 0.5, before["x"] - 0.5])
    end = shown.evaluate(script, list(cases.at(0.25, 60.0, 40.0, chest_wall_left=True)))
    mouse = shown.page.mouse
    mouse.move(start["x"], start["y"])
    mouse.down()
    mouse.move(end["x"], end["y"])
    mouse.up()
    settle(shown)
    assert panes(shown)["LMLO"]["arc"] == pytest.approx(15, abs=1)
    view = panes(shown)["LCC"]
    press(shown, "Four views")
    hang(shown, 4)
    assert panes(shown)["LCC"]["nipple"]["x"] == pytest.approx(view["nipple"]["x"])


def test_a_letter_does_not_cover_the_nipples_grip(case: Case) -> None:
    shown = case("four")
    hang(shown, 4)
    press(shown, "Arc")
    click_at(shown, "LCC", cases.at(0.25, 60.0, 25.0, chest_wall_left=True))
    nipple = panes(shown)["LCC"]["nipple"]
    script = "(element, [row, column]) => element.mammoview.scanToPage(row, column, 'LCC')"
    start = shown.evaluate(script, [nipple["y"] - 0.5, nipple["x"] - 0.5])
    letter = stage(shown, "LCC").locator(".target.right")
    box = letter.bounding_box()
    assert box
    mouse = shown.page.mouse
    mouse.move(start["x"], start["y"])
    mouse.down()
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    mouse.up()
    mouse.move(2, 2)
    settle(shown)
    shot = shown.page.screenshot(clip={side: round(length) for side, length in box.items()})
    seen = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(np.int16)
    assert green(seen).sum() > 10, "the ring is seen over its letter"
    assert panes(shown)["LCC"]["nipple"] != nipple


def test_without_a_spacing_there_is_no_arc_and_the_scale_is_said_to_be_assumed(case: Case) -> None:
    shown = case("unmeasured")
    hang(shown, 2)
    expect(stage(shown, "RCC").locator(".scale")).to_have_text("size of a pixel not known: scale assumed")
    expect(stage(shown, "RMLO").locator(".scale")).to_have_text("")
    press(shown, "Arc")
    click_at(shown, "RMLO", cases.at(0.5, 60.0, 20.0, chest_wall_left=False))
    expect(shown.locator(".arranged")).to_contain_text("No arc: the size of a pixel of RCC is not known")
    assert all(pane["arc"] is None for pane in panes(shown).values())


# ---- read first --------------------------------------------------------------------------------------


def test_of_films_that_are_read_first_nothing_is_sent_however_they_hang(page: Page, case: Case) -> None:
    received = Received(page)
    shown = case("read", MAMMOVIEW_READ_FIRST="1")  # type: ignore[call-arg]
    hang(shown, 2)
    for key in ("1", "2", "3", "4", "Shift+1", "n", "0", "g", "1", "g"):
        page.keyboard.press(key)
        settle(shown)
    expect(shown.get_by_role("button", name="Heatmap", exact=True)).to_be_disabled()
    hang(shown, 2)
    for name in ("LCC", "RCC"):
        expect(stage(shown, name).locator(".told")).to_have_text("networks: hidden until revealed")
    assert received.found() == []
    assert not re.search(r"0\.73", page.content())
