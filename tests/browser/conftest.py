"""A real page in a real Chromium.

`serve(script, environment)` gives the address of a running page, `page` a tab that nobody else uses. The
tab cannot reach anything but this machine, and its test fails if it tried to or if the console showed an
error (`@pytest.mark.console_errors` allows errors in the console).
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, sync_playwright

from mammoview.phantom import write_case

REPOSITORY = Path(__file__).parents[2]
HERE = "127.0.0.1"
START_S = 60
SERVER = (
    f"--server.address={HERE}",
    "--server.headless=true",
    "--server.fileWatcherType=none",
    "--browser.gatherUsageStats=false",
)
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "console_errors: the page may write errors to the console")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium; without one the tests are skipped, or fail if MAMMOVIEW_REQUIRE_BROWSER=1."""
    executable = _chromium()
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=[*FLAGS, *sandbox])
        yield running
        running.close()


def _chromium() -> str:
    found = subprocess.run(
        [sys.executable, REPOSITORY / "tools" / "browser.py"], capture_output=True, text=True, check=False
    )
    if found.returncode == 0:
        return found.stdout.strip()
    reason = "THE PAGE WAS NOT TESTED: " + found.stderr.strip()
    if os.environ.get("MAMMOVIEW_REQUIRE_BROWSER") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@dataclass
class Watch:
    """What a reader's tabs wrote to the console and tried to reach."""

    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def new_context(self, browser: Browser) -> BrowserContext:
        """A reader of her own: no cookie, no storage and no address but this machine's."""
        context = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
        context.set_default_timeout(15_000)
        context.route("**/*", self._route)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        return context

    def _route(self, route: Route) -> None:
        address = urlsplit(route.request.url)
        if address.scheme in ("http", "https", "ws", "wss") and address.hostname != HERE:
            self.outside.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def page(browser: Browser, watch: Watch, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A tab in a fresh context."""
    context = watch.new_context(browser)
    yield context.new_page()
    context.close()
    assert not watch.outside, f"the page tried to reach {watch.outside}"
    if request.node.get_closest_marker("console_errors") is None:
        assert not watch.errors, f"the console shows {watch.errors}"


@dataclass
class Server:
    """Pages that are being served on free ports of this machine; one for each script and environment."""

    folder: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    addresses: dict[tuple[str, tuple[tuple[str, str], ...]], str] = field(default_factory=dict)

    def __call__(self, script: str | Path, environment: Mapping[str, str] | None = None) -> str:
        """Address, such as http://127.0.0.1:40123, once the page answers."""
        environment = dict(environment or {})
        key = (str(script), tuple(sorted(environment.items())))
        if key not in self.addresses:
            self.addresses[key] = self._start(Path(script), environment)
        return self.addresses[key]

    def log(self, address: str) -> str:
        """What that page has written to standard output and standard error so far."""
        return self._log_of(address).read_text(errors="replace")

    def stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def _start(self, script: Path, environment: Mapping[str, str]) -> str:
        port = _free_port()
        address = f"http://{HERE}:{port}"
        with self._log_of(address).open("wb") as log:
            self.running[address] = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "streamlit",
                    "run",
                    str(script.resolve()),
                    *SERVER,
                    f"--server.port={port}",
                ],
                cwd=REPOSITORY,
                env={**os.environ, "MAMMOVIEW_RESULTS": str(self.folder / f"results-{port}"), **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._await(address)
        return address

    def _await(self, address: str) -> None:
        process, deadline = self.running[address], time.monotonic() + START_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        pytest.fail(f"the page did not start:\n{self.log(address)[-2000:]}", pytrace=False)

    def _log_of(self, address: str) -> Path:
        return self.folder / f"page-{urlsplit(address).port}.log"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds a synthetic case, so that no page has to make its own."""
    folder = tmp_path_factory.mktemp("demo")
    write_case(folder, 1)
    return folder


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`serve(script, environment)` starts a page once and gives its address."""
    server = Server(tmp_path_factory.mktemp("pages"))
    yield server
    server.stop()
