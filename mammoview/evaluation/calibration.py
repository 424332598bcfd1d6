"""Whether a suspicion of 0.8 is right eight times in ten: on the balanced draw of patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from mammoview.evaluation.bootstrap import band

__all__ = ["BINS", "Reliability", "calibration_gaps", "frequency_band", "platt", "reliability"]

BINS: Final = 15
"""Of equal width over [0, 1], as Guo et al., ICML 2017 (decision 0035)."""


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """The reliability curve; one element for each bin that holds a patch, (K,) each.

    Attributes
    ----------
    suspicion : ndarray, float64
        Mean suspicion of the bin's patches.
    frequency : ndarray, float64
        Share of them that show a finding.
    n : ndarray, int64
        How many they are.
    """

    suspicion: NDArray[np.float64]
    frequency: NDArray[np.float64]
    n: NDArray[np.int64]


def reliability(labels: NDArray[np.int64], scores: NDArray[np.float64], bins: int = BINS) -> Reliability:
    """The reliability curve of labels (N,) 0 or 1 and scores (N,) in [0, 1], in bins of equal width."""
    place = _place(scores, bins)
    n = np.bincount(place, minlength=bins)
    held = n > 0
    suspicion, frequency = (
        np.bincount(place, values, minlength=bins)[held] / n[held] for values in (scores, labels)
    )
    return Reliability(suspicion, frequency, n[held])


def frequency_band(
    labels: NDArray[np.int64], scores: NDArray[np.float64], patients: Sequence[str], bins: int = BINS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 95 % interval by patient of each frequency of `reliability`: low and high, (K,) each.

    NaN where resampling says nothing: of one patient, and of a bin whose patches are all of one kind.
    """
    place = _place(scores, bins)

    def frequency(index: NDArray[np.int64]) -> NDArray[np.float64]:
        n = np.bincount(place[index], minlength=bins)
        found = np.bincount(place[index], labels[index], minlength=bins)
        return np.asarray(np.divide(found, n, out=np.full(bins, np.nan), where=n > 0), np.float64)

    own, (low, high) = frequency(np.arange(len(labels))), band(frequency, patients)
    one_kind, held = (own == 0) | (own == 1), ~np.isnan(own)
    low[one_kind] = high[one_kind] = np.nan
    return low[held], high[held]


def calibration_gaps(
    labels: NDArray[np.int64], scores: NDArray[np.float64], bins: int = BINS
) -> NDArray[np.float64]:
    """Frequency less suspicion in each bin, times the bin's share of the patches, (bins,); 0 if empty.

    Their absolute values add up to the expected calibration error (Guo et al. 2017).
    """
    return np.bincount(_place(scores, bins), labels - scores, minlength=bins) / len(labels)


def platt(labels: NDArray[np.int64], margin: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and offset that turn logits (N,) into those of the labels' probabilities.

    As Platt (1999) has it: each of n patches with a finding is taught (n + 1) / (n + 2) and each of m
    without one 1 / (m + 2), so that patches which the logits tell apart without an error do not make
    the classifier sure beyond all bounds.
    """
    findings = int(labels.sum())
    taught = np.where(labels == 1, (findings + 1) / (findings + 2), 1 / (len(labels) - findings + 2))
    both = np.concatenate([margin, margin])[:, None]
    fitted = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(
        both, np.repeat([1, 0], len(labels)), sample_weight=np.concatenate([taught, 1 - taught])
    )
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def _place(scores: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """In which bin each score is, (N,)."""
    return np.minimum((scores * bins).astype(np.int64), bins - 1)
