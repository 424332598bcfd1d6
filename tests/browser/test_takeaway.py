"""What a reader takes away, and the panel of curves, in a real browser."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from mammoview.curves import write_curves
from mammoview.export import film_report
from mammoview.ui import takeaway
from tests import handmade
from tests.browser.pages import takeaway_page
from tests.handmade import PLAIN, dark, finding, square

HERE = Path(__file__).parent
Serve = Callable[..., str]
WARNING = (
    "film: the film is unlike those that the networks were trained on: " + "its breast is brighter, " * 4
)


@pytest.fixture(scope="module")
def address(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("weights")
    write_curves({"tissue-0.5": handmade.CURVES}, folder)
    paths = {"WEIGHTS": str(folder), "PYTHONPATH": str(HERE.parents[1])}
    return serve(HERE / "pages" / "takeaway_page.py", paths)


def crowded() -> bytes:
    """The report of a film with more of everything than most have."""
    lines = [square(40 + 50 * i, 120, 40, PLAIN) for i in range(8)]
    values = dark()
    values[20:230, 60:90] = 1
    film = replace(
        handmade.mammogram(lines),
        facts={f"fact {i}": "what the source says of it" for i in range(6)},
        warnings=tuple(f"{i} {WARNING}" for i in range(5)),
    )
    found = handmade.assessment(handmade.saliency(values), findings=[finding(line) for line in lines])
    cards = tuple(
        replace(handmade.card(f"network-{i}"), limits="Was shown masses only. Digital ones were not trained")
        for i in range(5)
    )
    return film_report.content(replace(found, cards=cards), film, datetime.date(2026, 2, 3))


def test_even_a_crowded_report_is_one_page_of_paper(page: Page, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_bytes(crowded())
    page.goto((tmp_path / "report.html").as_uri())
    assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")
    assert page.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") == 1


def test_a_file_is_saved_as_it_was_made_and_lies_at_no_address(page: Page, address: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address, timeout=120_000)
    for name in ("assessment.json", "layers.npz"):
        with page.expect_download(timeout=120_000) as started:
            page.get_by_role("button", name=name).click(timeout=60_000)
        assert started.value.suggested_filename == name
        saved = Path(started.value.path()).read_bytes()
        assert saved == takeaway.made(name, *takeaway_page.assessed.__wrapped__())
    assert not [url for url in asked if urlsplit(url).path.startswith("/media/")]


def test_the_curves_are_drawn_when_their_panel_is_opened(page: Page, address: str) -> None:
    page.goto(address, timeout=120_000)
    opens = page.get_by_text("Suspicions of this film")
    expect(opens).to_be_visible(timeout=60_000)
    expect(page.locator(".js-plotly-plot")).to_have_count(0)
    opens.click(timeout=60_000)
    expect(page.locator(".js-plotly-plot")).to_have_count(3, timeout=120_000)
    expect(page.get_by_text("sensitivity 0.900 (95 % interval 0.800 to 0.970)")).to_be_visible()
