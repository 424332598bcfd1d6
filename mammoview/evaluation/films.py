"""What the networks say of one film: heat, findings, saliency and baselines, each against the annotation."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mammoview.backend import assess
from mammoview.backend.findings import find
from mammoview.backend.saliency import contributions, hot_pixels
from mammoview.domain import (
    Agreement,
    Assessment,
    Drawn,
    Finding,
    LesionType,
    Magnification,
    Mammogram,
    Outline,
    Pathology,
    Saliency,
    Settings,
    Weighting,
)
from mammoview.evaluation.froc import HIT_RULES, FilmMarks, mark
from mammoview.evaluation.gradcam import added_up, grad_cam, hires_cam
from mammoview.evaluation.heat import heat_target
from mammoview.evaluation.lattice import Cells, sorted_cells
from mammoview.evaluation.places import marked_nowhere
from mammoview.geometry import Frame
from mammoview.models.cards import Suite
from mammoview.models.tissue import TissueClassifier
from mammoview.prepare import CELL, magnify, prepare
from mammoview.readers.annotated import AnnotatedFilm
from mammoview.scorecard import agreements

__all__ = [
    "ENTROPY",
    "GRAD_CAM",
    "HIRES_CAM",
    "SALIENCY",
    "UNIFORM",
    "Judged",
    "Lesion",
    "film_scores",
    "judge",
]

SWEPT_LEVEL: Final = 0.01
"""Findings are looked for from this heat on, below any card's level, so that a FROC is not cut short."""

HIGHEST: Final = 10
"""Products whose mean is one of the compared scores of a film."""

SALIENCY: Final = "saliency"
ENTROPY: Final = "saliency, entropy as it is"
GRAD_CAM: Final = "Grad-CAM"
HIRES_CAM: Final = "HiResCAM"
UNIFORM: Final = "uniform over the heat region"


@dataclass(frozen=True, slots=True)
class Lesion:
    """What an annotation says of its lesion; `outline` counts the film's outlines."""

    outline: int
    lesion_type: LesionType | None
    pathology: Pathology | None
    subtlety: int | None
    description: str


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One film, assessed and compared with its annotation.

    Attributes
    ----------
    film, patient : str
    normal : bool
        Stated to be without findings.
    view, density : str
        As the source says; empty where it does not.
    kinds : frozenset of LesionType
        Stated to be on the film, with or without a place.
    lesions : tuple of Lesion
        Those drawn on the film; a film may have none and still not be normal.
    scores : mapping of str to float
        See `film_scores`.
    marks : mapping of hit rule to FilmMarks
        Of findings down to a heat of 0.01.
    squared_errors : (float, float)
        Of the heatmap without and with local results.
    agreements : mapping of map and magnification to Agreements
        One for each lesion, of the saliency and of the baselines.
    cells : mapping of Magnification to Cells
    findings : int
        From the card's level on.
    warnings : tuple of str
    """

    film: str
    patient: str
    normal: bool
    view: str
    density: str
    kinds: frozenset[LesionType]
    lesions: tuple[Lesion, ...]
    scores: Mapping[str, float]
    marks: Mapping[str, FilmMarks]
    squared_errors: tuple[float, float]
    agreements: Mapping[tuple[str, Magnification], tuple[Agreement, ...]]
    cells: Mapping[Magnification, Cells]
    findings: int
    warnings: tuple[str, ...]

    @property
    def marked_nowhere(self) -> bool:
        """Whether it is stated to have lesions and none is drawn: which places are free is not known."""
        return marked_nowhere(self.kinds, self.lesions)


def judge(annotated: AnnotatedFilm, suite: Suite, settings: Settings) -> Judged:
    """Assess a film as the page would and compare it with its annotation."""
    mammogram = annotated.film.read()
    found = assess(mammogram, suite, settings)
    drawn = {i: o for i, o in enumerate(mammogram.outlines) if o.drawn_by is Drawn.READER and not o.core}
    lesions = tuple(drawn.values())
    heatmap = found.heatmap
    swept = find(replace(heatmap, level=min(heatmap.level, SWEPT_LEVEL)))
    target = heat_target(_boxes(lesions, heatmap.frame), heatmap.heat.shape)
    errors = [float(((h.heat - target) ** 2).mean()) for h in (found.baseline, heatmap)]
    return Judged(
        film=annotated.film.source,
        patient=annotated.patient,
        normal=annotated.normal,
        view=str(mammogram.view or ""),
        density=annotated.facts.get("density", ""),
        kinds=frozenset(LesionType(kind) for kind in annotated.facts.get("lesions", "").split(", ") if kind),
        lesions=tuple(
            Lesion(i, o.lesion_type, o.pathology, o.subtlety, o.description) for i, o in drawn.items()
        ),
        scores=film_scores(found, swept),
        marks={rule: mark(swept, lesions, hits) for rule, hits in HIT_RULES.items()},
        squared_errors=(errors[0], errors[1]),
        agreements=_agreements(mammogram, found, suite) if lesions else {},
        cells={m: sorted_cells(found.grids[m, 32], found.breast, lesions) for m in Magnification},
        findings=len(found.findings),
        warnings=found.warnings,
    )


def film_scores(found: Assessment, findings: Sequence[Finding]) -> dict[str, float]:
    """Ways to score a film (decision 0016), each in [0, 1].

    The products are those of suspicion and heat over the cells at ×0.5, stride 32.
    """
    grid = found.grids[Magnification.HALF, 32]
    products = np.sort(contributions(grid, found.heatmap).ravel().astype(np.float64))
    return {
        "score of the assessment": found.score,
        "best finding": max((finding.score for finding in findings), default=0.0),
        "noisy-or of the products": float(-np.expm1(np.log1p(-products.clip(max=1 - 1e-12)).sum())),
        f"mean of the {HIGHEST} highest products": float(products[-HIGHEST:].mean()),
    }


def _agreements(
    mammogram: Mammogram, found: Assessment, suite: Suite
) -> dict[tuple[str, Magnification], tuple[Agreement, ...]]:
    field = prepare(mammogram)
    agreed = {}
    for magnification in Magnification:
        own = found.saliency[magnification]
        image, _ = magnify(field, magnification.reduction, suite.tissue_cards[magnification].band_limit_mm)
        hot = hot_pixels(found.heatmap, own.frame, (own.values.shape[0], own.values.shape[1]))
        maps = {
            SALIENCY: own.values,
            ENTROPY: own.maps[Weighting.ENTROPY],
            GRAD_CAM: _activations(grad_cam, found, suite, image, magnification) * hot,
            HIRES_CAM: _activations(hires_cam, found, suite, image, magnification) * hot,
            UNIFORM: _uniform(hot, found.scan.source),
        }
        for name, values in maps.items():
            shown = Saliency({Weighting.CONTEXT: values}, magnification, own.kept, own.frame)
            compared = replace(found, saliency={magnification: shown})
            agreed[name, magnification] = agreements(compared, mammogram.outlines, magnification)
    return agreed


def _activations(
    maps: Callable[[TissueClassifier, Tensor], Tensor],
    found: Assessment,
    suite: Suite,
    image: NDArray[np.float32],
    magnification: Magnification,
) -> NDArray[np.float32]:
    settings = found.settings
    terms = contributions(found.grids[magnification, settings.stride], found.heatmap)
    kept = found.saliency[magnification].kept
    network = suite.tissue[magnification]
    return added_up(maps, network, image, kept, terms, settings.stride, settings.batch)


def _uniform(hot: NDArray[np.bool_], name: str) -> NDArray[np.float32]:
    """1 over the heat region but for a thousandth, which decides by chance where it is highest."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return np.asarray(hot * rng.uniform(0.999, 1, hot.shape), np.float32)


def _boxes(outlines: Sequence[Outline], cells: Frame) -> NDArray[np.float64]:
    """Annotations as boxes of edges in reference pixels of the field."""
    points = [(cells.from_scan(o.vertices) + 0.5) * CELL for o in outlines]
    return np.array([[*p.min(axis=0), *p.max(axis=0)] for p in points]).reshape(-1, 4)
