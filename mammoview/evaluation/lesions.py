"""Figures over lesions: the saliency, its baselines and the findings against each annotation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mammoview.domain import Agreement, Magnification
from mammoview.evaluation.bootstrap import Figure, clustered
from mammoview.evaluation.films import ENTROPY, GRAD_CAM, HIRES_CAM, SALIENCY, UNIFORM, Judged

__all__ = ["baseline_figures", "finding_figures", "lesion_rows", "saliency_figures"]

Middle = Callable[[NDArray[np.float64]], Any]
Value = Callable[[Agreement], float | None]

OF_MAPS: Final[Mapping[str, tuple[Value, Middle]]] = {
    "pointing game": (lambda a: float(bool(a.pointing_hit)), np.mean),
    "energy inside": (lambda a: a.energy_inside or 0.0, np.mean),
    "median tightness": (lambda a: a.tightness, np.median),
}
"""Where nothing is salient, pointing misses and no energy is inside; None is left out."""

OF_FINDINGS: Final[Mapping[str, tuple[Value, Middle]]] = {
    "mean Dice of the nearest finding": (lambda a: a.dice, np.mean),
    "mean IoU of the nearest finding": (lambda a: a.iou, np.mean),
    "median distance of centres in mm": (lambda a: a.centre_distance_mm, np.median),
}

OF_THE_SALIENCY: Final = {
    "pointing game": "pointing game of the saliency",
    "energy inside": "saliency energy inside",
    "median tightness": "median tightness of the saliency",
}


def saliency_figures(films: Sequence[Judged]) -> dict[str, Figure]:
    """Pointing game, energy inside and tightness of the saliency at every magnification."""
    return {
        f"{OF_THE_SALIENCY[measure]}, {magnification.label}": figure
        for magnification in Magnification
        for measure, figure in _measured(films, SALIENCY, magnification, OF_MAPS).items()
    }


def finding_figures(films: Sequence[Judged]) -> dict[str, Figure]:
    """Overlap and distance of the findings from the card's level on; the same at every magnification."""
    return _measured(films, SALIENCY, Magnification.HALF, OF_FINDINGS)


def baseline_figures(films: Sequence[Judged]) -> dict[str, dict[str, Figure]]:
    """The saliency and its baselines on the same lesions; {} without lesions.

    What the saliency has over the other maps is given as differences paired by lesion.
    """
    found = {
        name: {
            f"{measure}, {magnification.label}": figure
            for magnification in Magnification
            for measure, figure in _measured(films, name, magnification, OF_MAPS).items()
        }
        for name in (SALIENCY, ENTROPY, GRAD_CAM, HIRES_CAM, UNIFORM)
    }
    for name in (ENTROPY, GRAD_CAM, HIRES_CAM):
        found[f"{SALIENCY} minus {name}"] = {
            f"{measure}, {magnification.label}": figure
            for magnification in Magnification
            for measure, figure in _gained(films, name, magnification).items()
        }
    return {name: figures for name, figures in found.items() if figures}


def lesion_rows(films: Sequence[Judged]) -> list[dict[str, object]]:
    """Every lesion at every magnification, one row each, as metrics.json holds them."""
    return [
        _row(film, number, magnification, agreement)
        for film in films
        for magnification in Magnification
        for number, agreement in enumerate(film.agreements.get((SALIENCY, magnification), ()))
    ]


def _agreements(
    films: Sequence[Judged], name: str, magnification: Magnification
) -> list[tuple[str, Agreement]]:
    return [(f.patient, a) for f in films for a in f.agreements.get((name, magnification), ())]


def _measured(
    films: Sequence[Judged],
    name: str,
    magnification: Magnification,
    measures: Mapping[str, tuple[Value, Middle]],
) -> dict[str, Figure]:
    rows = _agreements(films, name, magnification)
    figures = {}
    for measure, (value, middle) in measures.items():
        defined = [(patient, v) for patient, a in rows if (v := value(a)) is not None]
        if defined:
            figures[measure] = _figure(defined, middle)
    return figures


def _figure(rows: Sequence[tuple[str, float]], middle: Middle) -> Figure:
    values = np.array([value for _, value in rows])
    return clustered(lambda i: float(middle(values[i])), [patient for patient, _ in rows], "lesions")


def _gained(films: Sequence[Judged], baseline: str, magnification: Magnification) -> dict[str, Figure]:
    pairs = zip(*(_agreements(films, name, magnification) for name in (SALIENCY, baseline)), strict=True)
    both = [(patient, one, other) for (patient, one), (_, other) in pairs]
    figures = {}
    for measure in ("pointing game", "energy inside") if both else ():
        value = OF_MAPS[measure][0]
        rows = [(patient, (value(one) or 0.0) - (value(other) or 0.0)) for patient, one, other in both]
        figures[measure] = _figure(rows, np.mean)
    return figures


def _row(film: Judged, number: int, magnification: Magnification, agreement: Agreement) -> dict[str, object]:
    lesion, best = film.lesions[number], float(film.marks["centre"].lesion_scores[number])
    return {
        "film": film.film,
        "outline": lesion.outline,
        "type": None if lesion.lesion_type is None else str(lesion.lesion_type),
        "description": lesion.description,
        "pathology": None if lesion.pathology is None else str(lesion.pathology),
        "magnification": magnification.key,
        "pointing_hit": agreement.pointing_hit,
        "energy_inside": _rounded(agreement.energy_inside),
        "dice": _rounded(agreement.dice),
        "iou": _rounded(agreement.iou),
        "tightness": _rounded(agreement.tightness),
        "centre_distance_mm": _rounded(agreement.centre_distance_mm),
        "best_finding_score": _rounded(best) if np.isfinite(best) else None,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
