"""Pixel saliency: the entropy gradient of kept patches, added at their places.

Paper §3, "Pixel-wise Saliency", and §4.2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mammoview.backend.scan import pad_for_grid
from mammoview.domain import Heatmap, TissueGrid
from mammoview.geometry import Frame
from mammoview.models.tissue import TissueClassifier

__all__ = ["entropy", "entropy_gradient", "gate", "hot_pixels", "kept_saliency"]


def entropy(logits: Tensor) -> Tensor:
    """H(y|x) = -Σ p log p in nats, (N, C) to (N,); finite even where a class has probability 0."""
    log_p = logits.log_softmax(dim=1)
    return -(log_p.exp() * log_p).sum(dim=1)


def entropy_gradient(classifier: TissueClassifier, patches: Tensor) -> Tensor:
    """|∂H/∂x| of every pixel of every patch, (N, 1, P, P) to (N, P, P); the input is left as it was."""
    patches = patches.detach().clone().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(entropy(classifier(patches)).sum(), patches)
    return gradient.abs().squeeze(1)


def gate(grid: TissueGrid, heatmap: Heatmap) -> NDArray[np.bool_]:
    """Cells that are positive **and** whose centre lies in the heat region (§4.2), (I, J)."""
    cells = np.rint(heatmap.frame.from_scan(grid.centres())).astype(int)
    rows, columns = (np.clip(axis, 0, n - 1) for axis, n in zip(cells.T, heatmap.heat.shape, strict=True))
    inside = (cells == np.stack([rows, columns], axis=1)).all(axis=1)
    hot = inside & (heatmap.heat[rows, columns] >= heatmap.level)
    return np.asarray((grid.suspicion >= grid.threshold) & hot.reshape(grid.suspicion.shape), bool)


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
    stride: int,
    batch: int,
    progress: Callable[[float], None] = lambda share: None,
) -> NDArray[np.float32]:
    """Entropy gradients of the kept cells' patches, added up where they were cut.

    Parameters
    ----------
    classifier : TissueClassifier
    image : ndarray of shape (H, W), float32
        The field at the classifier's magnification.
    kept : ndarray of shape (I, J), bool
        Cells of the grid at `stride`.
    stride, batch : int
        Magnified pixels between cells; patches per backward pass.

    Returns
    -------
    ndarray of shape (H, W), float32
        At least 0. Absolute values are added per patch, as the paper says, which one backward pass
        through the dense map would not do.
    """
    padded = pad_for_grid(image, classifier.patch, stride)
    canvas, side = np.zeros_like(padded), classifier.patch
    corners = np.argwhere(kept) * stride
    device = next(classifier.parameters()).device
    for start in range(0, len(corners), batch):
        part = corners[start : start + batch]
        patches = np.stack([padded[r : r + side, c : c + side] for r, c in part])[:, None]
        gradients = entropy_gradient(classifier, torch.from_numpy(patches).to(device)).cpu().numpy()
        for (r, c), gradient in zip(part, gradients, strict=True):
            canvas[r : r + side, c : c + side] += gradient
        progress(min(1.0, (start + batch) / len(corners)))
    before = (side - stride) // 2
    return canvas[before : before + image.shape[0], before : before + image.shape[1]]


def _line(length: int, axis: int) -> NDArray[np.float64]:
    points = np.zeros((length, 2))
    points[:, axis] = np.arange(length)
    return points
