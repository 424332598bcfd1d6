"""A reader goes through the cases of the folder: by the list, and from film to film by key."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

HERE = Path(__file__).parent
PAGE = HERE / "pages" / "cases_page.py"
VIEWS = ("RIGHT_CC", "LEFT_CC", "RIGHT_MLO", "LEFT_MLO")
ROW_PX = 35
OVERLAY = """TOTAL_ABNORMALITIES 1
ABNORMALITY 1
LESION_TYPE {lesion}
ASSESSMENT {birads}
SUBTLETY 3
PATHOLOGY MALIGNANT
TOTAL_OUTLINES 1
BOUNDARY
100 100 2 2 2 4 4 4 6 6 6 0 0 0 #
"""
OF_EARLIER_READERS = re.compile("cancer|normal|malignant|calcification|mass|BI-RADS")
Serve = Callable[..., str]


def write_case(folder: Path, number: int, density: int, lesion: str = "", birads: int = 0) -> None:
    """Four films as pictures; a lesion on the last."""
    folder.mkdir(parents=True)
    rows, columns = np.mgrid[:512, :384]
    breast = np.hypot(rows - 256, columns) < 180 + 10 * number
    for view in VIEWS:
        Image.fromarray((breast * 150).astype(np.uint8)).save(folder / f"A_000{number}_1.{view}.png")
    size = "LINES 512 PIXELS_PER_LINE 384 BITS_PER_PIXEL 12 RESOLUTION 50"
    lines = [f"filename A-000{number}-1", f"DENSITY {density}", "DIGITIZER LUMISYS LASER"]
    drawn = {"LEFT_MLO": "OVERLAY"} if lesion else {}
    lines += [f"{view} {size} {drawn.get(view, 'NON_OVERLAY')}" for view in VIEWS]
    (folder / f"A-000{number}-1.ics").write_text("\n".join(lines) + "\n")
    if lesion:
        overlay = OVERLAY.format(lesion=lesion, birads=birads)
        (folder / f"A_000{number}_1.LEFT_MLO.OVERLAY").write_text(overlay)


@pytest.fixture(scope="module")
def address(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("archive")
    write_case(folder / "root" / "cancer_01" / "case0001", 1, 3, "MASS SHAPE OVAL MARGINS OBSCURED", 5)
    write_case(folder / "root" / "cancer_01" / "case0002", 2, 2, "CALCIFICATION TYPE PUNCTATE", 4)
    write_case(folder / "root" / "normal_01" / "case0003", 3, 2)
    write_case(folder / "demo", 9, 1)
    Image.fromarray(np.eye(64, dtype=np.uint8) * 200).save(folder / "secret.png")
    environment = {
        "MAMMOVIEW_DATA": str(folder / "root"),
        "MAMMOVIEW_DEMO": str(folder / "demo"),
        "MAMMOVIEW_READINGS": str(folder),
        "PYTHONPATH": str(HERE.parents[1]),
    }
    return serve(PAGE, environment)


def cells(page: Page, column: int) -> list[str]:
    """What the table shows in a column, from its text for those who do not see it."""
    return page.locator(f"[data-testid^=glide-cell-{column}-]").all_text_contents()


def bytes_of(frame: str | bytes) -> bytes:
    return frame if isinstance(frame, bytes) else frame.encode()


def expect_cases(page: Page, *names: str) -> None:
    expect(page.locator("[data-testid^=glide-cell-0-]")).to_have_text(list(names), timeout=30_000)


def open_by_name(page: Page, name: str) -> None:
    """Click on the name; the rows of the table are drawn on a canvas."""
    row = cells(page, 0).index(name)
    page.get_by_test_id("stDataFrame").click(position={"x": 60, "y": (row + 1.5) * ROW_PX})


def expect_place(page: Page, words: str) -> None:
    expect(page.get_by_test_id("stSidebar").get_by_text(words, exact=True)).to_be_visible(timeout=30_000)


def expect_film(page: Page, name: str) -> Locator:
    viewer = page.locator(".mammoview")
    expect(viewer.locator(".name")).to_contain_text(name, timeout=30_000)
    return viewer


def test_the_list_comes_first_and_says_what_the_files_say(page: Page, address: str) -> None:
    page.goto(address)
    expect_cases(page, "cancer_01/case0001", "cancer_01/case0002", "normal_01/case0003")
    expect(page.get_by_text("3 of 3 cases. Click")).to_be_visible(timeout=30_000)
    assert cells(page, 1) == ["RCC LCC RMLO LMLO"] * 3
    assert cells(page, 3) == ["3", "2", "2"]
    assert cells(page, 4) == ["mass", "calcification", ""]
    assert cells(page, 5) == ["5", "4", ""]
    assert cells(page, 6) == ["malignant", "malignant", ""]


def test_search_and_filters_narrow_the_list_and_stay_while_a_case_is_open(page: Page, address: str) -> None:
    page.goto(address)
    box = page.get_by_label("Find by name")
    box.fill("CASE0003")
    box.press("Enter")
    expect_cases(page, "normal_01/case0003")
    box.fill("cancer")
    box.press("Enter")
    expect_cases(page, "cancer_01/case0001", "cancer_01/case0002")
    page.get_by_role("combobox", name="Density").click()
    page.get_by_role("option", name="2").click()
    expect_cases(page, "cancer_01/case0002")
    page.keyboard.press("Escape")
    open_by_name(page, "cancer_01/case0002")
    expect_place(page, "case 1 of 1 · RCC 1 of 4")
    page.get_by_role("button", name="All cases").click()
    expect_cases(page, "cancer_01/case0002")
    expect(box).to_have_value("cancer")
    page.get_by_role("button", name="Back to").click()
    expect_film(page, "A_0002_1.RIGHT_CC")


def test_views_and_cases_follow_by_key_while_the_focus_stays_on_the_film(page: Page, address: str) -> None:
    page.goto(address)
    expect_cases(page, "cancer_01/case0001", "cancer_01/case0002", "normal_01/case0003")
    open_by_name(page, "cancer_01/case0002")
    viewer = expect_film(page, "A_0002_1.RIGHT_CC")
    viewer.locator(".stage").focus()
    page.keyboard.press("w")
    page.keyboard.press("z")
    for key, name, place in (
        ("v", "A_0002_1.LEFT_CC", "case 2 of 3 · LCC 2 of 4"),
        ("v", "A_0002_1.RIGHT_MLO", "case 2 of 3 · RMLO 3 of 4"),
        ("Shift+V", "A_0002_1.LEFT_CC", "case 2 of 3 · LCC 2 of 4"),
        ("PageDown", "A_0003_1.RIGHT_CC", "case 3 of 3 · RCC 1 of 4"),
        ("Shift+V", "A_0003_1.LEFT_MLO", "case 3 of 3 · LMLO 4 of 4"),
        ("k", "A_0002_1.RIGHT_CC", "case 2 of 3 · RCC 1 of 4"),
        ("PageUp", "A_0001_1.RIGHT_CC", "case 1 of 3 · RCC 1 of 4"),
        ("j", "A_0002_1.RIGHT_CC", "case 2 of 3 · RCC 1 of 4"),
    ):
        page.keyboard.press(key)
        expect_film(page, name)
        expect_place(page, place)
    state = viewer.evaluate("element => element.mammoview.state()")
    assert state["fitted"], "another film is seen as a whole"
    assert state["magnification"] == "0.33", "the magnification stays"
    assert not any(layer["shown"] for layer in state["layers"].values())
    page.keyboard.press("j")
    expect(viewer.locator(".spoken")).to_have_text("case 3 of 3, RCC, 1 of 4", timeout=30_000)
    page.keyboard.press("j")
    expect(viewer.locator(".spoken")).to_have_text("This is the last case of the list.")


def test_no_press_is_lost_when_they_follow_quickly(page: Page, address: str) -> None:
    page.goto(address)
    expect_cases(page, "cancer_01/case0001", "cancer_01/case0002", "normal_01/case0003")
    open_by_name(page, "cancer_01/case0001")
    expect_film(page, "A_0001_1.RIGHT_CC").locator(".stage").focus()
    for _ in range(3):
        page.keyboard.press("v")
    expect_film(page, "A_0001_1.LEFT_MLO")
    expect_place(page, "case 1 of 3 · LMLO 4 of 4")


def test_the_buttons_do_what_the_keys_do(page: Page, address: str) -> None:
    page.goto(address)
    expect_cases(page, "cancer_01/case0001", "cancer_01/case0002", "normal_01/case0003")
    open_by_name(page, "cancer_01/case0001")
    expect_place(page, "case 1 of 3 · RCC 1 of 4")
    expect(page.get_by_role("button", name="‹ previous")).to_be_disabled()
    page.get_by_role("button", name="next ›").click()
    expect_film(page, "A_0002_1.RIGHT_CC")
    page.get_by_role("button", name="‹ previous").click()
    expect_film(page, "A_0001_1.RIGHT_CC")


def test_a_case_opens_without_a_mouse(page: Page, address: str) -> None:
    page.goto(address)
    expect_cases(page, "cancer_01/case0001", "cancer_01/case0002", "normal_01/case0003")
    page.get_by_test_id("data-grid-canvas").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    opening = page.get_by_role("button", name=re.compile("^Open "))
    expect(opening).to_be_visible()
    words = opening.text_content()
    opening.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="All cases")).to_be_visible(timeout=30_000)
    expect_film(page, f"A_{words[-4:]}_1.RIGHT_CC" if words else "")


def test_what_one_reader_had_assessed_another_is_not_told(page: Page, address: str, browser: Browser) -> None:
    page.goto(address)
    expect_cases(page, "cancer_01/case0001", "cancer_01/case0002", "normal_01/case0003")
    open_by_name(page, "cancer_01/case0001")
    page.get_by_role("button", name="Assess", exact=True).click()
    expect(page.get_by_role("heading", name="Findings", exact=True)).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="All cases").click()
    expect_cases(page, "cancer_01/case0001", "cancer_01/case0002", "normal_01/case0003")
    expect(page.get_by_test_id("glide-cell-7-0")).to_have_text("1 of 4")
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        other = context.new_page()
        other.goto(address)
        expect_cases(other, "cancer_01/case0001", "cancer_01/case0002", "normal_01/case0003")
        assert cells(other, 7) == ["", "", ""]
        expect(other.get_by_role("button", name="Back to")).to_have_count(0)
    page.get_by_role("button", name="Back to").click()
    expect(page.get_by_role("heading", name="Findings", exact=True)).to_be_visible(timeout=30_000)


def test_who_reads_first_is_sent_nothing_of_what_earlier_readers_found(page: Page, address: str) -> None:
    received: list[bytes] = []
    page.on("websocket", lambda it: it.on("framereceived", lambda data: received.append(bytes_of(data))))
    page.goto(address)
    expect_cases(page, "cancer_01/case0001", "cancer_01/case0002", "normal_01/case0003")
    expect(page.get_by_text("3 of 3 cases. Click")).to_be_visible(timeout=30_000)
    received.clear()
    page.get_by_role("switch", name="Read first").check(force=True)
    expect_cases(page, "case0001", "case0002", "case0003")
    expect(page.get_by_text("are withheld here")).to_be_visible()
    expect(page.get_by_role("combobox", name="Lesion type")).to_have_count(0)
    table = page.locator("[role=grid]").text_content() or ""
    assert "RCC LCC RMLO LMLO" in table
    assert not OF_EARLIER_READERS.search(table)
    open_by_name(page, "case0002")
    expect_film(page, "A_0002_1.RIGHT_CC")
    assert not re.search(rb"cancer_01|normal_01|malignant|calcification", b"".join(received))
    page.get_by_role("button", name="All cases").click()
    page.get_by_role("switch", name="Read first").uncheck(force=True)
    expect_cases(page, "cancer_01/case0001", "case0002", "normal_01/case0003")
    assert cells(page, 4) == ["mass", "withheld", ""]


def test_nothing_outside_the_folder_is_listed_or_opened(page: Page, address: str) -> None:
    page.goto(address)
    for path in ("../secret.png", "../../../../etc/passwd", "/etc/passwd"):
        box = page.get_by_label("Find by name")
        box.fill(path)
        box.press("Enter")
        expect(page.get_by_text("No case has this in its name")).to_be_visible(timeout=30_000)
        expect(page.get_by_role("button", name=re.compile("^Open the path"))).to_have_count(0)
    box.fill("cancer_01/case0002/A_0002_1.LEFT_CC.png")  # what lies inside opens by its path
    box.press("Enter")
    page.get_by_role("button", name=re.compile("^Open the path")).click()
    expect_film(page, "A_0002_1.LEFT_CC")


def test_no_address_but_the_demos_means_anything(page: Page, address: str) -> None:
    page.goto(f"{address}/?case=cancer_01/case0001&file=secret.png&scan=../secret.png")
    expect_cases(page, "cancer_01/case0001", "cancer_01/case0002", "normal_01/case0003")
    page.goto(f"{address}/?case=demo")
    expect_film(page, "A_0009_1.RIGHT_CC")
    expect(page.get_by_role("heading", name="Findings", exact=True)).to_be_visible(timeout=30_000)
    page.get_by_role("radio", name="Case from this machine").check(force=True)
    expect_cases(page, "cancer_01/case0001", "cancer_01/case0002", "normal_01/case0003")


def test_the_sheet_of_keys_names_them(page: Page, address: str) -> None:
    page.goto(address)
    expect_cases(page, "cancer_01/case0001", "cancer_01/case0002", "normal_01/case0003")
    open_by_name(page, "cancer_01/case0001")
    viewer = expect_film(page, "A_0001_1.RIGHT_CC")
    viewer.get_by_role("button", name="Help").click()
    help_sheet = viewer.locator(".help")
    expect(help_sheet).to_contain_text("next view of the case")
    expect(help_sheet).to_contain_text("next case of the list")
    expect(help_sheet).to_contain_text("Mark")
