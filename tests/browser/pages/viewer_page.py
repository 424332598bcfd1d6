"""A page with the viewer alone; the address says what it shows: ?scene=plain, mirrored, empty …

The scenes are laid out by hand, so that the tests know where each mark belongs.
"""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from mammoview.domain import (
    Assessment,
    BreastMask,
    Drawn,
    Finding,
    Heatmap,
    Laterality,
    Magnification,
    Mammogram,
    ModelCard,
    Outline,
    Saliency,
    ScanFacts,
    Settings,
    TissueGrid,
    View,
    Weighting,
)
from mammoview.geometry import Frame
from mammoview.ui.viewer import MeasuredError, viewer

ROWS, COLUMNS = 140, 220
FIELD = (192, 256)  # 3 × 4 cells of 64 reference pixels
MARK = (70, 110)  # one white pixel on the film
LEVEL = 0.5
SPACINGS = {"unmeasured": None, "oblong": (0.05, 0.1)}  # of the scenes that are not 0.06 mm per pixel
ERRORS = {
    Magnification.HALF: MeasuredError(
        "8.1% err", "total error: 8.1% (95 % interval 6.0% to 9.9%), 40 patches"
    ),
    Magnification.THIRD: MeasuredError("9.7% err", "total error: 9.7%"),
}
CARD = ModelCard(
    "tissue-0.5", "1", "", {}, {}, "films made by hand", "none", {}, 0.5, "Apache-2.0", "tests", "everything"
)
DISAGREEING = {Magnification.HALF: 0.9, Magnification.THIRD: 0.5, Magnification.QUARTER: 0.2}
DOUBTS = ("the spacing is not known", "the view was never seen")


def field_frame(mirrored: bool) -> Frame:
    """The field: perhaps mirrored, cut inside the film, at 1.2 reference pixels per scan pixel."""
    return Frame(COLUMNS, mirrored, origin=(6.0, 10.0), scale=(1.2, 1.2))


def saliency_marks(magnification: Magnification) -> NDArray[np.intp]:
    """(row, column) of four salient pixels, one near each corner of the field, at a magnification."""
    rows, columns = (n // magnification.reduction for n in FIELD)
    return np.array(
        [[3, 4], [3, columns - 6], [rows - 50 // magnification.reduction, 5], [rows // 2, columns // 2]]
    )


def mammogram(scene: str) -> Mammogram:
    pixels = np.full((ROWS, COLUMNS), 1000, np.uint16)
    if scene == "checkerboard":
        pixels = (np.indices((ROWS, COLUMNS)).sum(axis=0) % 2 * 65535).astype(np.uint16)
    elif scene == "other":
        pixels = np.tile(np.linspace(0, 60000, 200).astype(np.uint16), (100, 1))
    else:
        pixels[20:120, 2:150] = 20000
        pixels[MARK] = 65535
    reader = Outline(np.array([[40.0, 60.0], [40.0, 90.0], [60.0, 90.0], [60.0, 60.0]]))
    return Mammogram(
        pixels,
        source=f"scene.{scene}",
        laterality=Laterality.RIGHT if scene == "mirrored" else Laterality.LEFT,
        view=View.CC,
        spacing_mm=SPACINGS.get(scene, (0.06, 0.06)),
        spacing_source="made by hand",
        outlines=() if scene == "empty" else (reader,),
        synthetic=True,
    )


def assessment(film: Mammogram, scene: str) -> Assessment:
    field = field_frame(scene == "mirrored")
    one = 0.0 if scene == "empty" else 1.0
    model = Outline(np.array([[80.0, 100.0], [80.0, 130.0], [100.0, 115.0]]), drawn_by=Drawn.MODEL)
    found = Finding(model, model.centre(), model.box(), 0.9, 1.0)
    below = Outline(np.array([[110.0, 40.0], [110.0, 50.0], [118.0, 45.0]]), drawn_by=Drawn.MODEL)
    weaker = Finding(below, below.centre(), below.box(), 0.6, 0.3)
    heat = np.zeros((3, 4), np.float32)
    heat[1, 2] = one
    heatmap = Heatmap(heat, LEVEL, field.magnified(1 / 64), local_results=True)
    return Assessment(
        scan=ScanFacts(
            film.source, ROWS, COLUMNS, film.laterality, film.view, (0.06, 0.06), film.spacing_source, True
        ),
        cards=(CARD,),
        settings=Settings(),
        score=0.9,
        findings={"empty": (), "two": (found, weaker)}.get(scene, (found,)),
        grids={
            (m, stride): _grid(m, stride, field, one, scene) for m in Magnification for stride in (64, 32)
        },
        heatmap=heatmap,
        baseline=heatmap,
        saliency={m: _saliency(m, field, one, scene == "weighted") for m in Magnification},
        breast=BreastMask(np.ones((3, 4), bool), heatmap.frame),
        timings_s={},
        warnings=(),
    )


def _grid(magnification: Magnification, stride: int, field: Frame, one: float, scene: str) -> TissueGrid:
    """One suspicious cell, the second of the first row; or the same suspicion all over but for one cell."""
    step = stride * magnification.reduction
    suspicion = np.zeros([max(2, -(-n // step)) for n in FIELD], np.float32)
    if scene == "disagreeing":
        suspicion[:] = DISAGREEING[magnification]
        if (magnification, stride) == (Magnification.HALF, 32):  # whose cells are the heatmap's
            suspicion[1, 2] = DISAGREEING[Magnification.QUARTER]
    else:
        suspicion[0, 1] = one
    return TissueGrid(magnification, 256, stride, suspicion, LEVEL, field.magnified(1 / step))


def _saliency(magnification: Magnification, field: Frame, one: float, apart: bool) -> Saliency:
    """All marks in every map; or, `apart`, a mark of its own in each, and ever larger."""
    maps = {}
    for number, weighting in enumerate(Weighting):
        values = np.zeros([n // magnification.reduction for n in FIELD], np.float32)
        for mark, (row, column) in enumerate(saliency_marks(magnification)):
            if not apart:
                values[row, column] = one * 0.002
            elif mark == number:
                values[row, column] = one * 0.002 * 10**number
        maps[weighting] = values
    kept = np.ones((1, 1), bool)
    return Saliency(maps, magnification, kept, field.magnified(1 / magnification.reduction))


def main() -> None:
    st.set_page_config(page_title="viewer", layout="wide")
    st.session_state.runs = st.session_state.get("runs", 0) + 1
    scene = st.query_params.get("scene", "plain")
    other = st.toggle("Other film")
    away = st.toggle("Put away")
    st.button("Run again")
    st.text(f"Runs: {st.session_state.runs}")
    film = mammogram("other" if other else scene)
    found = None if scene == "unassessed" else assessment(film, scene)
    doubts = DOUBTS if scene == "unassessed" else ()
    if not away:
        viewer(film, found, key="viewer", magnification_errors=ERRORS, warnings=doubts)


if __name__ == "__main__":
    main()
