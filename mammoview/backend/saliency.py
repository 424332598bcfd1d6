"""Pixel saliency: the gradient of kept patches, added at their places.

Paper §3, "Pixel-wise Saliency", and §4.2.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mammoview.backend.memory import in_pieces, patches_at_once
from mammoview.backend.scan import pad_for_grid
from mammoview.backend.threads import threads_for
from mammoview.domain import Heatmap, TissueGrid, Weighting
from mammoview.geometry import Frame
from mammoview.models.tissue import TissueClassifier

__all__ = [
    "contributions",
    "entropy",
    "gate",
    "hot_pixels",
    "kept_saliency",
    "margin_gradient",
    "patch_weights",
]


ROUNDS: Final = 4
"""Batches for each thread between two reports of progress: the threads wait for one another only then."""


def entropy(logits: Tensor) -> Tensor:
    """H(y|x) = -Σ p log p in nats, (N, C) to (N,); finite even where a class has probability 0."""
    log_p = logits.log_softmax(dim=1)
    return -(log_p.exp() * log_p).sum(dim=1)


def margin_gradient(classifier: TissueClassifier, patches: Tensor) -> tuple[Tensor, Tensor]:
    """|∂d/∂x| of every pixel (N, P, P), and d itself (N,): by how much the logit of a finding leads.

    Takes patches (N, 1, P, P), which are left as they were.
    """
    patches = patches.detach().clone().requires_grad_()
    with torch.enable_grad():
        logits = classifier(patches)
        margin = logits[:, 1] - logits[:, 0]
        (gradient,) = torch.autograd.grad(margin.sum(), patches)
    return gradient.abs().squeeze(1), margin.detach()


def patch_weights(gradients: Tensor, margin: Tensor, contribution: Tensor) -> dict[Weighting, Tensor]:
    """What each patch's |∂d/∂x| (N, P, P) is multiplied with, (N,) each.

    With p = σ(d), ∂H/∂d = -d p (1 - p) and ∂(-log p)/∂d of the predicted class is the other's
    probability; `contribution` (N,) is the patch's term of equation 1.
    """
    p, other = margin.sigmoid(), (-margin).sigmoid()
    unit = 1 / gradients.sum(dim=(1, 2)).clamp_min(torch.finfo(gradients.dtype).tiny)
    return {
        Weighting.CONTEXT: contribution * unit,
        Weighting.NORMALISED: unit,
        Weighting.ENTROPY: margin.abs() * p * other,
        Weighting.LOG_PROBABILITY: torch.minimum(p, other),
    }


def contributions(grid: TissueGrid, heatmap: Heatmap) -> NDArray[np.float32]:
    """Each cell's term of the paper's equation 1, (I, J) in [0, 1]: suspicion times heat at its centre."""
    return np.asarray(grid.suspicion * heatmap.at(grid.centres()), np.float32)


def gate(grid: TissueGrid, heatmap: Heatmap) -> NDArray[np.bool_]:
    """Cells that are positive **and** whose centre lies in the heat region (§4.2), (I, J)."""
    hot = heatmap.at(grid.centres()) >= heatmap.level
    return np.asarray((grid.suspicion >= grid.threshold) & hot, bool)


def hot_pixels(heatmap: Heatmap, frame: Frame, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The heat region on an image of this frame and shape that has the heatmap's orientation."""
    rows = heatmap.frame.from_scan(frame.to_scan(_line(shape[0], 0)))[:, 0]
    columns = heatmap.frame.from_scan(frame.to_scan(_line(shape[1], 1)))[:, 1]
    places = [
        np.clip(np.rint(p).astype(int), 0, n - 1)
        for p, n in zip((rows, columns), heatmap.heat.shape, strict=True)
    ]
    return np.asarray((heatmap.heat >= heatmap.level)[np.ix_(*places)])


def kept_saliency(
    classifier: TissueClassifier,
    image: NDArray[np.float32],
    kept: NDArray[np.bool_],
    contribution: NDArray[np.float32],
    stride: int,
    batch: int | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> dict[Weighting, NDArray[np.float32]]:
    """Gradients of the kept cells' patches, weighted in every way, added up where they were cut.

    Parameters
    ----------
    classifier : TissueClassifier
    image : ndarray of shape (H, W), float32
        The field at the classifier's magnification.
    kept : ndarray of shape (I, J), bool
        Cells of the grid at `stride`.
    contribution : ndarray of shape (I, J), float32
        Of each cell, see `contributions`.
    stride : int
        Magnified pixels between cells.
    batch : int, optional
        Patches per backward pass; fewer where memory runs out.

    Returns
    -------
    dict of Weighting to ndarray of shape (H, W), float32
        At least 0. Absolute values are added per patch, as the paper says, which one backward pass
        through the dense map would not do.
    """
    padded = pad_for_grid(image, classifier.patch, stride)
    canvases = {weighting: np.zeros_like(padded) for weighting in Weighting}
    side, device = classifier.patch, next(classifier.parameters()).device
    corners, terms = np.argwhere(kept) * stride, contribution[kept]
    size = batch or patches_at_once(classifier)

    with threads_for(device) as (threads, map_in_threads):

        def differentiated(first: int, last: int) -> list[tuple[Tensor, Tensor]]:
            patches = [padded[r : r + side, c : c + side] for r, c in corners[first:last]]
            parts = torch.from_numpy(np.stack(patches))[:, None].to(device).split(size)
            return list(map_in_threads(partial(margin_gradient, classifier), parts))

        done = 0
        for last, found in in_pieces(len(corners), size * threads * ROUNDS, differentiated):
            for gradients, margin in found:
                here = slice(done, done + len(margin))
                weights = patch_weights(gradients, margin, torch.from_numpy(terms[here]).to(device))
                for weighting, each in weights.items():
                    weighted = (gradients * each[:, None, None]).cpu().numpy()
                    for (r, c), one in zip(corners[here], weighted, strict=True):
                        canvases[weighting][r : r + side, c : c + side] += one
                done = here.stop
            progress(last / len(corners))
    before = (side - stride) // 2
    inside = (slice(before, before + image.shape[0]), slice(before, before + image.shape[1]))
    return {weighting: canvas[inside] for weighting, canvas in canvases.items()}


def _line(length: int, axis: int) -> NDArray[np.float64]:
    points = np.zeros((length, 2))
    points[:, axis] = np.arange(length)
    return points
