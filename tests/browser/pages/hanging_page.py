"""The page with a case laid out by hand; the address says which: ?case=demo&scene=four, missing, register …

Each film shows a half disc of 45 mm at its chest wall and two small white marks, 10 mm apart.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import reading_page
import streamlit as st
import viewer_page as scenes

from mammoview.domain import Film, Laterality, Mammogram, View
from mammoview.ui import session, sidebar
from mammoview.ui.page import main

HEIGHT_MM, WIDTH_MM = 120, 90
MARKS_MM = ((50.0, 20.0), (60.0, 20.0))  # down from the upper edge, away from the chest wall
NIPPLE_MM = (60.0, 45.0)
CASES = {  # label, spacing, whether the chest wall is on the left of the film
    "four": (("RCC", 0.5, False), ("LCC", 0.25, True), ("RMLO", 0.25, False), ("LMLO", 0.5, True)),
    "missing": (("LMLO", 0.5, True), ("LCC", 0.5, True), ("RCC", 0.5, False)),
    "mislabelled": (("RCC", 0.5, True), ("LCC", 0.5, True), ("LCC", 0.25, True), ("LMLO", 0.5, True)),
    "unmeasured": (("RCC", None, False), ("RMLO", 0.5, False)),
    "file": (("RCC", 0.5, False), ("LCC", 0.5, True)),
    "large": (("RCC", 0.05, False), ("LCC", 0.05, True)),
}


def at(spacing: float, down: float, away: float, chest_wall_left: bool) -> tuple[int, int]:
    """The scan pixel so many millimetres down the film and away from its chest wall."""
    columns = round(WIDTH_MM / spacing)
    column = int(away / spacing)
    return int(down / spacing), column if chest_wall_left else columns - 1 - column


def film(number: int, label: str, spacing: float | None, chest_wall_left: bool) -> Mammogram:
    mm = spacing or 0.5
    rows, columns = np.indices((round(HEIGHT_MM / mm), round(WIDTH_MM / mm)), np.float32)
    breast = np.hypot((rows + 0.5) * mm - 60, (columns + 0.5) * mm) < NIPPLE_MM[1]
    pixels = np.where(breast, 20000 + number, 900).astype(np.uint16)  # no two films are the same
    reach = round(0.5 / mm)
    for mark in MARKS_MM:
        row, column = at(mm, *mark, chest_wall_left=True)
        pixels[row - reach : row + reach + 1, column - reach : column + reach + 1] = 65535
    if not chest_wall_left:
        pixels = np.ascontiguousarray(pixels[:, ::-1])
    side, view = Laterality(label[0]), View(label[1:])
    return Mammogram(
        pixels, f"film.{number}", side, view, spacing and (spacing, spacing), "made by hand", synthetic=True
    )


def films(scene: str) -> tuple[Film, ...]:
    if scene == "register":  # the same film is a left CC as labelled, and a right one that is mislabelled
        made = [scenes.mammogram(each) for each in ("plain", "mirrored")]
        made[0] = replace(made[0], pixels=made[0].pixels + (made[0].pixels == 1000).astype(np.uint16))
        return tuple(Film(each.source, each.laterality, each.view, partial(_itself, each)) for each in made)
    if scene == "read":
        second = replace(reading_page.FILM, laterality=Laterality.RIGHT, source="second")
        second = replace(second, pixels=np.ascontiguousarray(second.pixels[:, ::-1]))
        both = (reading_page.FILM, second)
        return tuple(Film(each.source, each.laterality, each.view, partial(_itself, each)) for each in both)
    case = CASES[scene]
    if scene == "file":  # the first one's file brings a window of its own
        made = [film(number, *each) for number, each in enumerate(case)]
        made[0] = replace(made[0], voi="a window of the file")
        return tuple(Film(each.source, each.laterality, each.view, partial(_itself, each)) for each in made)
    return tuple(
        Film(f"film.{number}", Laterality(each[0][0]), View(each[0][1:]), partial(film, number, *each))
        for number, each in enumerate(case)
    )


def _itself(mammogram: Mammogram) -> Mammogram:
    return mammogram


class Prepared(getattr(session, "_plain", session.Session)):  # type: ignore[misc]
    """Some cases come with what the networks would have said."""

    def open(self, key: Any, read: Any, hers: bool = True) -> None:
        before = self._case
        super().open(key, read, hers)
        if self._case is before:
            return
        scene = st.query_params["scene"]
        if scene in ("register", "read"):
            for index, name in enumerate(("plain", "mirrored")):
                mammogram = self.mammogram(index)
                found = scenes.assessment(mammogram, name)
                self._case.assessments[index] = replace(found, score=reading_page.SCORE)


if __name__ == "__main__":
    session._plain = getattr(session, "_plain", session.Session)  # type: ignore[attr-defined]
    session.Session = Prepared  # type: ignore[misc]
    session._assess = reading_page.assess  # type: ignore[assignment]
    sidebar._demo = lambda: Path("demo")  # type: ignore[assignment]
    sidebar.open_case = lambda *_: films(st.query_params["scene"])  # type: ignore[assignment]
    main()
