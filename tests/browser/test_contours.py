"""An outline and what it is compared with: chosen on the film, told in the scorecard's own numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect
from test_viewer import PAGES, changed, on_picture, picture, press, settle, state
from test_viewer_tools import drag, measured

from mammoview.domain import Magnification, Weighting
from mammoview.line_profile import Line, grey_along, heat_along, saliency_along, suspicion_along
from mammoview.scorecard import agreements

import contours_page as contours  # isort: skip

Viewer = Callable[[str], Locator]


@pytest.fixture
def viewer(page: Page, serve: Callable[..., str]) -> Viewer:
    address = serve(PAGES / "contours_page.py")

    def show(scene: str) -> Locator:
        page.goto(f"{address}/?scene={scene}")
        found = page.locator(".mammoview")
        found.wait_for()
        settle(found)
        return found

    return show


def click(viewer: Locator, row: float, column: float) -> None:
    spot = viewer.evaluate(f"element => element.mammoview.scanToPage({row}, {column})")
    viewer.page.mouse.click(spot["x"], spot["y"])
    settle(viewer)


def card(viewer: Locator) -> Locator:
    return viewer.get_by_role("region", name="Agreement of an outline and a finding")


def chosen(viewer: Locator) -> Any:
    return state(viewer)["compared"]


def said(viewer: Locator) -> dict[str, str]:
    """The rows of the card."""
    names, words = (card(viewer).locator(each).all_text_contents() for each in ("dt", "dd"))
    return dict(zip(names, words, strict=True))


@pytest.mark.parametrize("scene", ["plain", "mirrored"])
def test_a_click_inside_an_outline_tells_the_scorecards_numbers_at_each_magnification(
    viewer: Viewer, scene: str
) -> None:
    shown = viewer(scene)
    press(shown, "Outlines")
    click(shown, 35, 45)
    film, found = contours.mammogram(scene), contours.assessment(scene)
    for magnification in Magnification:
        shown.get_by_role("radio", name=magnification.label, exact=True).check()
        settle(shown)
        expect(card(shown).get_by_role("heading")).to_have_text(f"Outline 1 · at {magnification.label}")
        first, _ = agreements(found, film.outlines, magnification)
        assert first.pointing_hit is (magnification is not Magnification.QUARTER)
        expected = {Magnification.HALF: 25 / 25.5, Magnification.THIRD: 9 / 9.9}.get(magnification, 1 / 4)
        assert first.energy_inside == pytest.approx(expected)
        assert first.tightness is not None
        assert first.centre_distance_mm == pytest.approx(10 * np.sqrt(2) * 0.06)  # 10 down and 10 across
        told = said(shown)
        assert told["Pointing"].startswith("hit" if first.pointing_hit else "miss")
        assert told["Energy inside"].startswith(f"{100 * first.energy_inside:.0f} %")
        assert told["Dice"].startswith(f"{first.dice:.2f}")
        assert told["IoU"].startswith(f"{first.iou:.2f}")
        assert told["Centres apart"] == "0.8 mm"
        assert told["Tightness"].startswith(f"{first.tightness:.2f}")
    expect(card(shown)).to_contain_text("reader: mass, oval, benign")
    expect(card(shown)).to_contain_text("finding 1, score 0.90")
    expect(shown.page.get_by_text("Runs: 1")).to_be_visible()


def test_without_spacing_the_distance_is_in_pixels(viewer: Viewer) -> None:
    shown = viewer("unmeasured")
    press(shown, "Outlines")
    click(shown, 35, 45)
    assert said(shown)["Centres apart"] == "14 pixels"


def breadth(line: NDArray[np.bool_], row: float, column: float) -> int:
    """How many pixels of a picture of lines lie across, along a row, near a place."""
    row, column = round(row), round(column)
    return int(line[row, column - 9 : column + 10].sum())


def test_both_contours_are_drawn_broader_and_the_others_stay(viewer: Viewer) -> None:
    shown = viewer("plain")
    bare = picture(shown)
    press(shown, "Outlines")
    before = changed(bare, picture(shown))
    click(shown, 35, 45)
    after = changed(bare, picture(shown))
    (reader, other) = on_picture(shown, [[50, 40], [100, 20]])
    assert breadth(after, *reader) >= breadth(before, *reader) + 2
    assert breadth(after, *other) == breadth(before, *other)
    model = on_picture(shown, np.column_stack([np.linspace(72, 79, 40), np.full(40, 50)]))
    widths = np.array([[breadth(each, *place) for place in model] for each in (before, after)])
    assert widths[1].max() >= widths[0].max() + 2
    assert widths[1].min() == 0, "a model's line stays dashed"
    expect(card(shown).locator(".lines .model")).to_be_visible()


def test_a_finding_leads_to_its_outline_and_one_that_no_outline_is_compared_with_says_so(
    viewer: Viewer,
) -> None:
    shown = viewer("plain")
    press(shown, "Outlines")
    click(shown, 75, 95)
    assert chosen(shown) == {"outline": 0, "finding": 0}
    click(shown, 110, 200)
    assert chosen(shown) == {"outline": None, "finding": 1}
    expect(card(shown)).to_contain_text("this one is compared with none")
    assert said(shown) == {}


@pytest.mark.parametrize(("scene", "away"), [("plain", "3.6 mm"), ("unmeasured", "60 pixels")])
def test_a_finding_that_does_not_overlap_an_outline_is_not_its_match(
    viewer: Viewer, scene: str, away: str
) -> None:
    shown = viewer(scene)
    bare = picture(shown)
    press(shown, "Outlines")
    before = changed(bare, picture(shown))
    click(shown, 100, 30)
    after = changed(bare, picture(shown))
    assert np.hypot(100 - 60, 30 - 75) == pytest.approx(60.2, abs=0.1)
    expect(card(shown)).to_contain_text(f"no finding overlaps it; the nearest, finding 1, is {away} away")
    assert "Centres apart" not in said(shown)
    (reader,) = on_picture(shown, [[100, 40]])
    assert breadth(after, *reader) >= breadth(before, *reader) + 2
    model = on_picture(shown, np.column_stack([np.linspace(72, 79, 40), np.full(40, 50)]))
    assert [breadth(after, *place) for place in model] == [breadth(before, *place) for place in model]


def test_a_click_beside_every_contour_and_a_drag_choose_nothing(viewer: Viewer) -> None:
    shown = viewer("plain")
    click(shown, 35, 45)
    assert chosen(shown) is None, "what is not shown cannot be chosen"
    press(shown, "Outlines")
    click(shown, 130, 150)
    assert chosen(shown) is None
    drag(shown, (35, 45), (60, 80))
    assert chosen(shown) is None
    expect(card(shown)).to_be_hidden()


def test_a_measuring_click_is_no_choice(viewer: Viewer) -> None:
    shown = viewer("plain")
    press(shown, "Outlines")
    press(shown, "Ruler")
    click(shown, 35, 45)
    assert chosen(shown) is None


def test_a_goes_from_outline_to_outline_and_escape_lets_go(viewer: Viewer) -> None:
    shown = viewer("plain")
    shown.locator(".stage").focus()
    outlines = (contours.DRAWN[0], contours.DRAWN[2])
    for index, line in ((0, outlines[0]), (2, outlines[1]), (0, outlines[0])):
        shown.page.keyboard.press("a")
        settle(shown)
        assert chosen(shown)["outline"] == index
        (centre,) = on_picture(shown, [line.centre()])
        size = shown.locator("canvas.film").bounding_box()
        assert size
        reach = np.array([size["height"], size["width"]]) / 4
        assert (np.abs(centre - [size["height"] / 2, size["width"] / 2]) < reach).all(), "it is in the middle"
        assert state(shown)["layers"]["outlines"]["visible"]
        other = "and finding 1" if index == 0 else "no finding overlaps it; the nearest, finding 1"
        expect(shown.get_by_role("status")).to_contain_text(f"Outline {index + 1}, {other}")
    bare = picture(shown)
    shown.page.keyboard.press("Escape")
    settle(shown)
    assert chosen(shown) is None
    expect(card(shown)).to_be_hidden()
    assert changed(bare, picture(shown)).any(), "the contours are as thin as before"


def test_escape_does_away_with_one_thing_at_a_time(viewer: Viewer) -> None:
    shown = viewer("plain")
    shown.locator(".stage").focus()
    sheet = shown.get_by_role("dialog", name="Keys and mouse")
    for key in ("a", "t", "m", "?"):
        shown.page.keyboard.press(key)
    expect(sheet).to_be_visible()
    left = []
    for _ in range(5):
        now = state(shown)
        left.append((sheet.is_visible(), now["tool"], now["compared"] is not None, now["blinking"]))
        shown.page.keyboard.press("Escape")
    assert left == [
        (True, "ruler", True, "layers"),
        (False, "ruler", True, "layers"),
        (False, None, True, "layers"),
        (False, None, False, "layers"),
        (False, None, False, None),
    ]


def test_an_outline_that_is_hidden_is_let_go_of(viewer: Viewer) -> None:
    shown = viewer("plain")
    stage = shown.locator(".stage")
    stage.focus()
    for hides, back in (("4", "4"), ("0", "0"), ("Shift+1", "4")):
        shown.page.keyboard.press("a")
        settle(shown)
        expect(card(shown)).to_be_visible()
        for key in (hides, back):
            shown.page.keyboard.press(key)
            settle(shown)
            assert chosen(shown) is None
            expect(card(shown)).to_be_hidden()
        assert state(shown)["layers"]["outlines"]["visible"]


def test_an_outline_without_an_assessment_says_why_there_are_no_numbers(viewer: Viewer) -> None:
    shown = viewer("unassessed")
    shown.locator(".stage").focus()
    shown.page.keyboard.press("a")
    settle(shown)
    expect(card(shown)).to_contain_text("Not compared. Networks not run: press Assess.")


def test_what_is_withheld_cannot_be_compared(viewer: Viewer) -> None:
    shown = viewer("withheld")
    shown.locator(".stage").focus()
    shown.page.keyboard.press("a")
    click(shown, 35, 45)
    assert chosen(shown) is None
    expect(card(shown)).to_be_hidden()
    expect(shown.get_by_role("status")).to_contain_text("hidden until revealed")


@pytest.mark.parametrize("size", [(1440, 900), (1366, 768)])
def test_the_most_used_controls_are_in_sight_whatever_is_shown(viewer: Viewer, size: tuple[int, int]) -> None:
    shown = viewer("plain")
    shown.page.set_viewport_size({"width": size[0], "height": size[1]})
    shown.locator(".stage").focus()
    for key in "123456a":
        shown.page.keyboard.press(key)
    settle(shown)
    for name in (
        "Ruler",
        "Profile",
        "Rectangle",
        "Ellipse",
        "Hide all",
        "Fit",
        "1:1",
        "Invert",
        "Loupe",
        "Window tool",
    ):
        expect(shown.get_by_role("button", name=name, exact=True)).to_be_in_viewport(ratio=1)
    for magnification in Magnification:
        expect(shown.get_by_role("radio", name=magnification.label, exact=True)).to_be_in_viewport(ratio=1)
    assert shown.evaluate(
        "root => root.querySelector('aside').scrollHeight <= root.querySelector('aside').clientHeight"
    )


@pytest.mark.parametrize("size", [(1440, 900), (1366, 768)])
def test_measurements_leave_room_for_the_numbers_and_the_layers(
    viewer: Viewer, size: tuple[int, int]
) -> None:
    shown = viewer("plain")
    shown.page.set_viewport_size({"width": size[0], "height": size[1]})
    press(shown, "Ruler")
    for row in (30, 60, 90):
        drag(shown, (row, 60), (row, 120))
    press(shown, "Ruler")
    shown.locator(".stage").focus()
    shown.page.keyboard.press("a")
    settle(shown)
    expect(card(shown).get_by_role("heading")).to_be_in_viewport(ratio=1)
    for name in card(shown).locator("dt").all():
        expect(name).to_be_in_viewport(ratio=1)
    for name in ("Heatmap", "Paper's frame"):
        button = shown.get_by_role("button", name=name, exact=True)
        button.scroll_into_view_if_needed()
        expect(button).to_be_in_viewport(ratio=1)
    removes = shown.get_by_role("list", name="Measurements").get_by_role("button")
    expect(removes).to_have_count(3)
    removes.last.scroll_into_view_if_needed()
    expect(removes.last).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("scene", ["large", "large-mirrored"])
def test_the_papers_frame_ends_at_the_nipple_as_it_is_estimated_and_says_so(
    viewer: Viewer, scene: str
) -> None:
    shown = viewer(scene)
    press(shown, "Zoom out")
    bare = picture(shown)
    press(shown, "Paper's frame")
    line = changed(bare, picture(shown))
    rows, columns = np.nonzero(line)
    (row, column), side = contours.TIP, 102.4 / 0.5
    edges = np.array([(row - side / 2, column - side), (row + side / 2, column)]) - 0.5
    if scene == "large-mirrored":
        edges[:, 1] = contours.LARGE[1] - 1 - edges[::-1, 1]
    first, last = on_picture(shown, edges)
    pixel = 0.8 / 0.5 * state(shown)["zoom"]  # the breast is looked for at 0.8 mm
    np.testing.assert_allclose([rows.min(), columns.min()], first, atol=pixel + 3)
    np.testing.assert_allclose([rows.max(), columns.max()], last, atol=pixel + 3)
    inside = line[rows.min() + 6 : rows.max() - 5, columns.min() + 6 : columns.max() - 5]
    assert not inside.any(), "only the border is drawn"
    words = "102.4 mm square, laid on the nipple as estimated from the outline"
    expect(shown.locator("#frame-laid")).to_have_text(words)


def test_a_frame_that_is_larger_than_the_film_says_so(viewer: Viewer) -> None:
    shown = viewer("plain")
    press(shown, "Paper's frame")
    expect(shown.locator("#frame-laid")).to_contain_text("it reaches beyond the film")


CURVES = """names => {
    const element = document.querySelector(".js-plotly-plot");
    const curves = element?._fullData?.map(({ name, x, y }) => [name, { x: [...x], y: [...y] }]) ?? [];
    return String(curves.map(([name]) => name)) === names && Object.fromEntries(curves);
}"""


def curves(page: Page, *names: str) -> dict[str, dict[str, list[float]]]:
    """What Plotly draws, once these curves and no others are there."""
    found: dict[str, dict[str, list[float]]] = page.wait_for_function(
        CURVES, arg=",".join(names)
    ).json_value()
    return found


def the_line(viewer: Locator) -> Line:
    (mark,) = (each["mark"] for each in measured(viewer) if each["mark"]["tool"] == "profile")
    start, end = ((mark[side]["y"] - 0.5, mark[side]["x"] - 0.5) for side in ("from", "to"))
    return Line(start, end)


def numbers(values: list[Any]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], float)


@pytest.mark.parametrize("scene", ["plain", "mirrored"])
def test_a_profile_has_the_films_own_numbers_and_those_of_the_layers_shown(
    viewer: Viewer, scene: str
) -> None:
    shown = viewer(scene)
    press(shown, "Heatmap")
    press(shown, "Profile")
    drag(shown, (30.3, 20.6), (115.2, 170.4))
    line = the_line(shown)
    film, found = contours.mammogram(scene), contours.assessment(scene)
    drawn = curves(shown.page, "grey value", "heat")
    np.testing.assert_allclose(numbers(drawn["grey value"]["x"]), line.distances((0.06, 0.06)), rtol=1e-5)
    np.testing.assert_allclose(numbers(drawn["grey value"]["y"]), grey_along(film.pixels, line), rtol=1e-6)
    heat = heat_along(found.heatmap, line)
    assert np.nanmax(heat) > 0.2
    np.testing.assert_allclose(numbers(drawn["heat"]["y"]), heat, rtol=1e-5, atol=1e-7)
    shown.get_by_role("radio", name="×0.33", exact=True).check()
    press(shown, "Tissue grid")
    press(shown, "Saliency")
    drawn = curves(shown.page, "grey value", "heat", "suspicion", "saliency")
    grid, salient = found.grids[Magnification.THIRD, 32], found.saliency[Magnification.THIRD]
    np.testing.assert_allclose(numbers(drawn["suspicion"]["y"]), suspicion_along(grid, line), rtol=1e-5)
    expected = saliency_along(salient, Weighting.CONTEXT, line)
    np.testing.assert_allclose(numbers(drawn["saliency"]["y"]), expected, rtol=1e-5)
    shown.locator(".stage").focus()
    shown.page.keyboard.press("0")
    curves(shown.page, "grey value")
    expect(shown.page.get_by_text("mm from row")).to_be_visible()


def test_a_profile_needs_no_mouse_is_in_pixels_without_spacing_and_goes_with_its_line(viewer: Viewer) -> None:
    shown = viewer("unmeasured")
    shown.locator(".stage").focus()
    keyboard = shown.page.keyboard
    for key in ("Shift+M", "Enter", "ArrowRight", "ArrowDown", "Enter"):
        keyboard.press(key)
    settle(shown)
    line = the_line(shown)
    drawn = curves(shown.page, "grey value")
    assert numbers(drawn["grey value"]["x"])[-1] == pytest.approx(
        np.hypot(*np.subtract(line.end, line.start))
    )
    expect(shown.page.get_by_text("px from row")).to_be_visible()
    drag(shown, (20, 20), (60, 60))
    settle(shown)
    assert the_line(shown) != line, "a new line takes the place of the last one"
    keyboard.press("Delete")
    settle(shown)
    expect(shown.page.get_by_role("heading", name="Profile along the line")).to_have_count(0)


def test_while_findings_are_withheld_a_profile_is_of_greys_alone(viewer: Viewer) -> None:
    shown = viewer("withheld")
    press(shown, "Profile")
    drag(shown, (30, 20), (115, 170))
    curves(shown.page, "grey value")
