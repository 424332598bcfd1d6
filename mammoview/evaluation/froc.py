"""Free-response ROC: lesions found against false findings per film.

A lesion is found when the centre of a finding lies in its annotation (Ertosun & Rubin 2015; the
usual rule where annotations are boxes). Several findings in one lesion count once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.measure import points_in_poly

from mammoview.domain import Finding, Outline

__all__ = ["FilmMarks", "mark", "sensitivity_at"]


@dataclass(frozen=True, slots=True, eq=False)
class FilmMarks:
    """What a threshold on the findings' scores decides on one film.

    Attributes
    ----------
    lesion_scores : ndarray of shape (K,)
        Best score of a finding centred in each lesion; -inf for a lesion that no finding reached.
    false_scores : ndarray of shape (F,)
        Scores of the findings centred in no lesion.
    """

    lesion_scores: NDArray[np.float64]
    false_scores: NDArray[np.float64]


def mark(findings: Sequence[Finding], lesions: Sequence[Outline]) -> FilmMarks:
    """Sort the findings of a film into hits and false findings."""
    best = np.full(len(lesions), -np.inf)
    false = []
    for finding in findings:
        hits = [i for i, s in enumerate(lesions) if points_in_poly([finding.centre], s.vertices)[0]]
        for i in hits:
            best[i] = max(best[i], finding.score)
        if not hits:
            false.append(finding.score)
    return FilmMarks(best, np.array(false))


def sensitivity_at(films: Sequence[FilmMarks], false_per_film: float) -> float:
    """Largest share of lesions found with at most this many false findings per film; NaN without lesions."""
    lesions = np.concatenate([f.lesion_scores for f in films])
    false = np.sort(np.concatenate([f.false_scores for f in films]))[::-1]
    if not len(lesions):
        return float("nan")
    allowed = int(np.floor(false_per_film * len(films) + 1e-9))
    above = false[allowed] if allowed < len(false) else -np.inf
    return float((lesions > above).mean())
