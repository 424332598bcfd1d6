"""Assessments laid out by hand, so that every number of a scorecard or an export is known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mammoview.curves import Curves, Rate
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

ROWS, COLUMNS = 512, 384
"""The hand-made film, at 0.05 mm per pixel: 25.6 × 19.2 mm."""

PLAIN = Frame(COLUMNS)
MIRRORED = Frame(COLUMNS, mirrored=True)


CURVES = Curves(
    sha256="0" * 64,
    dataset="films made by hand",
    n=40,
    patients=12,
    threshold=0.5,
    sensitivity_there=Rate(0.9, 0.8, 0.97),
    false_positives_there=Rate(0.1, 0.04, 0.2),
    false_positive_rate=(0.0, 0.1, 1.0),
    sensitivity=(0.0, 0.9, 1.0),
    suspicion=(0.2, 0.8),
    frequency=(0.25, 0.75),
    counts=(20, 20),
    low=(0.1, None),
    high=(0.4, None),
)
"""Made up; of the network that `card` describes."""


def square(row: float, column: float, side: float, frame: Frame, drawn_by: Drawn = Drawn.READER) -> Outline:
    """A square given by its first corner and side in the edges of an image's pixels."""
    edges = np.array([row, column]) + side * np.array([[0, 0], [0, 1], [1, 1], [1, 0]])
    return Outline(frame.to_scan(edges - 0.5), drawn_by=drawn_by)


def finding(outline: Outline, score: float = 0.8) -> Finding:
    return Finding(
        replace(outline, drawn_by=Drawn.MODEL),
        outline.centre(),
        outline.box(),
        score,
        outline.area() * 0.05**2,
    )


def saliency(
    values: NDArray[np.float32], base: Frame = PLAIN, magnification: Magnification = Magnification.HALF
) -> Saliency:
    frame = base.magnified(1 / magnification.reduction)
    maps = dict.fromkeys(Weighting, np.asarray(values, np.float32))
    return Saliency(maps, magnification, np.zeros((2, 3), bool), frame)


def dark(magnification: Magnification = Magnification.HALF) -> NDArray[np.float32]:
    """Saliency of the whole hand-made film, 0 everywhere: at ×0.5 it has 256 × 192 pixels."""
    return np.zeros((ROWS // magnification.reduction, COLUMNS // magnification.reduction), np.float32)


def card(name: str) -> ModelCard:
    return ModelCard(
        name=name,
        version="1",
        sha256="0" * 64,
        architecture={"kind": "tissue"},
        inputs={"band_limit_mm": 0.1},
        trained_on="films made by hand",
        split="by patient",
        metrics={"auc": {"value": 0.9, "low": 0.8, "high": 0.95, "unit": "", "n": 10}},
        operating_point=0.5,
        licence="Apache-2.0",
        intended_use="research",
        limits="none known",
    )


def assessment(
    *saliencies: Saliency,
    findings: Sequence[Finding] = (),
    base: Frame = PLAIN,
    spacing_mm: tuple[float, float] = (0.05, 0.05),
    synthetic: bool = False,
) -> Assessment:
    """Cells of 64 reference pixels: 8 × 6 of them; the hottest and most suspicious is (2, 1)."""
    cells = base.magnified(1 / 64)
    heat = np.full((ROWS // 64, COLUMNS // 64), 0.1, np.float32)
    heat[2, 1] = 0.9
    grids = {
        (magnification, stride): TissueGrid(
            magnification,
            256,
            stride,
            _suspicion(magnification.reduction * stride),
            0.5,
            base.magnified(1 / (magnification.reduction * stride)),
        )
        for magnification in Magnification
        for stride in (64, 32)
    }
    scan = ScanFacts(
        "film", ROWS, COLUMNS, Laterality.LEFT, View.CC, spacing_mm, "given by the reader", synthetic
    )
    return Assessment(
        scan=scan,
        cards=(card("tissue-0.5"), card("heatmap-local-results")),
        settings=Settings(stride=64),
        score=0.87,
        findings=tuple(findings),
        grids=grids,
        heatmap=Heatmap(heat, 0.5, cells, local_results=True),
        baseline=Heatmap(heat / 2, 0.5, cells, local_results=False),
        saliency={one.magnification: one for one in saliencies},
        breast=BreastMask(np.ones(heat.shape, bool), cells),
        timings_s={"heatmap": 0.25},
        warnings=("the spacing was given by hand",),
    )


def _suspicion(cell: int) -> NDArray[np.float32]:
    suspicion = np.full((-(-ROWS // cell), -(-COLUMNS // cell)), 0.25, np.float32)
    suspicion[160 // cell, 96 // cell] = 0.75
    return suspicion


def mammogram(outlines: Sequence[Outline] = (), synthetic: bool = False) -> Mammogram:
    """A film of even grey, whose colours can only come from what is drawn on it."""
    pixels = np.full((ROWS, COLUMNS), 3000, np.uint16)
    pixels[:, :40] = 1000
    return Mammogram(
        pixels,
        "film",
        Laterality.LEFT,
        View.CC,
        (0.05, 0.05),
        outlines=tuple(outlines),
        synthetic=synthetic,
        warnings=("film.png: made by hand",),
    )
