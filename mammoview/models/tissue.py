"""The tissue classifier q(z|x') of the paper (§3): a VGG without padding, on one grey channel.

Without padding a feature depends only on the pixels of its own patch, so one pass over the whole
field gives exactly what a loop over patches gives (`backend.scan`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["TissueClassifier"]


class TissueClassifier(nn.Module):
    """Logits of (no finding, finding) for patches of tissue.

    Parameters
    ----------
    patch : int
        Side of a patch in magnified pixels.
    widths : sequence of int
        Channels of each block of two 3×3 convolutions; blocks are joined by 2×2 maximum pooling, so
        features lie every 2^(len(widths) - 1) pixels.
    mean, std : float
        Normalisation of field values, part of the network so that it cannot be forgotten.
    """

    def __init__(self, patch: int, widths: Sequence[int], mean: float, std: float) -> None:
        super().__init__()
        self.patch, self.widths, self.mean, self.std = patch, tuple(widths), mean, std
        layers: list[nn.Module] = []
        channels = 1
        for i, width in enumerate(widths):
            if i:
                layers.append(nn.MaxPool2d(2))
            for inputs in (channels, width):
                layers += [
                    nn.Conv2d(inputs, width, 3, bias=False),
                    nn.BatchNorm2d(width),
                    nn.ReLU(inplace=True),
                ]
            channels = width
        self.features = nn.Sequential(*layers)
        self.stride = 2 ** (len(widths) - 1)
        self.window = self._features_along(patch, len(widths))
        # The head pools a patch's features with one learnt window per channel, then decides.
        self.pool = nn.Conv2d(channels, channels, self.window, groups=channels)
        self.dropout = nn.Dropout(0.2)
        self.decide = nn.Conv2d(channels, 2, 1)
        nn.init.constant_(self.pool.weight, 1.0 / self.window**2)

    @classmethod
    def from_card(cls, architecture: dict[str, Any], inputs: dict[str, Any]) -> TissueClassifier:
        """The untrained network that a card describes."""
        return cls(int(inputs["patch"]), architecture["widths"], float(inputs["mean"]), float(inputs["std"]))

    @staticmethod
    def _features_along(side: int, blocks: int) -> int:
        for i in range(blocks):
            side = (side // 2 if i else side) - 4
        if side < 1:
            raise ValueError("the patch is too small for this many blocks")
        return side

    def forward(self, patches: Tensor, stride: int | None = None) -> Tensor:
        """(N, 1, P, P) field values in [0, 1] to logits (N, 2); with a stride, what `scan` gives."""
        if stride is None:
            return self.scan(patches, self.stride)[:, :, 0, 0]
        return self.scan(patches, stride)

    def scan(self, image: Tensor, stride: int) -> Tensor:
        """Logits of every patch at this stride: (N, 1, H, W) to (N, 2, I, J).

        Cell (i, j) is the patch whose first pixel is (i * stride, j * stride); `stride` must be a
        multiple of `self.stride`.
        """
        return self.head(self.features(self.normalised(image)), stride)

    def normalised(self, image: Tensor) -> Tensor:
        """What `features` takes."""
        return (image - self.mean) / self.std

    def head(self, features: Tensor, stride: int, start: int = 0) -> Tensor:
        """Logits (N, 2, I, J) from features (N, C, h, w), at every `stride` pixels from pixel `start` on."""
        step, first = stride // self.stride, start // self.stride
        if stride % self.stride or start % self.stride:
            raise ValueError(f"stride and start must be multiples of {self.stride} pixels")
        pooled = nn.functional.conv2d(
            features[:, :, first:, first:],
            self.pool.weight,
            self.pool.bias,
            stride=step,
            groups=self.pool.groups,
        )
        logits: Tensor = self.decide(self.dropout(torch.relu(pooled)))
        return logits
