"""The strided tissue classifications of a whole field by one dense pass.

Paper §3, "Aggregated Local Results".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mammoview.backend.memory import PIECE_BYTES, in_pieces
from mammoview.backend.runtime import PLAIN, Runtime
from mammoview.models.tissue import TissueClassifier

__all__ = ["grid_shape", "pad_for_grid", "scan_tissue"]


def grid_shape(shape: tuple[int, ...], stride: int) -> tuple[int, int]:
    """Cells along an image of this shape: enough to cover it."""
    return -(-shape[0] // stride), -(-shape[1] // stride)


def pad_for_grid(image: NDArray[np.float32], patch: int, stride: int) -> NDArray[np.float32]:
    """Surround an image with air so that the patch of cell (i, j) begins at (i, j) * stride.

    Cell (i, j) covers the pixels from (i, j) * stride on; its patch is centred on it, so tissue at
    the border has a cell too.
    """
    before = (patch - stride) // 2
    after = [
        (cells - 1) * stride + patch - before - n
        for cells, n in zip(grid_shape(image.shape, stride), image.shape, strict=True)
    ]
    return np.pad(image, ((before, max(0, after[0])), (before, max(0, after[1]))))


def scan_tissue(
    classifier: TissueClassifier,
    image: NDArray[np.float32],
    strides: Sequence[int],
    progress: Callable[[float], None] = lambda share: None,
    runtime: Runtime = PLAIN,
    piece_bytes: int = PIECE_BYTES,
) -> dict[int, NDArray[np.float32]]:
    """Logit of suspicion (finding minus no finding) of every cell, at each of the strides.

    Features are computed once, at the smallest stride's padding, band by band of rows with exact
    halos, so that memory does not grow with the field; every stride's head reads from them.

    Parameters
    ----------
    classifier : TissueClassifier
    image : ndarray of shape (H, W), float32
        The field at the classifier's magnification.
    strides : sequence of int
        In magnified pixels; each a multiple of the smallest, and (stride - smallest) / 2 a multiple
        of the network's own feature stride.
    progress : callable
        Called with the share of bands that are done; may raise to stop.
    runtime : Runtime
        What computes the features.
    piece_bytes : int
        How much the activations of one band may take.

    Returns
    -------
    dict
        Stride to ndarray (I, J), float32.

    Raises
    ------
    NotEnoughMemory
        Not even the smallest band fits.
    """
    smallest, largest = min(strides), max(strides)
    padded = pad_for_grid(image, classifier.patch, smallest)
    shapes = {stride: grid_shape(image.shape, stride) for stride in strides}
    results = {stride: np.empty(shape, np.float32) for stride, shape in shapes.items()}
    rows, columns = shapes[largest]
    halo = classifier.patch - smallest
    width = columns * largest + halo
    device = next(classifier.parameters()).device

    def band(first: int, last: int) -> list[Tensor]:
        height = (last - first) * largest + halo
        part = _fit(padded[first * largest : first * largest + height], height, width)
        with torch.inference_mode():
            tensor = classifier.normalised(torch.from_numpy(part)[None, None].to(device))
            features = runtime.features(classifier, tensor)
            # A coarser cell's centre lies (stride - smallest) / 2 further in than the fine one's.
            logits = (classifier.head(features, s, (s - smallest) // 2)[0] for s in strides)
            return [(each[1] - each[0]).cpu() for each in logits]

    most = max(1, (piece_bytes // (4 * classifier.widths[0] * width) - halo) // largest)
    done = 0
    for last, found in in_pieces(rows, most, band):
        for stride, logits in zip(strides, found, strict=True):
            begin, end = (n * largest // stride for n in (done, last))
            part = results[stride][begin:end]
            part[:] = logits.numpy()[: len(part), : part.shape[1]]
        done = last
        progress(done / rows)
    return results


def _fit(part: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Exactly (rows, columns): air below and to the right where the image ends before."""
    short = (max(0, rows - part.shape[0]), max(0, columns - part.shape[1]))
    padded = np.pad(part, ((0, short[0]), (0, short[1]))) if any(short) else part
    return np.ascontiguousarray(padded[:rows, :columns])
