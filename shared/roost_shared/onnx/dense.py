"""A dense network as an `.onnx` file: the twin of what `roost_shared.tflite.dense` writes.

```
image (1, H, W, C) ─ Reshape ─┐
                              ├─ Concat ─ Gemm ─ Relu ─ … ─ Gemm ─ Softmax
state (1, n) ─────────────────┘
```
float32 throughout; the same names, shapes and order of dimensions as in the `.tflite` file, so that one document
describes both; but for the leading dimension, which is left open, so that a scorer can run many inputs at once.
The same layers always give the same bytes.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from roost_shared.tflite.dense import DenseLayer, check_layers

__all__ = ["write_dense_onnx"]

_OPSET: Final = 13  # of 2020: older runtimes read it too
_IR_VERSION: Final = 8


def write_dense_onnx(
    layers: Sequence[DenseLayer],
    *,
    input_shape: tuple[int, ...],
    input_name: str = "input",
    output_name: str = "output",
    state: Mapping[str, int] | None = None,
) -> bytes:
    """Write a dense network; arguments and errors are those of `roost_shared.tflite.dense.write_dense`."""
    state = state or {}
    check_layers(layers, prod(input_shape) + sum(state.values()))
    graph = _Graph()
    value = _joined(graph, input_name, input_shape, state)
    for number, layer in enumerate(layers):
        last = number == len(layers) - 1
        value = _dense(graph, value, layer, f"dense_{number}", output_name if last else f"dense_{number}")
    shapes = {input_name: input_shape} | {name: (1, length) for name, length in state.items()}
    return graph.pack(shapes, {output_name: (1, layers[-1].bias.size)})


def _joined(graph: "_Graph", input_name: str, input_shape: tuple[int, ...], state: Mapping[str, int]) -> str:
    """The payload's tensor flattened, with the states appended."""
    flat_shape = (1, prod(input_shape))
    value = input_name
    if input_shape != flat_shape:
        shape = graph.constant("flat_shape", np.array((-1, flat_shape[1]), np.int64))
        value = graph.operator("Reshape", [input_name, shape], "flat")
    if state:
        value = graph.operator("Concat", [value, *state], "joined", axis=1)
    return value


def _dense(graph: "_Graph", value: str, layer: DenseLayer, name: str, output: str) -> str:
    weights = graph.constant(f"{name}/weights", np.ascontiguousarray(layer.weights, np.float32))
    bias = graph.constant(f"{name}/bias", np.ascontiguousarray(layer.bias, np.float32))
    if layer.activation == "none":
        return graph.operator("Gemm", [value, weights, bias], output)
    linear = graph.operator("Gemm", [value, weights, bias], f"{name}/linear")
    if layer.activation == "relu":
        return graph.operator("Relu", [linear], output)
    return graph.operator("Softmax", [linear], output, axis=1)


class _Graph:
    """A graph in the making; values are known by their name."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, name: str, values: NDArray[Any]) -> str:
        self._constants.append(numpy_helper.from_array(values, name))
        return name

    def operator(self, kind: str, inputs: list[str], output: str, *, axis: int | None = None) -> str:
        node = helper.make_node(kind, inputs, [output], name=output)
        if axis is not None:
            node.attribute.append(helper.make_attribute("axis", axis))
        self._nodes.append(node)
        return output

    def pack(self, inputs: Mapping[str, tuple[int, ...]], outputs: Mapping[str, tuple[int, ...]]) -> bytes:
        graph = helper.make_graph(self._nodes, "main", _floats(inputs), _floats(outputs), self._constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR_VERSION,
            producer_name="Roost dense network",
        )
        onnx.checker.check_model(model)
        data: bytes = model.SerializeToString(deterministic=True)
        return data


def _floats(shapes: Mapping[str, tuple[int, ...]]) -> list[onnx.ValueInfoProto]:
    """Tensors of any batch."""
    return [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", *shape[1:]])
        for name, shape in shapes.items()
    ]
