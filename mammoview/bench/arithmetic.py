"""What a scan must cost at the least: multiply-adds over the machine's rate, bytes over its bandwidth."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from mammoview.models.tissue import TissueClassifier

__all__ = ["bandwidth", "multiply_adds", "rate", "traffic"]


def multiply_adds(classifier: TissueClassifier, shape: tuple[int, int]) -> int:
    """Of the features of an image of this shape."""
    total, (rows, columns) = 0, shape
    for layer in classifier.features:
        if isinstance(layer, nn.Conv2d):
            rows, columns = rows - 2, columns - 2
            total += rows * columns * 9 * layer.in_channels * layer.out_channels
        elif isinstance(layer, nn.MaxPool2d):
            rows, columns = rows // 2, columns // 2
    return total


def traffic(classifier: TissueClassifier, shape: tuple[int, int], element_bytes: int) -> int:
    """Bytes that must at least be read and written when each convolution keeps its rectifier to itself."""
    total, (rows, columns) = 0, shape
    for layer in classifier.features:
        if isinstance(layer, nn.Conv2d):
            total += rows * columns * layer.in_channels * element_bytes
            rows, columns = rows - 2, columns - 2
            total += rows * columns * layer.out_channels * element_bytes
            channels = layer.out_channels
        elif isinstance(layer, nn.MaxPool2d):
            total += rows * columns * channels * element_bytes
            rows, columns = rows // 2, columns // 2
            total += rows * columns * channels * element_bytes
    return total


def rate(device: torch.device, precision: torch.dtype) -> float:
    """Multiply-adds a second of a large matrix product on this device."""
    side = 2048 if device.type == "cpu" else 8192
    one = torch.rand(side, side, device=device).to(precision)
    return side**3 / _fastest(lambda: one @ one, device)


def bandwidth(device: torch.device) -> float:
    """Bytes a second, read and written, of a copy that no cache holds."""
    source = torch.ones(2**27 if device.type == "cpu" else 2**29, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * source.numel() / _fastest(lambda: target.copy_(source), device)


def _fastest(work: Callable[[], object], device: torch.device, repeats: int = 7) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return float(np.min(times))
