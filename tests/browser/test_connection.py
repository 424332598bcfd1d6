"""A reader's connection: hers alone, cut and joined again, and no address where a film could be asked for."""

from __future__ import annotations

import io
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, Response, WebSocket, WebSocketRoute, expect
from test_page import expect_film, sent, upload
from test_viewer import PAGES, picture, press, settle, state

import reading_page  # isort: skip  (its folder is on the path since test_viewer)

APP = Path(__file__).parents[2] / "app.py"
FAST = PAGES / "reading_page.py"
Serve = Callable[..., str]


@pytest.fixture(scope="module")
def fast(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page with one film, which is assessed in no time."""
    return serve(FAST, {"MAMMOVIEW_READINGS": str(tmp_path_factory.mktemp("readings"))})


def test_the_first_film_is_painted_without_an_error_or_a_missing_file(
    page: Page, serve: Serve, demo: Path
) -> None:
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(serve(APP, {"MAMMOVIEW_DEMO": str(demo)}))
    viewer = page.locator(".mammoview").first
    viewer.wait_for(timeout=60_000)
    settle(viewer)
    greys = picture(viewer)
    assert len(np.unique(greys)) > 100, "a breast is painted, not a blank stage"
    assert len(answers) > 5
    assert [answer.url for answer in answers if answer.status >= 400] == []


class Line:
    """The page's websocket, which can be cut and joined again."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.is_cut = False
        self.joined: list[tuple[WebSocketRoute, WebSocketRoute]] = []  # the page's end, the server's
        page.route_web_socket(re.compile("_stcore/stream"), self._join)

    def _join(self, socket: WebSocketRoute) -> None:
        if self.is_cut:
            socket.close(code=1001)
        else:
            self.joined.append((socket, socket.connect_to_server()))

    def cut(self) -> None:
        self.is_cut = True
        for end in self.joined.pop():
            end.close(code=1001)

    def join_again(self) -> None:
        """Wait until the page has connected again by itself, and has heard from the server."""
        self.is_cut = False
        with self.page.expect_websocket(lambda socket: "_stcore/stream" in socket.url, timeout=30_000):
            pass
        expect(self.page.get_by_test_id("stConnectionStatus")).to_have_count(0)


@pytest.mark.console_errors
def test_a_reader_whose_connection_was_cut_finds_everything_as_it_was(page: Page, fast: str) -> None:
    line = Line(page)
    page.goto(fast)
    viewer = page.locator(".mammoview").first
    page.get_by_role("button", name="Assess", exact=True).click()  # a new session would not have done so
    expect(page.get_by_role("button", name="Assess again")).to_be_enabled(timeout=60_000)
    press(viewer, "Heatmap")
    viewer.locator(".stage").focus()
    for key in ("w", "+", "+", "ArrowLeft", "i"):
        page.keyboard.press(key)
    settle(viewer)
    before = state(viewer)
    before.pop("drawn")
    line.cut()
    viewer.locator(".stage").focus()
    page.keyboard.press("e")  # reading goes on without a connection
    settle(viewer)
    assert state(viewer)["magnification"] == "0.25"
    page.keyboard.press("w")
    line.join_again()
    settle(viewer)
    after = state(viewer)
    after.pop("drawn")
    assert after == before
    expect(page.get_by_text(f"Score of the film: {reading_page.SCORE:.2f}")).to_be_visible()
    with page.expect_download() as started:  # only the server has it
        page.get_by_role("button", name="assessment.json").click()
    found = json.loads(Path(started.value.path()).read_text("utf-8"))
    assert found["score"] == pytest.approx(reading_page.SCORE)


def noise() -> tuple[bytes, NDArray[np.uint8]]:
    """A film of which no part occurs anywhere else: as a PNG, and its pixels."""
    pixels = np.random.default_rng(11).integers(0, 255, (512, 384)).astype(np.uint8)
    pixels[:, 300:] = 3
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue(), pixels


def film_in(frames: list[bytes], pixels: NDArray[np.uint8]) -> bool:
    """Whether a part of a row is among what was received, at any offset that 8 bits have in 16."""
    part = pixels[200, 40:104]
    wanted = [part.tobytes(), (part.astype("<u2") * 257).tobytes(), part.astype("<u2").tobytes()]
    return any(each in frame for frame in frames for each in wanted)


def listening(page: Page) -> list[bytes]:
    frames: list[bytes] = []

    def listen(socket: WebSocket) -> None:
        socket.on(
            "framereceived", lambda data: frames.append(data if isinstance(data, bytes) else data.encode())
        )

    page.on("websocket", listen)
    return frames


def test_no_byte_of_one_readers_film_reaches_another_and_no_address_gives_it(
    page: Page, serve: Serve, demo: Path, browser: Browser
) -> None:
    content, pixels = noise()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    mine = listening(page)
    page.goto(serve(APP, {"MAMMOVIEW_DEMO": str(demo)}))
    upload(page, sent("noise.png", content))
    expect_film(page, "noise")
    settle(page.locator(".mammoview").first)
    assert film_in(mine, pixels), "she herself receives it"

    with browser.new_context() as other:
        second = other.new_page()
        hers = listening(second)
        second.goto(page.url)
        viewer = second.locator(".mammoview").first
        viewer.wait_for(timeout=60_000)
        settle(viewer)
        assert len(hers) > 3
        assert not film_in(hers, pixels)

    addresses = {url for url in asked if urlsplit(url).scheme == "http"}
    assert len(addresses) > 5
    for url in addresses:
        kind, body = fetched_by_a_stranger(url)
        assert not film_in([body], pixels), url
        assert content[100:200] not in body, url
        is_of_the_page = re.search(r"/static/|favicon", urlsplit(url).path)
        assert is_of_the_page or not kind.startswith(("image/", "application/octet")), f"{url} is {kind}"


def fetched_by_a_stranger(url: str) -> tuple[str, bytes]:
    """Kind and body of what somebody without a cookie gets."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.headers.get_content_type(), answer.read()
    except urllib.error.HTTPError as refused:
        return "", refused.read()


FOCUSED = """() => {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    const name = element?.getAttribute("aria-label") ?? element?.innerText ?? "";
    return { name: name.trim(), kind: element?.className ?? "" };
}"""


SEEN = """element => {
    const { top, bottom } = element.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
}"""


def tab_to(page: Page, *, name: str = "", kind: str = "") -> None:
    """Press Tab until the focus is on what a reader looks for."""
    passed = []
    for _ in range(120):
        page.keyboard.press("Tab")
        found = page.evaluate(FOCUSED)
        if (name and found["name"] == name) or (kind and kind in str(found["kind"]).split()):
            return
        passed.append(found["name"])
    raise AssertionError(f"Tab never came to {name or kind}, only to {passed}")


def test_from_the_first_page_to_the_scorecard_without_a_mouse(page: Page, fast: str) -> None:
    page.goto(fast)
    viewer = page.locator(".mammoview").first
    viewer.wait_for(timeout=60_000)
    settle(viewer)
    tab_to(page, name="Assess")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Assess again")).to_be_enabled(timeout=60_000)
    tab_to(page, kind="stage")
    for key in ("1", "4", "e", "n"):
        page.keyboard.press(key)
    settle(viewer)
    now = state(viewer)
    assert now["layers"]["heatmap"]["visible"]
    assert now["layers"]["outlines"]["visible"]
    assert now["magnification"] == "0.25"
    tab_to(page, name="Hide all")
    page.keyboard.press("Space")
    settle(viewer)
    assert not any(layer["visible"] for layer in state(viewer)["layers"].values())
    scorecard = page.get_by_role("heading", name=re.compile("Agreement")).first
    for _ in range(60):
        if scorecard.evaluate(SEEN):
            break
        page.keyboard.press("Tab")
    expect(scorecard).to_be_in_viewport()
    expect(page.get_by_role("columnheader", name="tightness").first).to_be_attached()
