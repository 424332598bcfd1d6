"""What runs the convolutions: plain PyTorch, against which all else is held, or something faster.

Nearly all work of an assessment lies in the `features` of its networks. A runtime computes those, in the
precision it is for; the heads that decide, and all saliency, stay in float32 PyTorch whatever runs here.
"""

from __future__ import annotations

import importlib
from copy import deepcopy
from typing import TYPE_CHECKING, Final, Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from mammoview.errors import BadSetting

if TYPE_CHECKING:
    from mammoview.models.cards import Network

__all__ = ["ENGINES", "PLAIN", "PyTorch", "Runtime", "choose_runtime", "halves", "in_halves"]

UPPER_HALF: Final = -(1 << 16)
"""The bits of a float32 that bfloat16 keeps."""

ENGINES: Final = ("auto", "plain", "bfloat16", "openvino")
"""Names under which a runtime can be asked for."""


class Runtime(Protocol):
    """Runs networks for all readers: it may keep a network in a form of its own, and nothing of a film."""

    @property
    def name(self) -> str:
        """What ran, as exports say it: "PyTorch float32"."""
        ...

    def features(self, network: Network, images: Tensor) -> Tensor:
        """Features (N, C, h, w), float32, of normalised images (N, 1, H, W), on the network's device."""
        ...


class PyTorch:
    """Eager PyTorch, in float32 or, with `half`, in bfloat16 behind an exact first layer."""

    def __init__(self, half: bool = False) -> None:
        self._half = half
        self._copies: WeakKeyDictionary[nn.Module, nn.Sequential] = WeakKeyDictionary()

    @property
    def name(self) -> str:
        return f"PyTorch {'bfloat16' if self._half else 'float32'}"

    def features(self, network: Network, images: Tensor) -> Tensor:
        layers = network.features
        if self._half:
            if layers not in self._copies:
                self._copies[layers] = in_halves(layers).to(torch.bfloat16)
            layers, images = self._copies[layers], halves(images).to(torch.bfloat16)
        found: Tensor = layers(images.contiguous(memory_format=torch.channels_last))
        return found.float()


PLAIN: Final = PyTorch()
"""Float32, layer by layer: what the cards' figures were measured with."""


def choose_runtime(device: torch.device, wanted: str = "auto") -> Runtime:
    """The fastest that this machine has, or the one that is wanted.

    On a CPU that is OpenVINO where it is installed, in bfloat16 if the processor multiplies matrices in
    it; without OpenVINO, PyTorch in the same precision. On a GPU it is float32.

    Raises
    ------
    BadSetting
        The name is unknown, or what it names is not there.
    """
    if wanted not in ENGINES:
        raise BadSetting(f"engine {wanted!r} is unknown: choose {', '.join(ENGINES)}")
    automatic = wanted == "auto" and device.type == "cpu"
    if wanted == "openvino" or (automatic and _has_openvino()):
        return _openvino(device)
    if wanted == "bfloat16" or (automatic and multiplies_bfloat16()):
        return PyTorch(half=True)
    return PLAIN


def multiplies_bfloat16() -> bool:
    """Whether this processor has instructions for it; elsewhere it is slower than float32."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("amx_bf16") or able.get("avx512_bf16"))


def _has_openvino() -> bool:
    """Whether it is there and whole: it is optional, and a build may not suit this system."""
    try:
        importlib.import_module("openvino")
    except (ImportError, OSError):
        return False
    return True


def _openvino(device: torch.device) -> Runtime:
    if device.type != "cpu":
        raise BadSetting("engine 'openvino' runs on the CPU: give --device cpu with it")
    if not _has_openvino():
        raise BadSetting(
            "engine 'openvino' is not installed: python -m pip install -r requirements-cpu-fast.txt"
        )
    from mammoview.backend.compiled import OpenVino

    return OpenVino(half=multiplies_bfloat16())


def halves(images: Tensor) -> Tensor:
    """Images (N, 1, H, W) as (N, 3, H, W), float32: h, which bfloat16 holds, h again, and x - h."""
    count, _, *shape = images.shape
    found = images.new_empty(count, 3, *shape)
    high = found[:, :1]
    torch.bitwise_and(images.view(torch.int32), UPPER_HALF, out=high.view(torch.int32))
    found[:, 1:2] = high
    torch.sub(images, high, out=found[:, 2:])
    return found


def in_halves(layers: nn.Sequential) -> nn.Sequential:
    """A copy whose first convolution takes `halves` and gives, in bfloat16, what it gave in float32.

    Its weights w become h, w - h, h: the products that matter add up in the matrix unit's float32. An edge
    in one grey channel is a difference of nearly equal numbers, of which rounded weights leave little;
    the first layer is where nearly all of bfloat16's error comes from (decision 0056).
    """
    layers = deepcopy(layers)
    first = layers[0]
    if not isinstance(first, nn.Conv2d) or first.in_channels != 1:
        raise TypeError(f"the first layer takes one grey channel, not as {first}")
    high = first.weight.bfloat16().float()
    low = (first.weight - high).bfloat16().float()
    first.weight = nn.Parameter(torch.cat([high, low, high], dim=1), requires_grad=False)
    first.in_channels = 3
    return layers
