"""Measure the page against the budgets of a reading room, in a real Chromium.

    python tools/bench_page.py               print the table; exit status 1 if anything is above "at most"
    python tools/bench_page.py --json FILE   write every number too

A page of its own (`bench_scene.py`) serves the viewer with films of 4700 × 3000 pixels and every layer.

Measured, in the browser and by its clock, never by the driver's:

- keys: from the time stamp that the browser gave the key press to the frame after the one that was drawn for
  it, so the waits for two frames of the display are in it (17 to 33 ms at 60 Hz). The first look at each
  magnification, when its pictures are made, is among them.
- frames: from frame to frame while every frame has something new to draw, all layers shown. The display of
  60 Hz gives nothing shorter than 16.7 ms. "work" is the time that the browser's main thread took for a
  frame, painting included, waits for other threads and for the processor too; beside it the processor's own.
- opening: from the click to the painted film; the server's reading and sending of 28 MB is in it.
- bytes: what a rerun of the real page (app.py, demo case) receives by websocket.
- memory: proportional set size (PSS) of all renderer processes of the browser, every layer and magnification
  seen, after the films of the bench were opened in turn and the garbage was collected.

Not measured: rasterising and compositing on other threads except where they hold up the next frame, the
display itself, a network, and assessing, which runs on the server.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench_scene import write_films
from browser import find
from playwright.sync_api import Browser, CDPSession, Locator, Page, sync_playwright

HERE = Path(__file__).parent
REPOSITORY = HERE.parent
SIZE = {"width": 1440, "height": 900}
KEYS, FRAMES, OPENINGS, RERUNS = 48, 240, 10, 6
DISPLAY_MS = 1000 / 60
START_S = 120
FLAGS = ["--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]


@dataclass(frozen=True, slots=True)
class Budget:
    """A number that a reader feels; `samples` in `unit`, the 95th percentile counts."""

    name: str
    unit: str
    goal: float
    limit: float
    samples: Sequence[float]
    note: str = ""

    @property
    def p95(self) -> float:
        ordered = sorted(self.samples)
        return ordered[math.ceil(0.95 * len(ordered)) - 1]

    @property
    def verdict(self) -> str:
        """A frame that is late is late by a whole one: half a millisecond of the clock's is not."""
        slack = 0.5 if self.unit == "ms" else 0
        if self.p95 <= self.goal + slack:
            return "goal"
        return "within" if self.p95 <= self.limit + slack else "ABOVE"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="write every number to this file")
    arguments = parser.parse_args()
    executable = find()
    if executable is None:
        print("No Chromium was found: run tools/browser.py --prepare first.", file=sys.stderr)
        return 1
    load = os.getloadavg()[0]
    budgets = measured(executable)
    print(table(budgets))
    print(f"{os.cpu_count()} cores, load {load:.1f} before; above 1 the numbers are those of a busy machine.")
    if arguments.json:
        arguments.json.write_text(as_json(budgets, load), encoding="utf-8")
    return int(any(budget.verdict == "ABOVE" for budget in budgets))


def table(budgets: Sequence[Budget]) -> str:
    lines = [
        "| what | n | median | 95th percentile | goal | at most | verdict | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in budgets:
        middle = statistics.median(each.samples)
        numbers = [f"{value:.3g} {each.unit}" for value in (middle, each.p95, each.goal, each.limit)]
        lines.append(
            " | ".join(["| " + each.name, str(len(each.samples)), *numbers, each.verdict, each.note]) + " |"
        )
    return "\n".join(lines)


def as_json(budgets: Sequence[Budget], load: float) -> str:
    rows = [{**asdict(each), "p95": each.p95, "verdict": each.verdict} for each in budgets]
    return json.dumps({"cores": os.cpu_count(), "load_before": load, "budgets": rows}, indent=1)


def measured(executable: str) -> list[Budget]:
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        print("Making two films of 4700 × 3000 pixels …", file=sys.stderr)
        write_films(folder)
        browser = playwright.chromium.launch(executable_path=executable, args=[*FLAGS, *sandbox])
        with serving(HERE / "bench_scene.py", {"BENCH_FILMS": name}) as address:
            budgets = of_the_viewer(browser, address)
        with serving(REPOSITORY / "app.py", {"MAMMOVIEW_DEMO": str(folder / "demo")}) as address:
            budgets.append(of_a_rerun(browser, address))
        browser.close()
    return budgets


@contextmanager
def serving(script: Path, environment: dict[str, str]) -> Iterator[str]:
    """Address of a page that is served while the block runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}"]
    command = [sys.executable, "-m", "streamlit", "run", str(script), *arguments]
    with subprocess.Popen(
        command, cwd=REPOSITORY, env={**os.environ, **environment}, stdout=subprocess.DEVNULL
    ) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            await_page(address)
            yield address
        finally:
            server.send_signal(signal.SIGTERM)


def await_page(address: str) -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return


def opened(browser: Browser, address: str) -> tuple[Page, Locator]:
    page = browser.new_page(viewport=SIZE)
    page.set_default_timeout(240_000)
    page.goto(address)
    viewer = page.locator(".mammoview").first
    viewer.wait_for()
    idle(viewer)
    return page, viewer


def idle(viewer: Locator) -> None:
    ready = "element => Boolean(element.mammoview?.state().film) && element.mammoview.state().idle"
    viewer.page.wait_for_function(ready, arg=viewer.element_handle(), polling=50)


def of_the_viewer(browser: Browser, address: str) -> list[Budget]:
    page, viewer = opened(browser, address)
    viewer.evaluate((HERE / "bench_page.js").read_text(encoding="utf-8"))
    openings = [opening(viewer) for _ in range(OPENINGS)]
    stage = viewer.locator(".stage")
    stage.focus()
    budgets = [keys(viewer, name, presses) for name, presses in KEYS_OF.items()]
    budgets += [drag(viewer, name) for name in DRAGS]
    seconds = [number / 1000 for number in openings]
    budgets.append(Budget("first paint after opening a film", "s", 2.5, 4, seconds))
    for key in "qwe":
        page.keyboard.press(key)
        idle(viewer)
    budgets.append(Budget("browser memory, one view", "MB", 350, 500, memory(page)))
    page.close()
    return budgets


KEYS_OF = {
    "magnification switch": ("q", "w", "e"),  # first: its first looks make the pictures
    "layer toggle": ("1", "2", "3", "4", "5", "6"),
    "hide all": ("0",),
    "invert": ("i",),
    "blink step": ("b",),
}
"""What is pressed for each budget; all layers are shown before each."""


def keys(viewer: Locator, name: str, presses: Sequence[str]) -> Budget:
    """Presses in turn, each awaited until it is painted."""
    page = viewer.page
    show_all(viewer)
    viewer.evaluate("() => { bench.keys.length = 0; }")
    for number in range(KEYS):
        page.keyboard.press(presses[number % len(presses)])
        page.wait_for_function("count => bench.keys.length === count", arg=number + 1, polling=20)
    found = page.evaluate("bench.keys")
    idle_keys = sum(not each["drew"] for each in found)
    # A magnification that is there already draws nothing: only the very first press can be such a one.
    if idle_keys > 1:
        raise RuntimeError(f"{name}: {idle_keys} of {KEYS} presses drew nothing")
    draw = statistics.median(each["draw"] for each in found)
    return Budget(name, "ms", 50, 100, [each["ms"] for each in found], f"drawing {draw:.1f} ms")


def show_all(viewer: Locator) -> None:
    layers = viewer.evaluate("element => element.mammoview.state().layers")
    for number, layer in enumerate(layers.values(), 1):
        if not layer["shown"]:
            viewer.page.keyboard.press(str(number))
    idle(viewer)


DRAGS = {"window": "right", "opacity": None, "level": None, "pan": "left", "zoom": None}
"""What is dragged, and with which button of the mouse."""


def drag(viewer: Locator, name: str) -> Budget:
    """Frames while something changes in every one; pan and zoom begin at a film that fills the stage."""
    page, button = viewer.page, DRAGS[name]
    show_all(viewer)
    page.keyboard.press("f")
    for _ in range(2 if name in ("pan", "zoom") else 0):
        page.keyboard.press("+")
    box = viewer.locator(".stage").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    idle(viewer)
    if button:
        page.mouse.down(button=button)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = main_thread_ms(devtools)
    found = page.evaluate("([name, count]) => bench.drag(name, count)", [name, FRAMES])
    processor = (main_thread_ms(devtools) - before) / FRAMES
    devtools.detach()
    if button:
        page.mouse.up(button=button)
    if found["missed"] > FRAMES / 4:
        raise RuntimeError(f"{name}: {found['missed']} of {FRAMES} frames drew nothing")
    work = Budget("", "ms", 0, 0, found["work"])
    note = f"work {statistics.median(work.samples):.1f} ms, 95th percentile {work.p95:.1f}; "
    note += f"{processor:.1f} on the processor"
    label = {"window": "window/level"}.get(name, name)
    return Budget(
        f"frame while dragging: {label}", "ms", DISPLAY_MS, 2 * DISPLAY_MS, found["intervals"], note
    )


def main_thread_ms(devtools: CDPSession) -> float:
    """Processor time of the page's main thread so far: what no other work on the machine changes."""
    metrics = {each["name"]: each["value"] for each in devtools.send("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"]) * 1000


def opening(viewer: Locator) -> float:
    """Milliseconds from the click on the switch to the other film's painted frame."""
    viewer.evaluate("() => bench.opening()")
    viewer.page.get_by_text("Second film").click()
    milliseconds = viewer.page.evaluate("() => bench.opened")
    idle(viewer)
    return float(milliseconds)


def of_a_rerun(browser: Browser, address: str) -> Budget:
    """Bytes that the real page receives for a rerun that changes nothing."""
    page = browser.new_page(viewport=SIZE)
    page.set_default_timeout(240_000)
    received: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: received.append(len(data))))
    page.goto(address)
    viewer = page.locator(".mammoview").first
    viewer.wait_for()
    idle(viewer)
    page.wait_for_timeout(2000)
    kilobytes = []
    for _ in range(RERUNS):
        received.clear()
        page.evaluate("document.activeElement?.blur()")
        page.keyboard.press("r")
        page.wait_for_timeout(2500)
        if not received:
            raise RuntimeError("the page did not run again")
        kilobytes.append(sum(received) / 1000)
    page.close()
    return Budget("bytes on a rerun that changes no pixels", "KB", 5, 50, kilobytes)


def memory(page: Page) -> list[float]:
    """PSS of this browser's renderers in MB."""
    devtools: CDPSession = page.context.new_cdp_session(page)
    for _ in range(2):
        devtools.send("HeapProfiler.collectGarbage")
        page.wait_for_timeout(500)
    return [sum(pss(process) for process in renderers()) / 1000]


def renderers() -> Iterator[Path]:
    """/proc of the renderers that descend from this process: other browsers run on this machine too."""
    parents, commands = {}, {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parents[process.name] = (process / "stat").read_text().rpartition(")")[2].split()[1]
            commands[process.name] = (process / "cmdline").read_bytes()
        except OSError:
            continue
    for number, command in commands.items():
        ancestor = number
        while ancestor in parents and ancestor != str(os.getpid()):
            ancestor = parents[ancestor]
        if ancestor == str(os.getpid()) and b"--type=renderer" in command:
            yield Path("/proc") / number


def pss(process: Path) -> float:
    """Proportional set size in kB."""
    lines = (process / "smaps_rollup").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("Pss:"))


if __name__ == "__main__":
    sys.exit(main())
