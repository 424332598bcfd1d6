"""How well the tissue classifiers tell patches apart, on the paper's balanced draw (Table 2, Figure 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import rankdata
from sklearn.metrics import roc_curve

from mammoview.domain import Magnification
from mammoview.errors import UnusableDataset
from mammoview.evaluation.bootstrap import Figure, clustered, clustered_distance
from mammoview.evaluation.calibration import calibration_gaps, frequency_band, platt, reliability
from mammoview.evaluation.patches import HeldOut, held_out_patches
from mammoview.evaluation.split import validation_half
from mammoview.evaluation.store import Prepared
from mammoview.models.tissue import TissueClassifier

__all__ = [
    "ScoredPatches",
    "area_under_curve",
    "best_threshold",
    "calibrated_elsewhere",
    "cross_fitted_thresholds",
    "figures_at",
    "score_patches",
    "suspicions",
    "tissue_curves",
    "tissue_figures",
    "total_error",
]

EACH: Final = 256
"""Patches of each kind, as in the paper's Table 1."""

THRESHOLDS: Final = np.linspace(0, 1, 101)
"""Where the errors by threshold are given (the paper's Figure 3)."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoredPatches:
    """The balanced draw and what a classifier says of it.

    Attributes
    ----------
    held_out : HeldOut
    suspicion : ndarray of shape (N,), float64
        In [0, 1].
    probability : ndarray of shape (N,), float64
        Suspicion as its calibration is measured: see `calibrated_elsewhere`.
    """

    held_out: HeldOut
    suspicion: NDArray[np.float64]
    probability: NDArray[np.float64]


def score_patches(
    classifier: TissueClassifier,
    films: Sequence[Prepared],
    magnification: Magnification,
    calibrated_on_them: bool,
) -> ScoredPatches:
    """Draw up to `EACH` patches with findings and as many without, and classify them.

    `calibrated_on_them` says that the classifier's own calibration was fitted to patches of these films.
    """
    held_out = held_out_patches(films, magnification, classifier.patch, EACH)
    suspicion = suspicions(classifier, held_out)
    probability = suspicion
    if calibrated_on_them:
        half = np.array([validation_half(p) for p in held_out.patients])
        probability = calibrated_elsewhere(held_out.labels, suspicion, half)
    return ScoredPatches(held_out, suspicion, probability)


def calibrated_elsewhere(
    labels: NDArray[np.int64], scores: NDArray[np.float64], half: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Suspicion (N,) calibrated, for each half of the patients, on the other, as a network's own is on all.

    What is measured so is the calibration that patients see who took no part in it.

    Raises
    ------
    UnusableDataset
        One half of the patients has only patches of one kind.
    """
    margin = logit(scores.clip(1e-7, 1 - 1e-7))
    probability = np.empty(len(scores))
    for side in (0, 1):
        other = half != side
        _check_both_kinds(labels[other])
        slope, offset = platt(labels[other], margin[other])
        probability[half == side] = expit(slope * margin[half == side] + offset)
    return probability


def suspicions(classifier: TissueClassifier, held_out: HeldOut) -> NDArray[np.float64]:
    """Suspicion of each held-out patch, (N,), in [0, 1]."""
    device = next(classifier.parameters()).device
    with torch.inference_mode():
        logits = torch.cat([classifier(part.to(device)).cpu() for part in torch.split(held_out.images, 32)])
    return np.asarray(expit((logits[:, 1] - logits[:, 0]).double().numpy()))


def area_under_curve(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    """Of the ROC; NaN where only one class is present.

    By ranks (Hanley & McNeil 1982): what scikit-learn's `roc_auc_score` gives, in a tenth of its time,
    which a bootstrap spends a thousand times.
    """
    positive = int(labels.sum())
    pairs = positive * (len(labels) - positive)
    above = rankdata(scores)[labels == 1].sum() - positive * (positive + 1) / 2
    return float(above / pairs) if pairs else float("nan")


def total_error(labels: NDArray[np.int64], scores: NDArray[np.float64], threshold: float) -> float:
    """Share of patches on the wrong side of the threshold (the paper's Table 2)."""
    return float(((scores >= threshold) != (labels == 1)).mean())


def best_threshold(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    """The threshold with the smallest total error: the middle of the best interval between scores."""
    cuts = np.unique(np.concatenate([[0.0], np.sort(scores), [1.0]]))
    middles = np.concatenate([[0.0], (cuts[:-1] + cuts[1:]) / 2])  # from 0 on everything is positive
    errors = np.array([total_error(labels, scores, t) for t in middles])
    best = np.flatnonzero(errors <= errors.min() + 1e-12)
    return float(middles[best[len(best) // 2]])


def cross_fitted_thresholds(
    labels: NDArray[np.int64], scores: NDArray[np.float64], half: NDArray[np.int64]
) -> NDArray[np.float64]:
    """For each patch (N,) the best threshold of the half of the patients, 0 or 1, that it is not in.

    Raises
    ------
    UnusableDataset
        One half of the patients has only patches of one kind.
    """
    thresholds = np.empty(len(scores))
    for side in (0, 1):
        other = half != side
        _check_both_kinds(labels[other])
        thresholds[half == side] = best_threshold(labels[other], scores[other])
    return thresholds


def _check_both_kinds(labels: NDArray[np.int64]) -> None:
    if not 0 < labels.sum() < len(labels):
        raise UnusableDataset(
            "there are too few lesions to choose a threshold on one half of the patients and measure it "
            "on the other: evaluate more films"
        )


def tissue_figures(scored: ScoredPatches) -> dict[str, Figure]:
    """AUC, total error and calibration on the balanced draw.

    The error is measured on each half of the patients with the threshold that the other half
    chose, so that no patch is judged by a threshold it helped to choose; the card's threshold is
    chosen on all of them.

    Raises
    ------
    UnusableDataset
        One half of the patients has no lesion.
    """
    scores, labels, patients = scored.suspicion, scored.held_out.labels, scored.held_out.patients
    probability = scored.probability
    half = np.array([validation_half(p) for p in patients])
    wrong = (scores >= cross_fitted_thresholds(labels, scores, half)) != (labels == 1)
    return {
        "tissue AUC, balanced": clustered(
            lambda i: area_under_curve(labels[i], scores[i]), patients, "patches"
        ),
        "total error, balanced": clustered(lambda i: float(wrong[i].mean()), patients, "patches"),
        "expected calibration error, balanced": clustered_distance(
            lambda i: calibration_gaps(labels[i], probability[i]), patients, "patches"
        ),
        "Brier score, balanced": clustered(
            lambda i: float(((probability[i] - labels[i]) ** 2).mean()), patients, "patches"
        ),
    }


def tissue_curves(scored: ScoredPatches) -> dict[str, dict[str, Any]]:
    """ROC, reliability and errors by threshold, as metrics.json holds them."""
    scores, labels = scored.suspicion, scored.held_out.labels
    false_positive_rate, sensitivity, _ = roc_curve(labels, scores)
    curve = reliability(labels, scored.probability)
    low, high = frequency_band(labels, scored.probability, scored.held_out.patients)
    positive = scores >= THRESHOLDS[:, None]
    false_positives, false_negatives = positive[:, labels == 0], ~positive[:, labels == 1]
    return {
        "roc": _rounded(false_positive_rate=false_positive_rate, sensitivity=sensitivity),
        "reliability": _rounded(suspicion=curve.suspicion, frequency=curve.frequency, n=curve.n)
        | {"low": _defined(low), "high": _defined(high)},
        "error_by_threshold": _rounded(
            threshold=THRESHOLDS,
            false_positive_rate=false_positives.mean(axis=1),
            false_negative_rate=false_negatives.mean(axis=1),
            total_error=(positive != (labels == 1)).mean(axis=1),
        ),
    }


def figures_at(scored: ScoredPatches, threshold: float) -> dict[str, Figure]:
    """Sensitivity and false positive rate of the balanced draw at one threshold, by patient."""
    labels, positive = scored.held_out.labels, scored.suspicion >= threshold
    patients = np.array(scored.held_out.patients)

    def share(of: NDArray[np.bool_]) -> Figure:
        called = positive[of]
        return clustered(lambda i: float(called[i].mean()), patients[of].tolist(), "patches")

    return {"sensitivity": share(labels == 1), "false_positive_rate": share(labels == 0)}


def _defined(values: NDArray[np.float64]) -> list[float | None]:
    return [round(value, 6) if math.isfinite(value) else None for value in values.tolist()]


def _rounded(**columns: NDArray[Any]) -> dict[str, list[float]]:
    return {name: np.round(values, 6).tolist() for name, values in columns.items()}
