"""The heatmap regression of the paper (§3, Figure 2).

Convolutions only, three 2×2 poolings, no fully connected layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

__all__ = ["LOCAL_GRIDS", "HeatmapNetwork", "Surroundings"]

LOCAL_GRIDS: Final = 3
"""Tissue grids that are joined in: one for each magnification."""
SUREST: Final = 8.0  # logits beyond this say nothing more


def _convolution(inputs: int, outputs: int, dilation: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]


class Surroundings(nn.Module):
    """Adds to each cell what a dilated convolution sees around it."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_convolution(channels, channels, dilation),
            nn.Dropout2d(0.1),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, cells: Tensor) -> Tensor:
        added: Tensor = self.layers(cells)
        return torch.relu(cells + added)


class HeatmapNetwork(nn.Module):
    """Logit of heat for each cell of 8×8 input pixels.

    Outside training the logit is the mean of the film's and of its reflection's from top to bottom:
    a breast looks no more suspicious upside down.

    Parameters
    ----------
    widths : sequence of three int
        Channels before each of the three poolings.
    context : int
        Channels of the dilated convolutions that see the surroundings of a cell.
    dilations : sequence of int
        One dilated convolution each, in cells, added to what came before (a residual).
    local_results : bool
        Whether the tissue grids are joined in at the last layer (the paper's second variant).
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
        layers += _convolution(channels, context)
        layers += [Surroundings(context, dilation) for dilation in dilations]
        self.features = nn.Sequential(*layers)
        self.heat = nn.Conv2d(context, 1, 1)
        nn.init.constant_(self.heat.bias, -3.0)  # type: ignore[arg-type]
        if local_results:
            self.join = nn.Conv2d(1 + LOCAL_GRIDS, 1, 3, padding=1)
            nn.init.zeros_(self.join.weight)
            nn.init.zeros_(self.join.bias)  # type: ignore[arg-type]

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
        tissue : Tensor of shape (N, 3, I, J), optional
            Logits of suspicion at ×0.5, ×0.33 and ×0.25 on the heatmap's cells; required with local
            results, ignored without.

        Returns
        -------
        Tensor of shape (N, 1, I, J)
        """
        if not self.local_results:
            return self.alone(image)
        if tissue is None:
            raise ValueError("this network joins the tissue grids in: it needs the local results")
        return self.joined(self.alone(image), tissue)

    def alone(self, image: Tensor) -> Tensor:
        """Logits of heat (N, 1, I, J) without local results, whether the network joins them in or not."""
        if self.training:
            heat: Tensor = self.heat(self.features(self.normalised(image)))
            return heat
        return self.agreed(self.features(self.both_ways(image)))

    def normalised(self, image: Tensor) -> Tensor:
        """What `features` takes."""
        return (image - self.mean) / self.std

    def both_ways(self, image: Tensor) -> Tensor:
        """Normalised images (N, 1, H, W) and then their reflections from top to bottom, (2 N, 1, H, W)."""
        image = self.normalised(image)
        return torch.cat([image, image.flip(2)])

    def agreed(self, features: Tensor) -> Tensor:
        """Logits (N, 1, I, J): the mean over both ways, from the features (2 N, C, I, J) of `both_ways`."""
        heat, reflected = self.heat(features).chunk(2)
        mean: Tensor = (heat + reflected.flip(2)) / 2
        return mean

    def joined(self, heat: Tensor, tissue: Tensor) -> Tensor:
        """Logits of heat with local results, from those without (N, 1, I, J) and the grids (N, 3, I, J)."""
        added: Tensor = self.join(torch.cat([heat, tissue.clamp(-SUREST, SUREST)], dim=1))
        return heat + added
