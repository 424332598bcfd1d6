"""The heatmap regression of the paper (§3, Figure 2).

Convolutions only, three 2×2 poolings, no fully connected layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["HeatmapNetwork"]


def _convolution(inputs: int, outputs: int, dilation: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]


class HeatmapNetwork(nn.Module):
    """Logit of heat for each cell of 8×8 input pixels.

    Parameters
    ----------
    widths : sequence of three int
        Channels before each of the three poolings.
    context : int
        Channels of the dilated convolutions that see the surroundings of a cell.
    dilations : sequence of int
        One dilated convolution each, in cells.
    local_results : bool
        Whether the tissue grid at ×0.5 is joined in at the last layer (the paper's second variant).
    mean, std : float
        Normalisation of field values.
    """

    def __init__(
        self,
        widths: Sequence[int],
        context: int,
        dilations: Sequence[int],
        local_results: bool,
        mean: float,
        std: float,
    ) -> None:
        super().__init__()
        self.mean, self.std, self.local_results = mean, std, local_results
        layers: list[nn.Module] = []
        channels = 1
        for width in widths:
            layers += [*_convolution(channels, width), *_convolution(width, width), nn.MaxPool2d(2)]
            channels = width
        for dilation in dilations:
            layers += _convolution(channels, context, dilation)
            channels = context
        self.features = nn.Sequential(*layers)
        self.heat = nn.Conv2d(channels, 1, 1)
        nn.init.constant_(self.heat.bias, -3.0)  # type: ignore[arg-type]
        if local_results:
            self.join = nn.Sequential(
                *_convolution(channels + 1, 32), *_convolution(32, 32), nn.Conv2d(32, 1, 1)
            )
            nn.init.zeros_(self.join[-1].weight)  # type: ignore[arg-type]
            nn.init.zeros_(self.join[-1].bias)  # type: ignore[arg-type]

    @classmethod
    def from_card(cls, architecture: dict[str, Any], inputs: dict[str, Any]) -> HeatmapNetwork:
        """The untrained network that a card describes."""
        return cls(
            architecture["widths"],
            int(architecture["context"]),
            architecture["dilations"],
            bool(architecture["local_results"]),
            float(inputs["mean"]),
            float(inputs["std"]),
        )

    def forward(self, image: Tensor, tissue: Tensor | None = None) -> Tensor:
        """Logits of heat.

        Parameters
        ----------
        image : Tensor of shape (N, 1, 8 I, 8 J)
            Field values in [0, 1] at 0.4 mm per pixel.
        tissue : Tensor of shape (N, 1, I, J), optional
            Logit of suspicion at ×0.5, stride 32; required with local results, ignored without.

        Returns
        -------
        Tensor of shape (N, 1, I, J)
        """
        features = self.features((image - self.mean) / self.std)
        heat: Tensor = self.heat(features)
        if not self.local_results:
            return heat
        if tissue is None:
            raise ValueError("this network joins the tissue grid in: it needs the local results")
        joined = torch.cat([features, tissue.clamp(-8, 8) / 4], dim=1)
        joint: Tensor = self.join(joined)
        return heat + joint
