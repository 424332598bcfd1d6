"""Every layer lies where it belongs and nowhere else, and nothing that is switched moves the view."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect
from scipy import ndimage
from test_viewer import (
    PAGES,
    Viewer,
    blobs,
    changed,
    enlarge_four_times,
    magnify,
    on_picture,
    picture,
    press,
    scenes,
    settle,
    state,
    viewer,
)

import proof_page  # isort: skip  (its folder is on the path since test_viewer)

from mammoview.domain import Magnification, Outline
from mammoview.geometry import Frame
from mammoview.prepare import find_breast
from mammoview.ui.viewer.payload import layers_payload
from tests.ui.test_viewer_payload import unpack

__all__ = ["viewer"]  # the fixture

FIELDS = [
    pytest.param(f"{mirrored}-{row}-{column}", marks=[] if row and column else pytest.mark.long)
    for mirrored, row, column in product((0, 1), (0, 12), (0, 20))
]
"""All eight flip and crop cases. Those that leave out both rows and columns are seen at every turn."""


@pytest.fixture
def proof(page: Page, serve: Callable[[Path], str]) -> Viewer:
    """`proof(scene)` opens a scene of `pages/proof_page.py`."""
    address = serve(PAGES / "proof_page.py")

    def show(scene: str) -> Locator:
        page.goto(f"{address}/?scene={scene}")
        found = page.locator(".mammoview").first
        found.wait_for()
        settle(found)
        return found

    return show


@pytest.mark.parametrize("scene", FIELDS)
def test_corner_marks_land_within_half_a_scan_pixel_in_every_flip_and_crop(proof: Viewer, scene: str) -> None:
    shown = proof(scene)
    shown.get_by_label("Window preset").select_option("whole")
    enlarge_four_times(shown)
    bare = picture(shown)
    (mark,) = blobs(bare[..., 0] > 200)  # the film's own: nothing that the viewer says is used
    press(shown, "Saliency")
    for magnification in Magnification:
        magnify(shown, magnification)
        seen = blobs(changed(bare, picture(shown)))
        frame = proof_page.field_frame(scene).magnified(1 / magnification.reduction)
        scan = frame.to_scan(proof_page.corner_marks(magnification))
        expected = mark + (scan - scenes.MARK) * 4
        assert len(seen) == len(expected), f"{magnification}: {len(seen)} marks"
        distance = np.abs(seen[:, None] - expected[None]).max(axis=2).min(axis=0)
        assert (distance / 4 < 0.5).all(), f"{magnification}: off by {distance / 4} scan pixels"


def test_each_layer_changes_only_what_it_speaks_of(viewer: Viewer) -> None:
    shown = viewer("plain")
    enlarge_four_times(shown)
    bare = picture(shown)
    film = scenes.mammogram("plain")
    found = scenes.assessment(film, "plain")
    header, arrays = unpack(layers_payload(film, found, None, "viewer"))
    spread = arrays[header["disagreement"]["array"]]
    grid, saliency = found.grids[Magnification.HALF, 32], found.saliency[Magnification.HALF]
    lines = [*film.outlines, *(finding.outline for finding in found.findings)]
    points = scan_points(shown, bare.shape[:2])
    search = find_breast(film)
    edge = ndimage.binary_dilation(search.mask) ^ ndimage.binary_erosion(search.mask)
    supports = {
        "Heatmap": around(found.heatmap.heat > 0, found.heatmap.frame, points, cells=0.8),
        "Tissue grid": around(grid.suspicion > 0, grid.frame, points),
        "Saliency": around(saliency.values > 0, saliency.frame, points),
        "Outlines": beside(lines, points, pixels=1),
        "Disagreement": around(spread > 0, found.heatmap.frame, points),
        "Breast edge": around(edge, search.frame, points, cells=0.5),
    }
    for name, support in supports.items():
        press(shown, name)
        altered = changed(bare, picture(shown))
        assert altered.any(), name
        # Half the width of a line on the screen, or a pixel's rounding.
        assert not (altered & ~ndimage.binary_dilation(support, np.ones((7, 7)))).any(), name
        press(shown, name)
        assert not changed(bare, picture(shown)).any(), f"{name} leaves something behind"


def scan_points(viewer: Locator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Scan point (H, W, 2) under the centre of each pixel of a picture."""
    first, last = on_picture(viewer, np.array([[0, 0], [100, 100]]))
    scale = (last - first) / 100
    pixels = np.stack(np.meshgrid(*(np.arange(n) + 0.5 for n in shape), indexing="ij"), axis=-1)
    return np.asarray((pixels - first) / scale)


def around(
    mask: NDArray[np.bool_], frame: Frame, points: NDArray[np.float64], cells: float = 0
) -> NDArray[np.bool_]:
    """Which points lie in a cell of the mask, or within so many cells of one."""
    at = frame.from_scan(points.reshape(-1, 2))
    inside = np.zeros(len(at), bool)
    for row, column in np.argwhere(mask):
        inside |= (np.abs(at - (row, column)) <= 0.5 + cells).all(axis=1)
    return inside.reshape(points.shape[:2])


def beside(lines: list[Outline], points: NDArray[np.float64], pixels: float) -> NDArray[np.bool_]:
    """Which points lie so near to an edge of a polygon."""
    near = np.zeros(points.shape[:2], bool)
    for line in lines:
        for start, end in zip(line.vertices, np.roll(line.vertices, -1, axis=0), strict=True):
            along = end - start
            share = np.clip(((points - start) @ along) / (along @ along), 0, 1)
            near |= np.linalg.norm(points - start - share[..., None] * along, axis=2) <= pixels
    return near


WORDS = {"zero": "ran, nothing above the level", "nan": "ran, gave no number", "one": "shown"}


@pytest.mark.parametrize("scene", ["zero", "nan", "one"])
def test_layers_of_nothing_of_everything_and_of_no_number_say_so_and_paint_what_they_say(
    proof: Viewer, scene: str
) -> None:
    shown = proof(scene)
    bare = picture(shown)
    height, width = bare.shape[:2]
    points = scan_points(shown, (height, width))
    on_film = ((points > -0.5) & (points < np.array([scenes.ROWS, scenes.COLUMNS]) - 0.5)).all(axis=2)
    for name, layer, frame, size in (
        ("Heatmap", "heatmap", scenes.field_frame(False).magnified(1 / 64), (3, 4)),
        ("Tissue grid", "grid", scenes.field_frame(False).magnified(1 / 64), (3, 4)),
        ("Saliency", "saliency", scenes.field_frame(False).magnified(1 / 2), (96, 128)),
    ):
        press(shown, name)
        expect(shown.locator(f"#{layer}-state")).to_have_text(WORDS[scene])
        altered = changed(bare, picture(shown))
        if scene == "one":
            at = frame.from_scan(points.reshape(-1, 2)).reshape(points.shape)
            covered = ((at > -0.5) & (at < np.array(size) - 0.5)).all(axis=2)
            assert not (altered & ~ndimage.binary_dilation(covered, np.ones((5, 5)))).any(), name
            inside = ndimage.binary_erosion(covered & on_film, np.ones((5, 5)))
            assert altered[inside].mean() > 0.99, name
        else:
            assert not altered.any(), name
        press(shown, name)


SWITCHED = (*"123456", *"qweqb", *"so", *"00", "Shift+Digit2", "i", "i", "n")


def test_layers_magnifications_and_reruns_leave_place_zoom_and_window_alone(
    page: Page, viewer: Viewer
) -> None:
    shown = viewer("plain")
    enlarge_four_times(shown)
    for key in ("ArrowLeft", "ArrowDown", "Shift+ArrowUp"):
        page.keyboard.press(key)
    drag_window(shown)
    before = seen_part(shown)
    for key in SWITCHED[:-1]:
        page.keyboard.press(key)
        settle(shown)
        assert seen_part(shown) == before, f"after {key}"
    shown.get_by_role("radio", name="64", exact=True).check()
    assert seen_part(shown) == before
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_text("Runs: 2")).to_be_visible()
    settle(shown)
    assert seen_part(shown) == before
    shown.locator(".stage").focus()
    page.keyboard.press(SWITCHED[-1])  # but going to a finding does move it
    settle(shown)
    assert seen_part(shown) != before


def seen_part(viewer: Locator) -> dict[str, Any]:
    now = state(viewer)
    return {name: now[name] for name in ("zoom", "x", "y", "window", "fitted")}


def drag_window(viewer: Locator) -> None:
    box = viewer.locator(".stage").bounding_box()
    assert box
    mouse = viewer.page.mouse
    mouse.move(box["x"] + 200, box["y"] + 200)
    mouse.down(button="right")
    mouse.move(box["x"] + 260, box["y"] + 230, steps=3)
    mouse.up(button="right")
    settle(viewer)
    assert state(viewer)["window"]["preset"] == "own"


def test_another_film_and_back_keeps_how_layers_look(page: Page, viewer: Viewer) -> None:
    shown = viewer("plain")
    shown.locator(".stage").focus()
    for key in "1[[weio":
        page.keyboard.press(key)
    shown.get_by_role("radio", name="64", exact=True).check()
    settle(shown)
    first = state(shown)
    for _ in range(2):
        film = state(shown)["film"]
        page.get_by_text("Other film").click()
        settle(shown, f"element => element.mammoview.state().film !== '{film}'")
        settle(shown)
        now = state(shown)
        for name in ("magnification", "stride", "weighting", "inverted"):
            assert now[name] == first[name], name
        looks = [(each["opacity"], each["lined"]) for each in now["layers"].values()]
        assert looks == [(each["opacity"], each["lined"]) for each in first["layers"].values()]
        assert not any(each["shown"] for each in now["layers"].values()), "grey first"
    assert now["film"] == first["film"]


def test_only_a_models_line_is_dashed_whatever_was_drawn_before(viewer: Viewer) -> None:
    shown = viewer("plain")
    press(shown, "Breast edge")
    edge = picture(shown)
    press(shown, "Outlines")
    press(shown, "Outlines")
    assert not changed(edge, picture(shown)).any()


def test_a_window_of_256_values_shows_256_greys(proof: Viewer) -> None:
    shown = proof("codes")
    shown.get_by_label("Window preset").select_option("whole")
    shown.locator(".stage").focus()
    shown.page.keyboard.press("z")
    settle(shown)
    low, high = state(shown)["window"]["low"], state(shown)["window"]["high"]
    assert high - low + 1 == proof_page.CODES
    row, column = on_picture(shown, np.array([[75, 0]]))[0].astype(int)
    greys = picture(shown)[row, column : column + proof_page.CODES, 0]
    np.testing.assert_array_equal(greys, np.arange(256))
