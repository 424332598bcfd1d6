"""Judged films laid out by hand, so that every figure over them is known beforehand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mammoview.domain import Agreement, LesionType, Magnification, Pathology
from mammoview.evaluation.films import ENTROPY, GRAD_CAM, HIRES_CAM, SALIENCY, UNIFORM, Judged, Lesion
from mammoview.evaluation.froc import FilmMarks
from mammoview.evaluation.lattice import Cells

__all__ = ["agreement", "judged", "lesion"]


def lesion(
    subtlety: int | None = None,
    lesion_type: LesionType | None = LesionType.MASS,
    pathology: Pathology | None = Pathology.BENIGN,
) -> Lesion:
    return Lesion(0, lesion_type, pathology, subtlety, "OVAL CIRCUMSCRIBED")


def agreement(hit: bool | None, energy: float | None, tightness: float | None) -> Agreement:
    return Agreement(0, hit, energy, 0.5, 0.4, tightness, 2.0)


def judged(
    patient: str,
    hits: Sequence[float] = (),
    false: Sequence[float] = (),
    *,
    lesions: Sequence[Lesion] | None = None,
    maps: dict[str, Sequence[Agreement]] | None = None,
    cells: tuple[Sequence[float], Sequence[float]] = ((), (0.1,)),
    normal: bool = False,
    view: str = "CC",
    score: float = 0.5,
    kinds: Sequence[LesionType] = (),
) -> Judged:
    """A film whose findings hit its lesions with the scores `hits`, and nothing with the scores `false`."""
    drawn = tuple(lesions) if lesions is not None else tuple(lesion() for _ in hits)
    plain = [agreement(True, 0.5, 1.0)] * len(drawn)
    shown = {
        name: (maps or {}).get(name, plain) for name in (SALIENCY, ENTROPY, GRAD_CAM, HIRES_CAM, UNIFORM)
    }
    marks = FilmMarks(np.array(hits, float), np.array(false, float))
    positive = cells[0] or [0.9] * len(drawn)
    return Judged(
        film=f"{patient}-{view}",
        patient=patient,
        normal=normal,
        view=view,
        density="2",
        kinds=frozenset(kinds),
        lesions=drawn,
        scores={"score of the assessment": score, "best finding": 1 - score},
        marks={"centre": marks, "IoU at least 0.5": FilmMarks(marks.lesion_scores - 0.3, marks.false_scores)},
        squared_errors=(0.2, 0.1),
        agreements={(n, m): tuple(a) for n, a in shown.items() for m in Magnification} if drawn else {},
        cells={
            m: Cells(np.array(positive, np.float32), np.array(cells[1], np.float32)) for m in Magnification
        },
        findings=1,
        warnings=("assumed",),
    )
