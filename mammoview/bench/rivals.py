"""The plain ways to do the same work, with the same networks."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from mammoview.backend.saliency import entropy
from mammoview.backend.scan import grid_shape, pad_for_grid
from mammoview.models.tissue import TissueClassifier

__all__ = ["captum_loop", "inner_loop", "monai_window", "patch_loop"]

BATCH = 16


def patch_loop(classifier: TissueClassifier, image: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """Logits (I, J) of every patch of the grid at this stride, cut out and classified in batches of 16."""
    padded, side = pad_for_grid(image, classifier.patch, stride), classifier.patch
    rows, columns = grid_shape(image.shape, stride)
    corners = [(i * stride, j * stride) for i in range(rows) for j in range(columns)]
    found = np.empty(len(corners), np.float32)
    with torch.inference_mode():
        for start in range(0, len(corners), BATCH):
            part = [padded[r : r + side, c : c + side] for r, c in corners[start : start + BATCH]]
            logits = classifier(torch.from_numpy(np.stack(part))[:, None])
            found[start : start + len(part)] = (logits[:, 1] - logits[:, 0]).numpy()
    return found.reshape(rows, columns)


def inner_loop(classifier: TissueClassifier, image: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """The same for patches that lie wholly on the image, at any stride."""
    side = classifier.patch
    windows = np.lib.stride_tricks.sliding_window_view(image, (side, side))[::stride, ::stride]
    flat = windows.reshape(-1, side, side)
    found = np.empty(len(flat), np.float32)
    with torch.inference_mode():
        for start in range(0, len(flat), BATCH):
            part = np.ascontiguousarray(flat[start : start + BATCH])
            logits = classifier(torch.from_numpy(part)[:, None])
            found[start : start + len(part)] = (logits[:, 1] - logits[:, 0]).numpy()
    return found.reshape(windows.shape[:2])


def monai_window(
    classifier: TissueClassifier, image: NDArray[np.float32], stride: int
) -> NDArray[np.float32]:
    """MONAI's sliding-window inference, each window answered by its patch's two logits spread over it.

    Raises
    ------
    ImportError
        MONAI is not installed (requirements-bench.txt).
    """
    from monai.inferers.utils import sliding_window_inference

    side = classifier.patch

    def spread(patches: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = classifier(patches)
        return logits[:, :, None, None].repeat(1, 1, side, side)

    with torch.inference_mode():
        found = sliding_window_inference(
            torch.from_numpy(image)[None, None], (side, side), BATCH, spread, overlap=1 - stride / side
        )
    return np.asarray(found[0].numpy(), np.float32)


def captum_loop(classifier: TissueClassifier, patches: NDArray[np.float32]) -> NDArray[np.float32]:
    """captum's gradient of the entropy, patch after patch: (N, P, P).

    Raises
    ------
    ImportError
        captum is not installed (requirements-bench.txt).
    """
    from captum.attr import Saliency

    saliency = Saliency(lambda x: entropy(classifier(x)))
    found = [saliency.attribute(torch.from_numpy(p)[None, None].requires_grad_()) for p in patches]
    return np.stack([each[0, 0].detach().numpy() for each in found])
