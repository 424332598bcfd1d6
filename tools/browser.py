"""Find a Chromium for the browser tests, or bring one.

    python tools/browser.py             print the path of one that runs; exit status 1 if there is none
    python tools/browser.py --prepare   install one first, if there is none

In this order: $MAMMOVIEW_BROWSER, the system's, Debian's package (as root), Playwright's own download.
Needs nothing but Python's standard library; Playwright is asked in a process of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
APPLICATIONS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
PLAYWRIGHTS_OWN = (
    "from playwright.sync_api import sync_playwright\n"
    "with sync_playwright() as playwright: print(playwright.chromium.executable_path)"
)


def runs(candidate: str) -> bool:
    """Whether it is a browser that starts; Ubuntu's package is a stub that only points to a snap."""
    try:
        answer = subprocess.run([candidate, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


def system_browser() -> str | None:
    """The named one, or the first of the system's that runs."""
    named = os.environ.get("MAMMOVIEW_BROWSER")
    candidates = [named] if named else [*(shutil.which(name) for name in NAMES), *APPLICATIONS]
    return next((path for path in candidates if path and Path(path).exists() and runs(path)), None)


def playwright_browser() -> str | None:
    """The one that Playwright has downloaded, if it has."""
    answer = subprocess.run(
        [sys.executable, "-c", PLAYWRIGHTS_OWN], capture_output=True, text=True, timeout=60, check=False
    )
    path = answer.stdout.strip()
    return path if path and Path(path).exists() and runs(path) else None


def find() -> str | None:
    """Path of a Chromium that runs, or None."""
    return system_browser() or playwright_browser()


def install_debian() -> None:
    """Install Debian's package, as root."""
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
            subprocess.run(["apt-get", "-qq", *arguments], env=environment, stdout=sys.stderr, check=False)


def install_playwrights() -> None:
    """Download Playwright's own into its cache in the home folder."""
    subprocess.run(
        [sys.executable, "-m", "playwright", "install", "chromium"], stdout=sys.stderr, check=False
    )


def prepare() -> str | None:
    """Path of a Chromium that runs, installing one if there is none; None if nothing helped."""
    if path := find():
        return path
    for install in (install_debian, install_playwrights):
        print("No Chromium yet.", install.__doc__, file=sys.stderr)
        install()
        if path := find():
            return path
    return None


def main() -> int:
    path = prepare() if "--prepare" in sys.argv[1:] else find()
    if path is None:
        print("No Chromium was found: install one, or set MAMMOVIEW_BROWSER to its path.", file=sys.stderr)
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
