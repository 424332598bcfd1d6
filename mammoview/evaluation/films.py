"""What the networks say of whole films: heat, findings, saliency, each against the annotation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from mammoview.backend import assess
from mammoview.domain import REFERENCE_MM, Agreement, Magnification, Mammogram, Outline, Settings
from mammoview.evaluation.bootstrap import Figure, clustered
from mammoview.evaluation.froc import FilmMarks, mark, sensitivity_at
from mammoview.evaluation.heat import heat_target
from mammoview.geometry import Frame
from mammoview.models.cards import Suite
from mammoview.prepare import CELL
from mammoview.readers.lesions_csv import AnnotatedFilm
from mammoview.scorecard import agreements

__all__ = ["Judged", "film_figures", "judge", "lattice_figure"]

FALSE_PER_FILM = (0.5, 0.9, 3.0)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One film, assessed and compared with its annotation."""

    patient: str
    normal: bool
    score: float
    marks: FilmMarks
    squared_errors: tuple[float, float]
    agreements: dict[Magnification, tuple[Agreement, ...]]
    lattice: dict[Magnification, tuple[NDArray[np.float32], NDArray[np.float32]]]


def judge(annotated: AnnotatedFilm, suite: Suite, settings: Settings) -> Judged:
    """Assess a film as the page would and compare; squared errors are (baseline, with local results)."""
    mammogram = annotated.film.read()
    found = assess(mammogram, suite, settings)
    target = heat_target(_boxes(mammogram.outlines, found.heatmap.frame), found.heatmap.heat.shape)
    errors = [float(((h.heat - target) ** 2).mean()) for h in (found.baseline, found.heatmap)]
    agreed = {m: agreements(found, mammogram.outlines, m) for m in Magnification}
    lattice = {}
    for magnification in Magnification:
        grid = found.grids[magnification, 32]
        inside = _inside(grid.centres(), found.breast.inside, found.breast.frame)
        reach = grid.patch * magnification.mm / REFERENCE_MM / 2
        lattice[magnification] = _sorted_cells(
            grid.suspicion, grid.frame, inside, mammogram, reach, magnification
        )
    return Judged(
        annotated.patient,
        annotated.normal,
        found.score,
        mark(found.findings, mammogram.outlines),
        (errors[0], errors[1]),
        agreed,
        lattice,
    )


def film_figures(films: Sequence[Judged]) -> dict[str, Figure]:
    """Every figure that is counted in films, lesions or saliency maps."""
    patients = [f.patient for f in films]
    figures = {
        "heatmap MSE, baseline": _mean(films, patients, lambda f: f.squared_errors[0]),
        "heatmap MSE, with local results": _mean(films, patients, lambda f: f.squared_errors[1]),
        "heatmap MSE, local results minus baseline": _mean(
            films, patients, lambda f: f.squared_errors[1] - f.squared_errors[0]
        ),
    }
    marks = [f.marks for f in films]
    for rate in FALSE_PER_FILM:
        found = partial(_sensitivity, marks, rate)
        figures[f"sensitivity at {rate:g} false findings per film"] = clustered(found, patients, "films")
    for magnification in Magnification:
        figures |= _saliency_figures(films, magnification)
    normal = np.array([f.normal for f in films])
    if 0 < normal.mean() < 1:
        scores = np.array([f.score for f in films])
        figures["film AUC, films with lesions against normal films"] = clustered(
            lambda i: (
                float(roc_auc_score(~normal[i], scores[i])) if 0 < normal[i].mean() < 1 else float("nan")
            ),
            patients,
            "films",
        )
    return figures


def lattice_figure(films: Sequence[Judged], magnification: Magnification) -> Figure:
    """AUC of cells at lesions against all lattice cells inside the breast that touch no annotation."""
    patients = [f.patient for f in films]
    cells = [f.lattice[magnification] for f in films]

    def area(index: NDArray[np.int64]) -> float:
        positive = np.concatenate([cells[i][0] for i in index])
        negative = np.sort(np.concatenate([cells[i][1] for i in index]))
        if not len(positive) or not len(negative):
            return float("nan")
        below = np.searchsorted(negative, positive, "left") + np.searchsorted(negative, positive, "right")
        return float(below.mean() / 2 / len(negative))

    return clustered(area, patients, "films", draws=300)


def _saliency_figures(films: Sequence[Judged], magnification: Magnification) -> dict[str, Figure]:
    rows = [(f.patient, a) for f in films for a in f.agreements[magnification]]
    patients = [patient for patient, _ in rows]
    if not rows:
        return {}
    hits = np.array([bool(a.pointing_hit) for _, a in rows])
    energy = np.array([a.energy_inside or 0.0 for _, a in rows])
    label = magnification.label
    return {
        f"pointing game of the saliency, {label}": clustered(
            lambda i: float(hits[i].mean()), patients, "lesions"
        ),
        f"saliency energy inside, {label}": clustered(lambda i: float(energy[i].mean()), patients, "lesions"),
    }


def _sensitivity(marks: Sequence[FilmMarks], rate: float, index: NDArray[np.int64]) -> float:
    return sensitivity_at([marks[i] for i in index], rate)


def _mean(films: Sequence[Judged], patients: Sequence[str], value: Callable[[Judged], float]) -> Figure:
    values = np.array([value(f) for f in films])
    return clustered(lambda i: float(values[i].mean()), patients, "films")


def _boxes(outlines: Sequence[Outline], cells: Frame) -> NDArray[np.float64]:
    """Annotations as boxes of edges in reference pixels of the field."""
    points = [(cells.from_scan(o.vertices) + 0.5) * CELL for o in outlines]
    return np.array([[*p.min(axis=0), *p.max(axis=0)] for p in points]).reshape(-1, 4)


def _inside(centres: NDArray[np.float64], inside: NDArray[np.bool_], frame: Frame) -> NDArray[np.bool_]:
    cells = np.rint(frame.from_scan(centres)).astype(int)
    rows, columns = (np.clip(axis, 0, n - 1) for axis, n in zip(cells.T, inside.shape, strict=True))
    return np.asarray(inside[rows, columns].reshape(centres.shape[:2]), bool)


def _sorted_cells(
    suspicion: NDArray[np.float32],
    frame: Frame,
    inside: NDArray[np.bool_],
    mammogram: Mammogram,
    reach: float,
    magnification: Magnification,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Suspicion of the cell at each lesion's centre, and of every cell whose patch touches none."""
    free = inside.copy()
    reach_in_cells = reach / (32 * magnification.reduction)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in suspicion.shape), indexing="ij"), axis=-1)
    positive = []
    for outline in mammogram.outlines:
        points = frame.from_scan(outline.vertices)
        low, high = points.min(axis=0) - reach_in_cells, points.max(axis=0) + reach_in_cells
        free &= ~((index > low) & (index < high)).all(axis=-1)
        row, column = np.rint(frame.from_scan([outline.centre()])[0]).astype(int)
        if 0 <= row < suspicion.shape[0] and 0 <= column < suspicion.shape[1]:
            positive.append(suspicion[row, column])
    return np.array(positive, np.float32), suspicion[free]
