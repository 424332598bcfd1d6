"""A reader with a browser reads first: until the reveal the browser has nothing of what the networks said."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, WebSocket, expect

PAGE = Path(__file__).parent / "pages" / "reading_page.py"
OF_THE_NETWORKS = (b"0.73", b"Score of the film", b"films made by hand", b'"local_results":', b'"vertices":')
MARKED = (70, 110)
FEW_BYTES = 20_000
ASSESSED_MS = 240_000


class Received:
    """What the server sends to a tab."""

    def __init__(self, page: Page) -> None:
        self.frames: list[bytes] = []
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda data: self.frames.append(data if isinstance(data, bytes) else b""))

    def found(self) -> list[bytes]:
        content = b"".join(self.frames)
        return [word for word in OF_THE_NETWORKS if word in content]


def record(page: Page, category: str) -> None:
    page.get_by_text(category, exact=True).click()
    button = page.get_by_role("button", name="Record", exact=True)
    expect(button).to_be_enabled()
    button.click()


def mark(page: Page, viewer: Locator) -> None:
    viewer.get_by_role("button", name="Mark", exact=True).click()
    place = viewer.evaluate("(element, [row, column]) => element.mammoview.scanToPage(row, column)", MARKED)
    page.mouse.click(place["x"], place["y"])
    expect(page.get_by_text("Mark at row {}, column {}.".format(*MARKED))).to_be_visible()


def test_before_the_reveal_the_browser_has_nothing_of_the_networks_and_afterwards_it_has(
    page: Page, serve: Callable[..., str], tmp_path: Path
) -> None:
    address = serve(PAGE, {"MAMMOVIEW_READINGS": str(tmp_path), "MAMMOVIEW_READ_FIRST": "1"})
    received = Received(page)
    page.goto(f"{address}/?case=demo")  # this address has the film assessed at once
    expect(page.get_by_role("button", name="Assess again")).to_be_enabled(timeout=ASSESSED_MS)
    viewer = page.locator(".mammoview")
    viewer.locator(".stage").focus()
    for key in ("1", "2", "3", "4", "Shift+1", "n", "0", "0"):
        page.keyboard.press(key)
    for layer in (
        "Heatmap",
        "Tissue grid",
        "Saliency",
        "Outlines",
        "Breast edge",
        "Disagreement",
        "Hide all",
    ):
        expect(viewer.get_by_role("button", name=layer, exact=True)).to_be_disabled()
    expect(viewer.locator(".state", has_text="hidden until revealed")).to_have_count(7)
    assert not any(
        layer["visible"] for layer in viewer.evaluate("e => e.mammoview.state()")["layers"].values()
    )
    expect(page.get_by_role("switch", name="Read first")).to_be_disabled()

    received_before = len(received.frames)
    mark(page, viewer)
    assert sum(map(len, received.frames[received_before:])) < FEW_BYTES, "a mark sends no pixels"
    record(page, "4 · Suspicious")
    reveal = page.get_by_role("button", name="Reveal")
    expect(reveal).to_be_enabled()
    assert received.found() == []
    assert "0.73" not in page.content()

    reveal.click()
    expect(page.get_by_role("heading", name="Findings", exact=True)).to_be_visible()
    expect(page.get_by_text("Score of the film: 0.73")).to_be_visible()
    heatmap = viewer.get_by_role("button", name="Heatmap", exact=True)
    expect(heatmap).to_be_enabled()
    expect(heatmap).to_have_attribute("aria-pressed", "false")
    assert received.found() == list(OF_THE_NETWORKS)
    heatmap.click()

    record(page, "2 · Benign")
    expect(page.get_by_text("2 · BI-RADS 2")).to_be_visible()
    page.get_by_text("Your readings").click()
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("Download 2 as CSV")).click()
    table = download.value.path().read_text("utf-8-sig")
    first, second = csv.DictReader(io.StringIO(table, newline=""))
    assert (first["birads_category"], second["birads_category"]) == ("4", "2")
    assert (first["mark_row"], first["mark_column"]) == tuple(map(str, MARKED))
    assert second["networks_at_recording"].startswith("tissue-0.5")
