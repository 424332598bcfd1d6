"""Grad-CAM (Selvaraju et al., ICCV 2017) of the tissue classifiers: what the saliency is measured against.

It is no part of the method. It explains the same patches of the same network, is weighted and added up
like the saliency, and differs in one thing only: the map of a patch. So does HiResCAM, its successor.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mammoview.backend.memory import patches_at_once
from mammoview.backend.scan import pad_for_grid
from mammoview.models.tissue import TissueClassifier

__all__ = ["added_up", "feature_places", "grad_cam", "hires_cam"]


def grad_cam(classifier: TissueClassifier, patches: Tensor) -> Tensor:
    """Class activation of "finding" at every pixel, (N, 1, P, P) to (N, P, P), at least 0.

    The last convolutional features, weighted by the mean gradient of the finding's logit and
    rectified, are interpolated between the centres of what each of them sees and held beyond the
    outermost: stretching them over the patch, as is often done, would move them outwards, since
    these networks do not pad.
    """
    features, gradient = _explained(classifier, patches)
    return _spread(features * gradient.mean(dim=(2, 3), keepdim=True), classifier)


def hires_cam(classifier: TissueClassifier, patches: Tensor) -> Tensor:
    """HiResCAM (Draelos & Carin 2020): as `grad_cam`, but each feature weighted by its own gradient.

    Grad-CAM takes the mean gradient of a channel, which says little where the head weights places
    differently, as the learnt window of these networks does; this one keeps them apart.
    """
    features, gradient = _explained(classifier, patches)
    return _spread(features * gradient, classifier)


def feature_places(classifier: TissueClassifier) -> tuple[float, int]:
    """Pixel centre of the patch that the first feature sees, and pixels between features."""
    first, step = 0.0, 1
    for layer in classifier.features:
        if isinstance(layer, nn.Conv2d):
            first += step * (layer.kernel_size[0] - 1) / 2
        elif isinstance(layer, nn.MaxPool2d):
            first, step = first + step / 2, step * 2
    return first, step


def added_up(
    maps: Callable[[TissueClassifier, Tensor], Tensor],
    classifier: TissueClassifier,
    image: NDArray[np.float32],
    kept: NDArray[np.bool_],
    contribution: NDArray[np.float32],
    stride: int,
    batch: int | None,
) -> NDArray[np.float32]:
    """Maps of the kept cells' patches, each scaled to sum to its contribution, added where they were cut.

    Parameters
    ----------
    maps : callable
        Takes the classifier and patches (N, 1, P, P); returns (N, P, P), at least 0.
    classifier, image, kept, contribution, stride, batch
        As `backend.saliency.kept_saliency` takes them.

    Returns
    -------
    ndarray of shape (H, W), float32
        A patch whose map is 0 everywhere adds nothing.
    """
    padded, side = pad_for_grid(image, classifier.patch, stride), classifier.patch
    canvas, device = np.zeros_like(padded), next(classifier.parameters()).device
    corners, terms = np.argwhere(kept) * stride, contribution[kept]
    batch = batch or patches_at_once(classifier)
    for start in range(0, len(corners), batch):
        part = corners[start : start + batch]
        patches = np.stack([padded[r : r + side, c : c + side] for r, c in part])[:, None]
        found = maps(classifier, torch.from_numpy(patches).to(device)).cpu().numpy()
        totals = np.maximum(found.sum(axis=(1, 2)), np.finfo(np.float32).tiny)
        for (r, c), one, weight in zip(part, found, terms[start : start + batch] / totals, strict=True):
            canvas[r : r + side, c : c + side] += one * weight
    before = (side - stride) // 2
    return canvas[before : before + image.shape[0], before : before + image.shape[1]]


def _explained(classifier: TissueClassifier, patches: Tensor) -> tuple[Tensor, Tensor]:
    """The last convolutional features and the gradient of the finding's logit, (N, C, h, w) each."""
    features = classifier.features(classifier.normalised(patches)).detach().requires_grad_()
    with torch.enable_grad():
        score = classifier.head(features, classifier.stride)[:, 1, 0, 0].sum()
        (gradient,) = torch.autograd.grad(score, features)
    return features.detach(), gradient


def _spread(weighted: Tensor, classifier: TissueClassifier) -> Tensor:
    """The rectified sum of channels (N, C, h, w), bilinearly at the pixels of the patches, (N, P, P)."""
    activation = torch.relu(weighted.sum(dim=1, keepdim=True))
    first, step = feature_places(classifier)
    side = activation.shape[-1]
    places = (torch.arange(classifier.patch, device=activation.device) - first) / step  # in features
    line = (2 * places + 1) / side - 1  # grid_sample counts from edge to edge, -1 to 1
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    grid = torch.stack([columns, rows], dim=-1).expand(len(activation), -1, -1, -1)
    spread = nn.functional.grid_sample(activation, grid, padding_mode="border", align_corners=False)
    return spread.squeeze(1)
