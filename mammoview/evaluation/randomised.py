"""Whether the saliency depends on what the network learnt (Adebayo et al., NeurIPS 2018).

A map that stays as it is when the weights are drawn anew is an edge detector, not an explanation.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor, nn

from mammoview.backend.saliency import margin_gradient
from mammoview.domain import Magnification
from mammoview.evaluation.bootstrap import Figure, clustered
from mammoview.evaluation.patches import HeldOut
from mammoview.models.tissue import TissueClassifier

__all__ = ["PATCHES", "randomised", "randomised_figures", "rank_correlation"]

PATCHES: Final = 64
"""Patches with a finding whose saliency is compared."""

WHOLE: Final = ("all weights randomised", "another patch")
"""What is compared over whole patches too."""


def randomised(classifier: TissueClassifier, layers: int | None = None, seed: int = 0) -> TissueClassifier:
    """A copy with the weights of its last `layers` layers drawn anew, as before training; None: of all.

    The cascade of Adebayo et al. begins at the output: the decision, the pooling, then the
    convolutions from the last to the first.
    """
    copy = deepcopy(classifier)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in _from_the_output(copy)[:layers]:
            layer.reset_parameters()
    return copy.requires_grad_(False)


def rank_correlation(one: Tensor, other: Tensor) -> NDArray[np.float64]:
    """Spearman's of every pair of maps, (N, P, P) and (N, P, P) to (N,); NaN where a map is constant."""
    pairs = zip(one.flatten(1).cpu().numpy(), other.flatten(1).cpu().numpy(), strict=True)
    return np.array([_spearman(a, b) for a, b in pairs])


def randomised_figures(
    classifier: TissueClassifier, held_out: HeldOut, magnification: Magnification
) -> dict[str, Figure]:
    """Mean rank correlation of the saliency of patches with findings: trained weights against others.

    Magnitudes of gradients are compared, patch by patch, on `PATCHES` of the balanced draw, in the
    middle half of each patch: towards the border fewer and fewer paths lead through unpadded
    convolutions, whatever their weights, and maps fade alike. What that does to whole patches is
    shown beside it, and so is what two different patches have in common (decision 0037).
    """
    chosen = np.flatnonzero(held_out.labels == 1)[:PATCHES]
    images, patients = held_out.images[chosen], [held_out.patients[i] for i in chosen]
    trained = _saliency(classifier, images)
    anew = {
        what: _saliency(randomised(classifier, layers), images)
        for what, layers in {"the decision": 1, "the whole head": 2, "all weights": None}.items()
    }
    others = {
        "the same weights": _saliency(randomised(classifier, 0), images),
        **{f"{what} randomised": maps for what, maps in anew.items()},
        "another patch": trained.roll(1, 0),
    }
    pairs = {what: (_middle(trained), _middle(maps)) for what, maps in others.items()}
    pairs |= {f"{what}, whole patch": (trained, others[what]) for what in WHOLE}
    return {
        f"rank correlation of saliency, trained against {what}, {magnification.label}": _mean(
            rank_correlation(*maps), patients
        )
        for what, maps in pairs.items()
    }


def _middle(maps: Tensor) -> Tensor:
    rest = maps.shape[-1] // 4
    return maps[:, rest:-rest, rest:-rest]


def _mean(values: NDArray[np.float64], patients: Sequence[str]) -> Figure:
    def mean(index: NDArray[np.int64]) -> float:
        defined = values[index][~np.isnan(values[index])]
        return float(defined.mean()) if len(defined) else float("nan")

    return clustered(mean, patients, "patches")


def _spearman(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(spearmanr(one, other).statistic)


def _saliency(classifier: TissueClassifier, images: Tensor) -> Tensor:
    device = next(classifier.parameters()).device
    return torch.cat([margin_gradient(classifier, part.to(device))[0].cpu() for part in images.split(16)])


def _from_the_output(classifier: TissueClassifier) -> list[nn.Conv2d]:
    """Decision, pooling, then the convolutions, last first."""
    layers = [layer for layer in classifier.features if isinstance(layer, nn.Conv2d)]
    return [classifier.decide, classifier.pool, *reversed(layers)]
