"""A small convolutional network as a `.tflite` file.

```
image (1, H, W, C) ─ CONV_2D+ReLU ─ MAX_POOL_2D ─ … ─ RESHAPE ─ FULLY_CONNECTED+ReLU ─ … ─ features (1, n)
```
float32 throughout. Convolutions keep height and width, with zeros beyond the edge; a pool halves them, and leaves out
an odd last row or column. The same layers always give the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from roost_shared.tflite.dense import DenseLayer
from roost_shared.tflite.graph_writer import GraphWriter

__all__ = ["ConvolutionLayer", "write_convolutional"]

Floats = NDArray[np.floating[Any]]

_OP: Final = schema.BuiltinOperator
_OPTIONS: Final = schema.BuiltinOptions
_RELU: Final = schema.ActivationFunctionType.RELU
_FLOAT: Final = schema.TensorType.FLOAT32
_SIDE: Final = 2  # pixels of a pool
_IMAGE_DIMENSIONS: Final = 4


@dataclass(frozen=True)
class ConvolutionLayer:
    """A convolution, ReLU, and the largest of each 2×2 pixels.

    Attributes:
        weights: (outputs, height, width, inputs), both sides odd.
        bias: (outputs,).
    """

    weights: Floats
    bias: Floats


def write_convolutional(
    convolutions: Sequence[ConvolutionLayer],
    layers: Sequence[DenseLayer],
    *,
    input_shape: tuple[int, ...],
    input_name: str = "image",
    output_name: str = "features",
) -> bytes:
    """Write a network.

    Args:
        convolutions: at least one, each taking as many channels as the one before gives.
        layers: dense ones behind them, none with a softmax; the first takes their map, row by row, channels last.
        input_shape: (1, height, width, channels).
        input_name: name of the input.
        output_name: name of the output, (1, features).

    Raises:
        ValueError: the layers do not fit together or the input.
    """
    if len(input_shape) != _IMAGE_DIMENSIONS or not convolutions:
        raise ValueError(f"convolutions, at least one, take (1, height, width, channels), not {input_shape}")
    graph = GraphWriter("Roost convolutional network")
    value, shape = graph.tensor(input_name, input_shape), tuple(input_shape)
    graph.inputs = [value]
    for number, convolution in enumerate(convolutions):
        value, shape = _convolve(graph, value, shape, convolution, f"convolution_{number}")
    features = prod(shape)
    value = graph.flatten(value, features, "flat" if layers else output_name)
    for number, layer in enumerate(layers):
        if layer.weights.shape != (features, layer.bias.size) or layer.activation == "softmax":
            raise ValueError(f"dense layer {number}: weights {layer.weights.shape} do not fit {features} values")
        name = output_name if number == len(layers) - 1 else f"dense_{number}"
        relu = layer.activation == "relu"
        value, features = graph.fully_connected(value, layer.weights, layer.bias, name, relu=relu), layer.bias.size
    graph.outputs = [value]
    return graph.pack()


def _convolve(
    graph: GraphWriter, value: int, shape: tuple[int, ...], layer: ConvolutionLayer, name: str
) -> tuple[int, tuple[int, ...]]:
    outputs, _, _, inputs = layer.weights.shape
    if inputs != shape[3] or layer.bias.shape != (outputs,):
        raise ValueError(f"{name}: weights {layer.weights.shape} and bias {layer.bias.shape} do not fit {shape}")
    weights = graph.constant(f"{name}/weights", np.ascontiguousarray(layer.weights, np.float32), _FLOAT)
    bias = graph.constant(f"{name}/bias", np.ascontiguousarray(layer.bias, np.float32), _FLOAT)
    convolved = (1, shape[1], shape[2], outputs)
    table = schema.Conv2DOptionsT(padding=schema.Padding.SAME, strideW=1, strideH=1, fusedActivationFunction=_RELU)
    value = graph.operator(_OP.CONV_2D, [value, weights, bias], name, convolved, (_OPTIONS.Conv2DOptions, table))
    pooled: tuple[int, ...] = (1, shape[1] // _SIDE, shape[2] // _SIDE, outputs)
    pool = schema.Pool2DOptionsT(
        padding=schema.Padding.VALID, strideW=_SIDE, strideH=_SIDE, filterWidth=_SIDE, filterHeight=_SIDE
    )
    options = (_OPTIONS.Pool2DOptions, pool)
    return graph.operator(_OP.MAX_POOL_2D, [value], f"{name}/pool", pooled, options), pooled
