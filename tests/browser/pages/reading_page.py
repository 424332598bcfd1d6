"""The page with one film laid out by hand, which is assessed in no time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import viewer_page as scenes

from mammoview.domain import Assessment, Film, Mammogram, Progress
from mammoview.ui import session, sidebar
from mammoview.ui.page import main

SCORE = 0.7312  # shown as 0.73


def film() -> Mammogram:
    """Large enough to notice if it were sent again."""
    small = scenes.mammogram("plain")
    pixels = np.zeros((600, 500), np.uint16)
    pixels[: scenes.ROWS, : scenes.COLUMNS] = small.pixels
    return replace(small, pixels=pixels)


FILM = film()


def assess(mammogram: Mammogram, progress: Progress) -> Assessment:
    progress(0.5, "assessing")
    return replace(scenes.assessment(mammogram, "plain"), score=SCORE)


if __name__ == "__main__":
    session._assess = assess  # type: ignore[assignment]
    sidebar._demo = lambda: Path("demo")  # type: ignore[assignment]
    sidebar.open_case = lambda *_: (Film("film", FILM.laterality, FILM.view, film),)  # type: ignore[assignment]
    main()
