"""The page that `tools/bench_page.py` measures: the viewer with one of two large films and every layer.

The films lie in the folder `BENCH_FILMS` as 16-bit pictures and are read when they are chosen, as a reader's
are. Their assessments are made up in the sizes and the density of a real one: what they cost the browser is
true, what they say is not.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from mammoview.domain import (
    Assessment,
    BreastMask,
    Drawn,
    Finding,
    Given,
    Heatmap,
    Laterality,
    Magnification,
    Mammogram,
    Outline,
    Saliency,
    Settings,
    TissueGrid,
    View,
    Weighting,
)
from mammoview.geometry import Frame
from mammoview.prepare import CELL, scan_facts
from mammoview.readers import read
from mammoview.ui.viewer import viewer

ROWS, COLUMNS = 4700, 3000
SPACING_MM = 0.05
FIELD = (4672, 2560)  # reference pixels: whole cells of the heatmap that hold the breast
NAMES = ("first.png", "second.png")
PATCH_MM, KEPT = 25.6, 8  # side and number of the patches that are kept at each magnification
LEVEL = 0.5


def write_films(folder: Path) -> None:
    """Two 16-bit films of one breast each, with grain: noise is what compresses and caches worst."""
    for number, name in enumerate(NAMES):
        rng = np.random.default_rng(number)
        rows, columns = np.mgrid[:ROWS, :COLUMNS].astype(np.float32)
        reach = np.hypot((rows - ROWS / 2) / 2200, columns / (2300 + 100 * number))
        tissue = 22000 + 9000 * np.sin(rows / 170) * np.cos(columns / 130)
        grain = rng.normal(0, 350, (ROWS, COLUMNS)).astype(np.float32)
        film = np.where(reach < 1, tissue * np.sqrt(np.clip(1.2 - reach, 0, 1)) + 9000, 2500) + grain
        Image.fromarray(np.clip(film, 0, 65535).astype(np.uint16)).save(folder / name, compress_level=1)


def film(path: Path) -> Mammogram:
    (found,) = read(path, Given(Laterality.LEFT, View.CC, SPACING_MM))
    return found


def assessment(mammogram: Mammogram) -> Assessment:
    """Every layer at every magnification and stride, smooth as those of networks are."""
    rng = np.random.default_rng(3)
    field = Frame(mammogram.pixels.shape[1], mirrored=True, origin=(14.0, 420.0), scale=(1.0, 1.0))
    cells = (FIELD[0] // CELL, FIELD[1] // CELL)
    heatmap = Heatmap(_smooth(rng, cells), LEVEL, field.magnified(1 / CELL), local_results=True)
    findings = tuple(_finding(centre) for centre in ((1200.0, 900.0), (2500.0, 1400.0), (3300.0, 700.0)))
    return Assessment(
        scan=scan_facts(mammogram),
        cards=(),
        settings=Settings(),
        score=0.9,
        findings=findings,
        grids={(m, s): _grid(rng, field, m, s) for m in Magnification for s in (64, 32)},
        heatmap=heatmap,
        baseline=heatmap,
        saliency={m: _saliency(rng, field, m) for m in Magnification},
        breast=BreastMask(np.ones(cells, bool), heatmap.frame),
        timings_s={},
        warnings=(),
    )


def _smooth(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float32]:
    coarse = Image.fromarray(rng.random((8, 5), np.float32) ** 2)
    return np.clip(np.asarray(coarse.resize(shape[::-1], Image.Resampling.BICUBIC)), 0, 1).astype(np.float32)


def _grid(rng: np.random.Generator, field: Frame, magnification: Magnification, stride: int) -> TissueGrid:
    step = stride * magnification.reduction
    shape = (-(-FIELD[0] // step), -(-FIELD[1] // step))
    return TissueGrid(magnification, 256, stride, _smooth(rng, shape), LEVEL, field.magnified(1 / step))


def _saliency(rng: np.random.Generator, field: Frame, magnification: Magnification) -> Saliency:
    rows, columns = (n // magnification.reduction for n in FIELD)
    side = round(PATCH_MM / magnification.mm)
    corners = np.column_stack([rng.integers(0, rows - side, KEPT), rng.integers(0, columns - side, KEPT)])
    maps = {}
    for weighting in Weighting:
        values = np.zeros((rows, columns), np.float32)
        for row, column in corners:
            values[row : row + side, column : column + side] += rng.exponential(1e-4, (side, side))
        maps[weighting] = values
    return Saliency(maps, magnification, np.ones((1, 1), bool), field.magnified(1 / magnification.reduction))


def _finding(centre: tuple[float, float]) -> Finding:
    turns = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    line = Outline(np.column_stack([np.sin(turns), np.cos(turns)]) * 180 + centre, drawn_by=Drawn.MODEL)
    return Finding(line, line.centre(), line.box(), 0.9, 250.0)


def main() -> None:
    st.set_page_config(page_title="bench", layout="wide")
    st.session_state.runs = st.session_state.get("runs", 0) + 1
    name = NAMES[st.toggle("Second film")]
    st.button("Run again")
    st.text(f"Runs: {st.session_state.runs}")
    if st.session_state.get("name") != name:
        st.session_state.name = name
        st.session_state.film = film(Path(os.environ["BENCH_FILMS"]) / name)
        st.session_state.found = assessment(st.session_state.film)
    viewer(st.session_state.film, st.session_state.found, key="viewer", magnification_errors=None)


if __name__ == "__main__":
    main()
