"""Figures over whole films: heat, FROC, scores of films, lattice cells; each named with its unit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mammoview.domain import LesionType, Magnification
from mammoview.evaluation.bootstrap import Figure, band, clustered
from mammoview.evaluation.films import Judged
from mammoview.evaluation.froc import HIT_RULES, sweep
from mammoview.evaluation.lattice import area_over
from mammoview.evaluation.tissue import area_under_curve

__all__ = [
    "FALSE_PER_FILM",
    "film_figures",
    "film_score_figures",
    "froc_curves",
    "lattice_figure",
    "mean_of",
    "warning_counts",
    "with_lesions",
    "with_places",
]

FALSE_PER_FILM: Final = (0.5, 0.9, 3.0)
RATES: Final = np.concatenate([np.arange(0, 1, 0.05), np.arange(1, 10.01, 0.25)]).round(2)
"""False findings per film at which the FROC curves are given."""

KINDS: Final = {
    "masses and distortions": frozenset({LesionType.MASS, LesionType.OTHER}),
    "calcifications": frozenset({LesionType.CALCIFICATION}),
}


def with_lesions(films: Sequence[Judged]) -> list[Judged]:
    """The films on which a lesion is drawn."""
    return [film for film in films if film.lesions]


def with_places(films: Sequence[Judged]) -> list[Judged]:
    """The films on which every place is known to hold a lesion or none, as far as anything is stated."""
    return [film for film in films if not film.marked_nowhere]


def film_figures(films: Sequence[Judged]) -> dict[str, Figure]:
    """Heatmap errors, sensitivities of the findings and, where there are normal films, the film AUC.

    A film whose lesions are marked nowhere takes part in the film AUC only.
    """
    placed = with_places(films)
    figures = {
        "heatmap MSE, baseline": mean_of(placed, lambda f: f.squared_errors[0]),
        "heatmap MSE, with local results": mean_of(placed, lambda f: f.squared_errors[1]),
        "heatmap MSE, local results minus baseline": mean_of(
            placed, lambda f: f.squared_errors[1] - f.squared_errors[0]
        ),
    }
    figures |= _sensitivities(films)
    areas = _film_areas(films, "score of the assessment")
    return figures | areas


def froc_curves(films: Sequence[Judged]) -> dict[str, dict[str, list[float | None]]]:
    """FROC with bootstrap bands, for each rule and each way to count false findings, as in metrics.json."""
    curves = {}
    for label, rule, counted in _froc_ways(films):
        sample = _sample(films, counted)
        statistic = partial(_sensitivity, sample, rule, counted, RATES)
        low, high = band(statistic, [f.patient for f in sample], draws=500)
        value = statistic(np.arange(len(sample)))
        columns = {"false_per_film": RATES, "sensitivity": value, "low": low, "high": high}
        curves[label] = {name: _listed(values) for name, values in columns.items()}
    return curves


def film_score_figures(films: Sequence[Judged]) -> dict[str, dict[str, Figure]]:
    """Film AUCs of each way to score a film, {} without normal films (decision 0016)."""
    if not films:
        return {}
    found = {name: _film_areas(films, name) for name in films[0].scores}
    return {name: areas for name, areas in found.items() if areas}


def lattice_figure(films: Sequence[Judged], magnification: Magnification) -> Figure:
    """AUC of cells at lesions against all lattice cells inside the breast that touch no annotation.

    Without films whose lesions are marked nowhere: any of their cells may lie on one.
    """
    placed = with_places(films)
    cells = [f.cells[magnification] for f in placed]
    counted = sum(len(c.positive) + len(c.negative) for c in cells)
    return clustered(area_over(cells), [f.patient for f in placed], "lattice cells", n=counted)


def warning_counts(films: Sequence[Judged]) -> dict[str, int]:
    """On how many films each warning was given, most frequent first; without names of files."""
    counts = Counter(_without_name(warning, film.film) for film in films for warning in film.warnings)
    return dict(counts.most_common())


def _without_name(warning: str, film: str) -> str:
    before, _, after = warning.partition(": ")
    return after if film in before else warning


def mean_of(films: Sequence[Judged], value: Callable[[Judged], float], unit: str = "films") -> Figure:
    """The mean over films of a value of each."""
    values = np.array([value(f) for f in films])
    return clustered(lambda i: float(values[i].mean()), [f.patient for f in films], unit)


def _froc_ways(films: Sequence[Judged]) -> Iterator[tuple[str, str, str]]:
    """Label, hit rule and "lesion" or "normal" (whose false findings are counted) of every FROC there is."""
    if not with_lesions(films):
        return
    kinds = ["lesion", *(["normal"] if any(f.normal for f in films) else [])]
    for kind in kinds:
        for rule in HIT_RULES:
            yield f"{kind} films" + ("" if rule == "centre" else f", {rule}"), rule, kind


def _sample(films: Sequence[Judged], counted: str) -> list[Judged]:
    """The films that take part: lesions are found on lesion films, false findings counted on either."""
    return [f for f in films if f.lesions or (counted == "normal" and f.normal)]


def _sensitivity(
    sample: Sequence[Judged], rule: str, counted: str, rates: ArrayLike, index: NDArray[np.int64]
) -> NDArray[np.float64]:
    drawn = [sample[i] for i in index]
    lesion = [f.marks[rule] for f in drawn if f.lesions]
    normal = [f.marks[rule] for f in drawn if f.normal]
    return sweep(lesion, rates, normal if counted == "normal" else None)[0]


def _sensitivities(films: Sequence[Judged]) -> dict[str, Figure]:
    lesions, figures = sum(len(f.lesions) for f in films), {}
    for label, rule, counted in _froc_ways(films):
        sample = _sample(films, counted)
        patients = [f.patient for f in sample]
        statistic = partial(_sensitivity, sample, rule, counted, FALSE_PER_FILM)
        values, (low, high) = statistic(np.arange(len(sample))), band(statistic, patients)
        where = f", counted on {label}" if counted == "normal" else label.removeprefix("lesion films")
        for i, rate in enumerate(FALSE_PER_FILM):
            found = (float(values[i]), float(low[i]), float(high[i]))
            figure = Figure(*found, "lesions", lesions, len(set(patients)))
            figures[f"sensitivity at {rate:g} false findings per film{where}"] = figure
    return figures


def _film_areas(films: Sequence[Judged], score: str) -> dict[str, Figure]:
    """AUC of films with lesions, and of each kind of lesion, against the normal films."""
    groups = {"films with lesions": [bool(f.lesions or f.kinds) for f in films]}
    for kind, types in KINDS.items():
        groups[kind] = [bool(f.kinds & types) for f in films]
    figures = {}
    for kind, members in groups.items():
        chosen = [f for f, member in zip(films, members, strict=True) if member or f.normal]
        normal = np.array([f.normal for f in chosen], bool)
        if normal.any() and not normal.all():
            values = np.array([f.scores[score] for f in chosen])
            figures[f"film AUC, {kind} against normal films"] = clustered(
                partial(_area, (~normal).astype(np.int64), values), [f.patient for f in chosen], "films"
            )
    return figures


def _area(lesion: NDArray[np.int64], scores: NDArray[np.float64], index: NDArray[np.int64]) -> float:
    return area_under_curve(lesion[index], scores[index])


def _listed(values: NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 6) for value in values]
