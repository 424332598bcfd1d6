"""How well the tissue classifiers tell patches apart, on the paper's balanced draw (Table 2, Figure 3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from mammoview.domain import Magnification
from mammoview.errors import UnusableDataset
from mammoview.evaluation.bootstrap import Figure, clustered
from mammoview.evaluation.patches import HeldOut, held_out_patches
from mammoview.evaluation.split import validation_half
from mammoview.evaluation.store import Prepared
from mammoview.models.tissue import TissueClassifier

__all__ = ["area_under_curve", "best_threshold", "suspicions", "tissue_figures", "total_error"]

EACH = 256  # patches of each kind, as in the paper's Table 1


def suspicions(classifier: TissueClassifier, held_out: HeldOut) -> NDArray[np.float64]:
    """Suspicion of each held-out patch, (N,), in [0, 1]."""
    device = next(classifier.parameters()).device
    with torch.inference_mode():
        logits = torch.cat([classifier(part.to(device)).cpu() for part in torch.split(held_out.images, 32)])
    return np.asarray(expit((logits[:, 1] - logits[:, 0]).double().numpy()))


def area_under_curve(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    """Of the ROC; NaN where only one class is present."""
    return float(roc_auc_score(labels, scores)) if 0 < labels.mean() < 1 else float("nan")


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


def tissue_figures(
    classifier: TissueClassifier, films: Sequence[Prepared], magnification: Magnification
) -> tuple[dict[str, Figure], float]:
    """AUC and total error on the balanced draw, and the threshold for the card.

    The error is measured on each half of the patients with the threshold that the other half
    chose, so that no patch is judged by a threshold it helped to choose; the card's threshold is
    chosen on all of them.

    Raises
    ------
    UnusableDataset
        One half of the patients has no lesion.
    """
    held_out = held_out_patches(films, magnification, classifier.patch, EACH)
    scores, labels, patients = suspicions(classifier, held_out), held_out.labels, held_out.patients
    half = np.array([validation_half(p) for p in patients])
    thresholds = np.empty(len(scores))
    for side in (0, 1):
        other = half != side
        if not 0 < labels[other].sum() < other.sum():
            raise UnusableDataset(
                "there are too few lesions to choose a threshold on one half of the patients and measure it "
                "on the other: evaluate more films"
            )
        thresholds[half == side] = best_threshold(labels[other], scores[other])
    wrong = (scores >= thresholds) != (labels == 1)
    figures = {
        "tissue AUC, balanced": clustered(
            lambda i: area_under_curve(labels[i], scores[i]), patients, "patches"
        ),
        "total error, balanced": clustered(lambda i: float(wrong[i].mean()), patients, "patches"),
    }
    return figures, best_threshold(labels, scores)
