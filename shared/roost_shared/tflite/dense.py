"""A dense network as a `.tflite` file: what scikit-learn or a refitted head needs to run on a device.

```
image (1, H, W, C) ─ RESHAPE ─┐
                              ├─ CONCATENATION ─ FULLY_CONNECTED+ReLU ─ … ─ FULLY_CONNECTED ─ SOFTMAX
state (1, n) ─────────────────┘
```
float32 throughout. The same layers always give the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final, Literal

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from roost_shared.tflite.graph_writer import GraphWriter

__all__ = ["DenseLayer", "check_layers", "write_dense"]

Activation = Literal["none", "relu", "softmax"]
Floats = NDArray[np.floating[Any]]

_OP: Final = schema.BuiltinOperator
_OPTIONS: Final = schema.BuiltinOptions


@dataclass(frozen=True)
class DenseLayer:
    """`activation(x @ weights + bias)`.

    Attributes:
        weights: (inputs, outputs), as scikit-learn's `coefs_` and numpy's `@` have them.
        bias: (outputs,).
        activation: `softmax` only on the last layer.
    """

    weights: Floats
    bias: Floats
    activation: Activation = "none"


def write_dense(
    layers: Sequence[DenseLayer],
    *,
    input_shape: tuple[int, ...],
    input_name: str = "input",
    output_name: str = "output",
    state: Mapping[str, int] | None = None,
) -> bytes:
    """Write a dense network.

    Args:
        layers: at least one, each taking as many values as the one before gives.
        input_shape: of the payload's tensor, batch dimension 1 first: (1, n) or (1, height, width, channels).
        input_name: name of that tensor.
        output_name: name of the output tensor, (1, outputs) float32.
        state: further inputs (1, n) by name, n values each, appended to the flattened payload in this order.

    Returns:
        The file's bytes.

    Raises:
        ValueError: the layers do not fit together or the input.
    """
    state = state or {}
    check_layers(layers, prod(input_shape) + sum(state.values()))
    graph = GraphWriter("Roost dense network")
    payload = graph.tensor(input_name, input_shape)
    states = [graph.tensor(name, (1, length)) for name, length in state.items()]
    graph.inputs = [payload, *states]
    value = _joined(graph, payload, states, input_shape, state)
    for number, layer in enumerate(layers):
        last = number == len(layers) - 1
        name = output_name if last and layer.activation != "softmax" else f"dense_{number}"
        value = graph.fully_connected(value, layer.weights, layer.bias, name, relu=layer.activation == "relu")
        if layer.activation == "softmax":
            value = graph.operator(_OP.SOFTMAX, [value], output_name, (1, layer.bias.size), _softmax_options())
    graph.outputs = [value]
    return graph.pack()


def check_layers(layers: Sequence[DenseLayer], inputs: int) -> None:
    """Check that the layers fit together.

    Args:
        layers: in their order.
        inputs: how many values the first one gets.

    Raises:
        ValueError: they do not; says which.
    """
    if not layers:
        raise ValueError("a dense network needs a layer")
    for number, layer in enumerate(layers):
        if layer.weights.shape != (inputs, layer.bias.size) or layer.bias.ndim != 1:
            raise ValueError(
                f"layer {number}: weights {layer.weights.shape} and bias {layer.bias.shape} do not fit {inputs} values"
            )
        if layer.activation == "softmax" and number != len(layers) - 1:
            raise ValueError(f"layer {number}: softmax belongs on the last layer")
        inputs = layer.bias.size


def _joined(
    graph: GraphWriter, payload: int, states: list[int], input_shape: tuple[int, ...], state: Mapping[str, int]
) -> int:
    """The payload's tensor flattened, with the states appended."""
    flat_shape = (1, prod(input_shape))
    value = payload
    if input_shape != flat_shape:
        value = graph.flatten(payload, flat_shape[1], "flat")
    if states:
        joined_shape = (1, flat_shape[1] + sum(state.values()))
        options = (_OPTIONS.ConcatenationOptions, schema.ConcatenationOptionsT(axis=1))
        value = graph.operator(_OP.CONCATENATION, [value, *states], "joined", joined_shape, options)
    return value


def _softmax_options() -> tuple[int, Any]:
    return _OPTIONS.SoftmaxOptions, schema.SoftmaxOptionsT(beta=1.0)
