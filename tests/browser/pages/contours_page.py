"""The viewer with outlines and findings laid out by hand: ?scene=plain, mirrored, unmeasured …

Outline 1 meets finding 1; outline 3 is met by none; finding 2 is nearest to no outline. Saliency lies in a
square inside outline 1 and in a pixel far from it, and the share of each is another at each magnification.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st
import viewer_page as scenes

from mammoview.domain import (
    Assessment,
    Drawn,
    Finding,
    Laterality,
    LesionType,
    Magnification,
    Mammogram,
    Outline,
    Pathology,
    Saliency,
    View,
    Weighting,
)
from mammoview.ui import profile
from mammoview.ui.viewer import viewer


def box(top: float, left: float, bottom: float, right: float, **said: object) -> Outline:
    corners = np.array([[top, left], [top, right], [bottom, right], [bottom, left]])
    return Outline(corners, **said)  # type: ignore[arg-type]


DRAWN = (
    box(30, 40, 70, 90, lesion_type=LesionType.MASS, description="OVAL", pathology=Pathology.BENIGN),
    box(44, 60, 50, 66, core=True),
    box(90, 20, 110, 40, lesion_type=LesionType.CALCIFICATION, abnormality=2),
)
FOUND = (box(40, 50, 80, 100, drawn_by=Drawn.MODEL), box(100, 190, 120, 210, drawn_by=Drawn.MODEL))


LARGE = (500, 300)  # of 0.5 mm
TIP = (260, 230)  # from the chest wall


def large(mirrored: bool) -> Mammogram:
    """A breast of 240 × 115 mm whose tip is at a known place, without outlines."""
    rows, columns = np.indices(LARGE)
    inside = np.hypot((rows - TIP[0]) / 240, (columns + 0.5) / TIP[1]) < 1
    pixels = np.where(inside, 20000, 900).astype(np.uint16)
    side = Laterality.RIGHT if mirrored else Laterality.LEFT
    shown = np.ascontiguousarray(pixels[:, ::-1]) if mirrored else pixels
    return Mammogram(
        shown, "large", side, View.CC, spacing_mm=(0.5, 0.5), spacing_source="by hand", synthetic=True
    )


def mammogram(scene: str) -> Mammogram:
    if scene.startswith("large"):
        return large(scene == "large-mirrored")
    return replace(scenes.mammogram(scene), outlines=DRAWN)


def assessment(scene: str) -> Assessment:
    found = tuple(
        Finding(line, line.centre(), line.box(), score, 5.0)
        for line, score in zip(FOUND, (0.9, 0.4), strict=True)
    )
    salient = {each: saliency(each, scene == "mirrored") for each in Magnification}
    return replace(scenes.assessment(mammogram(scene), scene), findings=found, saliency=salient)


def saliency(magnification: Magnification, mirrored: bool) -> Saliency:
    frame = scenes.field_frame(mirrored).magnified(1 / magnification.reduction)
    values = np.zeros([n // magnification.reduction for n in scenes.FIELD], np.float32)
    inside, outside = np.rint(frame.from_scan([(50, 60), (90, 150)])).astype(int)
    half = 4 - magnification.reduction  # 2, 1 or 0 pixels to each side
    values[inside[0] - half : inside[0] + half + 1, inside[1] - half : inside[1] + half + 1] = 1
    values[tuple(outside)] = {Magnification.HALF: 0.5, Magnification.THIRD: 0.9}.get(magnification, 3)
    return Saliency(dict.fromkeys(Weighting, values), magnification, np.ones((1, 1), bool), frame)


def main() -> None:
    st.set_page_config(page_title="contours", layout="wide")
    st.session_state.runs = st.session_state.get("runs", 0) + 1
    scene = st.query_params.get("scene", "plain")
    st.text(f"Runs: {st.session_state.runs}")
    found = None if scene == "unassessed" or scene.startswith("large") else assessment(scene)
    withheld = scene == "withheld"
    taking = partial(profile.take, scene)
    viewer(
        mammogram(scene), found, key="viewer", magnification_errors=None, withheld=withheld, profiling=taking
    )
    profile.panel(scene, mammogram(scene), None if withheld else found)


if __name__ == "__main__":
    main()
