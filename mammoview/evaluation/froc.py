"""Free-response ROC: lesions found against false findings per film.

A lesion is found when the centre of a finding lies in its annotation (Ertosun & Rubin 2015; the
usual rule where annotations are boxes), or by the stricter rule when their outlines overlap by half.
Several findings in one lesion count once and none of them is false; one finding may find two lesions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.measure import points_in_poly

from mammoview.domain import Finding, Outline
from mammoview.scorecard import overlap

__all__ = ["HIT_RULES", "FilmMarks", "centred_in", "mark", "overlaps_half", "sensitivity_at", "sweep"]


@dataclass(frozen=True, slots=True, eq=False)
class FilmMarks:
    """What a threshold on the findings' scores decides on one film.

    Attributes
    ----------
    lesion_scores : ndarray of shape (K,)
        Best score of a finding that hits each lesion; -inf for a lesion that no finding reached.
    false_scores : ndarray of shape (F,)
        Scores of the findings that hit no lesion.
    """

    lesion_scores: NDArray[np.float64]
    false_scores: NDArray[np.float64]


def centred_in(finding: Finding, lesion: Outline) -> bool:
    """Whether the finding's centre lies in the annotation."""
    return bool(points_in_poly([finding.centre], lesion.vertices)[0])


def overlaps_half(finding: Finding, lesion: Outline) -> bool:
    """Whether intersection over union of finding and annotation is at least 0.5."""
    one, other = finding.box, lesion.box()
    apart = one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]
    return not apart and overlap(finding.outline.vertices, lesion.vertices)[1] >= 0.5


HIT_RULES: Final[Mapping[str, Callable[[Finding, Outline], bool]]] = {
    "centre": centred_in,
    "IoU at least 0.5": overlaps_half,
}


def mark(
    findings: Sequence[Finding],
    lesions: Sequence[Outline],
    hits: Callable[[Finding, Outline], bool] = centred_in,
) -> FilmMarks:
    """Sort the findings of a film into hits and false findings, by a rule of `HIT_RULES`."""
    best = np.full(len(lesions), -np.inf)
    false = []
    for finding in findings:
        hit = [i for i, lesion in enumerate(lesions) if hits(finding, lesion)]
        for i in hit:
            best[i] = max(best[i], finding.score)
        if not hit:
            false.append(finding.score)
    return FilmMarks(best, np.array(false))


def sweep(
    films: Sequence[FilmMarks], rates: ArrayLike, counted_on: Sequence[FilmMarks] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The FROC curve at given rates, and the scores that reach them.

    Parameters
    ----------
    films : sequence of FilmMarks
        Whose lesions are to be found.
    rates : array-like of shape (K,), or one number
        Most false findings per film.
    counted_on : sequence of FilmMarks, optional
        Films whose false findings are counted, such as normal films; by default `films`.

    Returns
    -------
    sensitivity : ndarray of shape (K,), float64
        Largest share of lesions found; NaN without lesions or without films to count on.
    above : ndarray of shape (K,), float64
        Findings count with a score greater than this: that of the first false finding too many, so
        that findings of equal score are all counted or all left out.
    """
    counted = films if counted_on is None else counted_on
    lesions = np.concatenate([np.empty(0), *(f.lesion_scores for f in films)])
    false = np.sort(np.concatenate([np.empty(0), *(f.false_scores for f in counted)]))[::-1]
    allowed = np.floor(np.atleast_1d(np.asarray(rates, np.float64)) * len(counted) + 1e-9).astype(int)
    above = np.append(false, -np.inf)[np.minimum(allowed, len(false))]
    if not len(lesions) or not len(counted):
        return np.full(len(above), np.nan), above
    found = len(lesions) - np.searchsorted(np.sort(lesions), above, side="right")
    return found / len(lesions), above


def sensitivity_at(films: Sequence[FilmMarks], false_per_film: float) -> float:
    """Largest share of lesions found with at most this many false findings per film; NaN without lesions."""
    return float(sweep(films, false_per_film)[0][0])
