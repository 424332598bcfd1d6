"""Networks as OpenVINO graphs: convolution, bias, rectifier and pooling become one step each.

Optional (`requirements-cpu-fast.txt`); on two cores it is several times faster than eager PyTorch, see
docs/performance.md. The graph is built from the frozen modules themselves, so that there is no second
description of a network that could differ from the first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
import openvino as ov
import torch
from numpy.typing import NDArray
from openvino import opset13 as ops
from torch import Tensor, nn

from mammoview.backend.runtime import halves, in_halves
from mammoview.models.cards import Network
from mammoview.models.heatmap import Surroundings

__all__ = ["OpenVino"]

MOST_SHAPES: Final = 8
"""Compiled graphs kept for each network, one for each shape of image; films differ in width."""

Compiled = OrderedDict[tuple[int, ...], ov.CompiledModel]


class OpenVino:
    """Features by OpenVINO on the CPU, in float32 or, with `half`, in bfloat16 behind an exact first layer.

    A graph is compiled for one shape of image, in some hundredths of a second, when that shape first comes.
    """

    def __init__(self, half: bool) -> None:
        self._half = half
        self._core = ov.Core()
        self._graphs: WeakKeyDictionary[nn.Module, Compiled] = WeakKeyDictionary()
        self._compiling = threading.Lock()

    @property
    def name(self) -> str:
        return f"OpenVINO {'bfloat16' if self._half else 'float32'}"

    def features(self, network: Network, images: Tensor) -> Tensor:
        if self._half:
            images = halves(images)
        graph = self._graph(network.features, tuple(images.shape))
        request = graph.create_infer_request()  # its own for each call: two readers may be here at once
        request.infer([np.ascontiguousarray(images.numpy())], share_inputs=True)
        return torch.from_numpy(np.array(request.get_output_tensor().data, np.float32))

    def _graph(self, layers: nn.Sequential, shape: tuple[int, ...]) -> ov.CompiledModel:
        with self._compiling:
            graphs = self._graphs.setdefault(layers, OrderedDict())
            if shape not in graphs:
                while len(graphs) >= MOST_SHAPES:
                    graphs.popitem(last=False)
                known = in_halves(layers) if self._half else layers
                graphs[shape] = self._core.compile_model(_model(known, shape), "CPU", self._options())
            graphs.move_to_end(shape)
            return graphs[shape]

    def _options(self) -> dict[str, str]:
        return {
            "INFERENCE_PRECISION_HINT": "bf16" if self._half else "f32",
            "PERFORMANCE_HINT": "LATENCY",
        }


def _model(layers: nn.Sequential, shape: tuple[int, ...]) -> ov.Model:
    image = ops.parameter(list(shape), np.float32, name="image")
    return ov.Model([ops.result(_through(layers, image))], [image], "features")


def _through(layers: nn.Sequential, node: Any) -> Any:
    for layer in layers:
        node = _after(layer, node)
    return node


def _after(layer: nn.Module, node: Any) -> Any:
    """The graph behind one frozen layer."""
    if isinstance(layer, nn.Identity | nn.Dropout | nn.Dropout2d):
        return node
    if isinstance(layer, nn.ReLU):
        return ops.relu(node)
    if isinstance(layer, nn.Conv2d) and layer.groups == 1:
        return _convolution(layer, node)
    if isinstance(layer, nn.MaxPool2d) and layer.kernel_size == layer.stride == 2 and not layer.padding:
        return ops.max_pool(node, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0)
    if isinstance(layer, Surroundings):
        return ops.relu(ops.add(node, _through(layer.layers, node)))
    raise TypeError(f"no OpenVINO graph is known for {layer}")


def _convolution(layer: nn.Conv2d, node: Any) -> Any:
    padding = [int(n) for n in layer.padding]
    node = ops.convolution(
        node, _constant(layer.weight), list(layer.stride), padding, padding, list(layer.dilation)
    )
    if layer.bias is None:
        return node
    return ops.add(node, _constant(layer.bias.reshape(1, -1, 1, 1)))


def _constant(values: Tensor) -> Any:
    array: NDArray[np.float32] = values.detach().contiguous().numpy()
    return ops.constant(array)
