"""A reader with a browser, from the address to the numbers."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from mammoview.domain import Magnification

APP = Path(__file__).parents[2] / "app.py"
SLOW = Path(__file__).parent / "pages" / "page_that_takes_its_time.py"
WITHOUT_WEIGHTS = Path(__file__).parent / "pages" / "page_without_weights.py"
ASSESSED_MS = 240_000
Serve = Callable[..., str]
Sent = dict[str, str | bytes]


A_SENTENCE = r"^(?!.*unexpected).{20,}"


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def address(serve: Serve, demo: Path, temporary: Path) -> str:
    environment = {
        "MAMMOVIEW_DEMO": str(demo),
        "TMPDIR": str(temporary),
        "STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": "1",
    }
    return serve(APP, environment)


def film() -> bytes:
    """A bright half disc on the left edge of a dark film, as a PNG."""
    rows, columns = np.mgrid[:512, :384]
    breast = np.hypot(rows - 256, columns) < 220
    picture = io.BytesIO()
    Image.fromarray((breast * 150).astype(np.uint8)).save(picture, "PNG")
    return picture.getvalue()


def sent(name: str, content: bytes) -> Sent:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def upload(page: Page, *files: Sent) -> None:
    page.get_by_role("radio", name="Upload").check(force=True)
    page.locator("input[type=file]").set_input_files(list(files))


BAD_UPLOADS = (
    sent("DOE_JANE.LJPEG", b"\xff\xd8\xff\xc3" + bytes(range(256)) * 8),
    sent("DOE_JANE.dcm", bytes(128) + b"DICM" + b"\xff" * 300),
    sent("DOE_JANE.png", b"\x89PNG\r\n\x1a\n" + bytes(64)),
    sent("DOE_JANE.ics", b"LEFT_CC LINES x"),
    sent("DOE_JANE", b"hello"),
)


def heading(page: Page, name: str) -> Locator:
    return page.get_by_role("heading", name=name, exact=True)


def expect_film(page: Page, source: str) -> None:
    expect(page.get_by_role("cell", name=source).first).to_be_visible(timeout=30_000)
    expect(page.get_by_role("button", name="Heatmap").first).to_be_visible()


def expect_refusal(page: Page, words: str) -> None:
    expect(page.get_by_role("alert").filter(has_text=re.compile(words))).to_be_visible(timeout=30_000)


def until(holds: Callable[[], bool], within_s: float) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.2)


def test_a_film_is_shown_before_it_is_assessed(page: Page, address: str) -> None:
    page.goto(address)
    expect_film(page, "P_0001_1.")
    expect(page.get_by_text("Research use only").first).to_be_visible()
    expect(page.get_by_role("row", name="Heatmap not run")).to_be_visible()
    expect(heading(page, "Findings")).to_have_count(0)


def test_the_demo_address_assesses_and_shows_findings_scorecard_and_networks(
    page: Page, address: str
) -> None:
    page.goto(f"{address}/?case=demo")
    expect(heading(page, "Findings")).to_be_visible(timeout=ASSESSED_MS)
    expect(page.get_by_role("columnheader", name="area mm²")).to_be_visible()
    agreement = page.get_by_role("row", name=re.compile(r"^1 mass"))
    expect(agreement.first).to_be_visible()
    expect(agreement).to_have_count(len(Magnification))
    page.get_by_text("×0.25", exact=True).last.click()
    expect(page.get_by_role("columnheader", name="tightness")).to_be_visible()
    expect(heading(page, "Networks")).to_be_visible()
    expect(page.get_by_role("button", name="Assess again")).to_be_enabled()


def test_another_reader_sees_nothing_of_the_first_ones_assessment(
    page: Page, address: str, browser: Browser
) -> None:
    page.goto(f"{address}/?case=demo")
    expect(heading(page, "Findings")).to_be_visible(timeout=ASSESSED_MS)
    with browser.new_context() as other:
        second = other.new_page()
        second.goto(address)
        expect_film(second, "P_0001_1.")
        expect(second.get_by_role("row", name="Heatmap not run")).to_be_visible()
        expect(heading(second, "Findings")).to_have_count(0)


def test_another_reader_sees_nothing_of_the_first_ones_upload(
    page: Page, address: str, browser: Browser
) -> None:
    page.goto(address)
    upload(page, sent("first-reader.png", film()))
    expect_film(page, "first-reader")
    with browser.new_context() as other:
        second = other.new_page()
        second.goto(address)
        second.get_by_role("radio", name="Upload").check(force=True)
        expect(second.get_by_text("Choose a case on the left")).to_be_visible()
        assert "first-reader" not in second.content()


def test_an_upload_is_removed_with_its_session(page: Page, address: str, temporary: Path) -> None:
    before = set(temporary.glob("mammoview-*/films/*"))
    page.goto(address)
    upload(page, sent("short-lived.png", film()))
    expect_film(page, "short-lived")
    kept = set(temporary.glob("mammoview-*/films/*")) - before
    assert [path.name for path in kept] == ["short-lived.png"]
    page.context.close()
    until(lambda: not any(path.exists() for path in kept), 15)


def test_bad_uploads_are_told_in_a_sentence_and_the_page_goes_on(
    page: Page, address: str, serve: Serve
) -> None:
    page.goto(address)
    upload(page, *BAD_UPLOADS[:1])
    expect_refusal(page, A_SENTENCE)
    for each in BAD_UPLOADS[1:]:
        page.get_by_role("button", name=re.compile("^Remove")).first.click()
        expect(page.get_by_text("Choose a case on the left")).to_be_visible()
        page.locator("input[type=file]").set_input_files([each])
        expect_refusal(page, A_SENTENCE)
    page.get_by_role("radio", name="Demo case").check(force=True)
    expect_film(page, "P_0001_1.")
    assert "DOE" not in serve.log(address)


def test_changing_the_case_to_and_fro_leaves_no_error(page: Page, address: str, serve: Serve) -> None:
    page.goto(address)
    expect_film(page, "P_0001_1.")
    for name in ("Upload", "Demo case") * 4:
        page.get_by_role("radio", name=name).check(force=True)
    expect_film(page, "P_0001_1.")
    page.get_by_role("radio", name="Upload").check(force=True)
    expect(page.get_by_text("Choose a case on the left")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="unexpected")).to_have_count(0)
    assert "unexpected" not in serve.log(address)


def test_no_address_but_the_demos_means_anything(page: Page, address: str) -> None:
    page.goto(f"{address}/?case=../../etc/passwd&file=DOE_JANE.dcm&scan=screening.png")
    expect_film(page, "P_0001_1.")
    expect(page.get_by_role("row", name="Heatmap not run")).to_be_visible()


def test_an_assessment_can_be_cancelled_and_begun_again(page: Page, serve: Serve, demo: Path) -> None:
    page.goto(serve(SLOW, {"MAMMOVIEW_DEMO": str(demo)}) + "/?case=demo")
    page.get_by_role("button", name="Cancel").click(timeout=60_000)
    expect(page.get_by_text("was cancelled")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("row", name="Heatmap not run")).to_be_visible()
    page.get_by_role("button", name="Assess", exact=True).click()
    page.get_by_role("button", name="Cancel").click(timeout=60_000)
    expect(page.get_by_text("was cancelled")).to_be_visible(timeout=60_000)


def test_without_weights_the_film_is_shown_and_a_sentence_says_what_is_missing(
    page: Page, serve: Serve, demo: Path
) -> None:
    page.goto(serve(WITHOUT_WEIGHTS, {"MAMMOVIEW_DEMO": str(demo)}) + "/?case=demo")
    expect_refusal(page, "is missing")
    expect_film(page, "P_0001_1.")
    expect(page.get_by_role("row", name=re.compile("^Heatmap failed: .* is missing"))).to_be_visible()
