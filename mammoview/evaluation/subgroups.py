"""The same figures on parts of the films: by view, density, lesion type, subtlety and pathology.

The threshold of the findings is that of all lesion films at 0.9 false findings per film, so that a
subgroup is not flattered by a threshold of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from mammoview.domain import Magnification
from mammoview.evaluation.bootstrap import Figure, clustered
from mammoview.evaluation.figures import mean_of, with_lesions, with_places
from mammoview.evaluation.films import SALIENCY, Judged, Lesion
from mammoview.evaluation.froc import sweep
from mammoview.evaluation.lattice import Cells, area_over

__all__ = ["FEWEST", "RATE", "subgroup_figures"]

FEWEST: Final = 5
"""Lesions below which a subgroup is passed over: no interval would mean anything."""

RATE: Final = 0.9

Groups = dict[str, Callable[[Judged, Lesion], object]]
OF_FILMS: Final[Groups] = {"view": lambda f, _: f.view, "density": lambda f, _: f.density}
OF_LESIONS: Final[Groups] = {
    "lesion type": lambda _, x: x.lesion_type,
    "description": lambda _, x: x.description.partition(" ")[0],
    "subtlety": lambda _, x: x.subtlety,
    "pathology": lambda _, x: x.pathology,
}
"""How films and lesions are told apart; what the data do not say is None or empty."""


def subgroup_figures(films: Sequence[Judged]) -> dict[str, dict[str, dict[str, Figure]]]:
    """Kind of subgroup to subgroup to label to figure; only those with at least `FEWEST` lesions."""
    if not with_lesions(films):
        return {}
    marks = [f.marks["centre"] for f in with_lesions(films)]
    above = float(sweep(marks, RATE)[1][0])
    found: dict[str, dict[str, dict[str, Figure]]] = {}
    for kind, key in (OF_FILMS | OF_LESIONS).items():
        names = {str(key(f, x)) for f in films for x in f.lesions if key(f, x) not in (None, "")}
        parts = {name: _part(films, kind, name) for name in sorted(names)}
        found[kind] = {
            name: _figures(part, above, kind in OF_FILMS)
            for name, part in parts.items()
            if sum(len(f.lesions) for f in part) >= FEWEST
        }
    return {kind: groups for kind, groups in found.items() if groups}


def _part(films: Sequence[Judged], kind: str, name: str) -> list[Judged]:
    """Whole films where films are told apart; else every film, with only the lesions that are meant.

    Films whose lesions are marked nowhere are in neither.
    """
    if kind in OF_FILMS:
        return [f for f in films if f.lesions and str(OF_FILMS[kind](f, f.lesions[0])) == name]
    key = OF_LESIONS[kind]
    placed = with_places(films)
    return [_only(f, [i for i, x in enumerate(f.lesions) if str(key(f, x)) == name]) for f in placed]


def _only(film: Judged, numbers: list[int]) -> Judged:
    """The film with these lesions only; its findings and cells that belong to others count for nothing."""
    cells = {m: Cells(c.positive[numbers], c.negative) for m, c in film.cells.items()}
    marks = {r: replace(m, lesion_scores=m.lesion_scores[numbers]) for r, m in film.marks.items()}
    agreed = {k: tuple(a[i] for i in numbers) for k, a in film.agreements.items()}
    lesions = tuple(film.lesions[i] for i in numbers)
    return replace(film, lesions=lesions, cells=cells, marks=marks, agreements=agreed)


def _figures(films: Sequence[Judged], above: float, whole_films: bool) -> dict[str, Figure]:
    lesion = with_lesions(films)
    owners = [f.patient for f in lesion for _ in f.lesions]
    found = np.concatenate([f.marks["centre"].lesion_scores > above for f in lesion])
    figures = {
        f"sensitivity at the threshold of {RATE:g} false findings per film": clustered(
            lambda i: float(found[i].mean()), owners, "lesions"
        )
    }
    if whole_films:
        figures["false findings per film at that threshold"] = mean_of(
            lesion, lambda f: float((f.marks["centre"].false_scores > above).sum())
        )
    for magnification in Magnification:
        figures |= _at(films, lesion, magnification)
    return figures


def _at(films: Sequence[Judged], lesion: Sequence[Judged], magnification: Magnification) -> dict[str, Figure]:
    hits = np.array([bool(a.pointing_hit) for f in lesion for a in f.agreements[SALIENCY, magnification]])
    owners = [f.patient for f in lesion for _ in f.lesions]
    cells = [f.cells[magnification] for f in films]
    count = sum(len(c.positive) + len(c.negative) for c in cells)
    return {
        f"pointing game of the saliency, {magnification.label}": clustered(
            lambda i: float(hits[i].mean()), owners, "lesions"
        ),
        f"tissue AUC, all lattice negatives, {magnification.label}": clustered(
            area_over(cells), [f.patient for f in films], "lattice cells", n=count
        ),
    }
