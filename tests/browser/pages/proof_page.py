"""The viewer with scenes made for one question each: ?scene=codes, zero, one, nan, or a field such as 1-12-0.

A field's scene says whether the field is mirrored, and how many rows and columns of the film it leaves out.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st
import viewer_page as scenes
from numpy.typing import NDArray

from mammoview.domain import Assessment, Heatmap, Magnification, Mammogram, Saliency, TissueGrid, Weighting
from mammoview.geometry import Frame
from mammoview.ui.viewer import viewer

CORNERED = (120, 192)  # reference pixels of a field with marks in its corners, whole at every magnification
CODES = 256
FIRST_CODE = 31_000
FILLED = {"zero": 0.0, "one": 1.0, "nan": np.nan}


def codes() -> Mammogram:
    """A film of 256 neighbouring values, each on a column of its own."""
    pixels = np.tile(np.arange(FIRST_CODE, FIRST_CODE + CODES, dtype=np.uint16), (150, 1))
    return replace(scenes.mammogram("plain"), pixels=pixels, source="scene.codes")


def field_frame(scene: str) -> Frame:
    mirrored, row, column = (int(part) for part in scene.split("-"))
    return Frame(scenes.COLUMNS, bool(mirrored), origin=(float(row), float(column)), scale=(1.2, 1.2))


def corner_marks(magnification: Magnification) -> NDArray[np.intp]:
    """(row, column) of the four corners of the field, and of one pixel that no flip leaves in its place."""
    rows, columns = (n // magnification.reduction for n in CORNERED)
    return np.array(
        [[0, 0], [0, columns - 1], [rows - 1, 0], [rows - 1, columns - 1], [rows // 3, columns // 4]]
    )


def cornered(scene: str) -> Assessment:
    film, field = scenes.mammogram("plain"), field_frame(scene)
    return replace(
        scenes.assessment(film, "plain"), saliency={m: _corner_saliency(m, field) for m in Magnification}
    )


def _corner_saliency(magnification: Magnification, field: Frame) -> Saliency:
    values = np.zeros([n // magnification.reduction for n in CORNERED], np.float32)
    values[tuple(corner_marks(magnification).T)] = 0.002
    frame = field.magnified(1 / magnification.reduction)
    return Saliency(dict.fromkeys(Weighting, values), magnification, np.ones((1, 1), bool), frame)


def filled(value: float) -> Assessment:
    """The plain scene's layers with one value all over."""
    plain = scenes.assessment(scenes.mammogram("plain"), "plain")
    return replace(
        plain,
        findings=(),
        heatmap=_with(plain.heatmap, value),
        grids={place: _with_suspicion(grid, value) for place, grid in plain.grids.items()},
        saliency={m: _with_saliency(each, value) for m, each in plain.saliency.items()},
    )


def _with(heatmap: Heatmap, value: float) -> Heatmap:
    return replace(heatmap, heat=np.full_like(heatmap.heat, value))


def _with_suspicion(grid: TissueGrid, value: float) -> TissueGrid:
    return replace(grid, suspicion=np.full_like(grid.suspicion, value))


def _with_saliency(saliency: Saliency, value: float) -> Saliency:
    return replace(saliency, maps={w: np.full_like(each, value) for w, each in saliency.maps.items()})


def main() -> None:
    st.set_page_config(page_title="proof", layout="wide")
    scene = st.query_params.get("scene", "codes")
    film = codes() if scene == "codes" else scenes.mammogram("plain")
    if scene == "codes":
        found = None
    elif scene in FILLED:
        found = filled(FILLED[scene])
    else:
        found = cornered(scene)
    viewer(film, found, key="viewer", magnification_errors=None)


if __name__ == "__main__":
    main()
