"""Brightness, contrast, sharpness and noise, changed at random (paper §4.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

__all__ = ["Lighting", "relit"]

AIR = 0.004
"""Field value up to which there is nothing to light up."""


@dataclass(frozen=True, slots=True)
class Lighting:
    """How far each quantity may go, either way.

    Attributes
    ----------
    gamma, gain : float
        Of the logarithm of the exponent and of the factor.
    offset : float
        Added where there is tissue.
    noise : float
        Largest standard deviation.
    sharpness : float
        Share of the difference to the mean of 3 × 3 pixels that is added or taken away.
    """

    gamma: float
    gain: float
    offset: float
    noise: float
    sharpness: float


def relit(images: Tensor, lighting: Lighting, rng: np.random.Generator) -> Tensor:
    """Images (N, 1, H, W) in [0, 1] as another film, exposure or digitiser might have shown them."""

    def drawn(reach: float, low: float = -1.0) -> Tensor:
        values = rng.uniform(low, 1, (len(images), 1, 1, 1)).astype(np.float32) * reach
        return torch.from_numpy(values).to(images.device)

    smooth = torch.nn.functional.avg_pool2d(images, 3, stride=1, padding=1)
    sharpened = images + drawn(lighting.sharpness) * (images - smooth)
    curved = sharpened.clamp(1e-4, 1) ** drawn(lighting.gamma).exp()
    lit = curved * drawn(lighting.gain).exp() + drawn(lighting.offset) * (images > AIR)
    random = torch.Generator(images.device).manual_seed(int(rng.integers(2**62)))
    noise = torch.randn(images.shape, generator=random, device=images.device)
    return (lit + noise * drawn(lighting.noise, low=0.0)).clamp_(0, 1)
