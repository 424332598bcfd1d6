"""A reading list does not fill the browser."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page
from test_viewer import PAGES, settle, state

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import bench_page

CASES = 20


@pytest.mark.long
@pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists(), reason="only Linux says what a process holds"
)
def test_after_twenty_cases_the_browser_holds_what_it_held_after_the_third(
    page: Page, serve: Callable[..., str]
) -> None:
    """Streamlit's own page holds on to what it drew in the two runs before; nothing else may add up."""
    page.goto(serve(PAGES / "many_films_page.py"))
    viewer = page.locator(".mammoview").first
    viewer.wait_for(timeout=60_000)
    settle(viewer)
    look_at_everything(viewer)
    (first,) = bench_page.memory(page)
    assert first > 100, "a film of 14 megapixels of 16 bits and its smaller copies are there"
    held = [first, *(after_the_next(viewer) for _ in range(CASES))]
    assert held[-1] < 1.2 * held[2], f"MB after each case: {[round(each) for each in held]}"


def after_the_next(viewer: Locator) -> float:
    """MB when another case has been looked at."""
    film = state(viewer)["film"]
    viewer.page.get_by_role("button", name="Next case").click()
    settle(viewer, f"e => e.mammoview.state().film !== '{film}' && e.mammoview.state().idle")
    look_at_everything(viewer)
    (held,) = bench_page.memory(viewer.page)
    return held


def look_at_everything(viewer: Locator) -> None:
    viewer.locator(".stage").focus()
    for key in "123456qwe":
        viewer.page.keyboard.press(key)
        settle(viewer)
