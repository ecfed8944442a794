"""What an `.onnx` file tells beyond the names and shapes of its tensors.

The counterpart of `roost_shared.tflite.inspect`: these are hints for whoever builds a bundle; the
runtime itself checks the file.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference
from onnx.external_data_helper import uses_external_data

from roost_shared.errors import ContentError
from roost_shared.model_facts import ModelFacts, Span

__all__ = ["ExternalDataError", "inspect_onnx"]

_PROBABILITIES: Final = frozenset({"Softmax", "Sigmoid"})
_TRANSPARENT: Final = frozenset(  # change no meaning
    {"Cast", "DequantizeLinear", "Flatten", "Identity", "QuantizeLinear", "Reshape", "Squeeze"}
)
_WITH_ZERO_POINT: Final = 3  # inputs: value, scale, zero point


class ExternalDataError(ContentError):
    """The file keeps weights in other files, and would be carried without them."""

    code = "model.external_data"


def inspect_onnx(data: bytes) -> ModelFacts:
    """Read the hints of a file that the runtime has loaded before, and so found well-formed.

    Raises:
        ExternalDataError: the runtime found weights of it in files beside it.
    """
    model = onnx.load_model_from_string(data)
    outside = next((tensor.name for tensor in _tensors(model.graph) if uses_external_data(tensor)), None)
    if outside is not None:
        raise ExternalDataError(f"the .onnx file keeps {outside!r} in another; save it with all its weights in one")
    graph, inferred = _Graph(model.graph), shape_inference.infer_shapes(model).graph
    computed = sum(_bytes(value) for value in (*inferred.input, *inferred.value_info, *inferred.output))
    return ModelFacts(
        gives_probabilities=tuple(graph.gives_probabilities(value.name) for value in graph.outputs),
        input_ranges=tuple(graph.range_of_input(value) for value in graph.inputs),
        ram_bytes=2 * len(data) + computed,
    )


class _Graph:
    """A graph, with the questions we ask of it."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._nodes = graph.node
        self._makers = {output: node for node in graph.node for output in node.output}
        self.inputs = [value for value in graph.input if value.name not in self._constants]
        self.outputs = graph.output

    def gives_probabilities(self, name: str) -> bool:
        """Whether the value is a softmax's or sigmoid's, going back through operators that change no meaning."""
        while (node := self._makers.get(name)) is not None and node.op_type in _TRANSPARENT:
            name = node.input[0]
        return node is not None and node.op_type in _PROBABILITIES

    def range_of_input(self, value: onnx.ValueInfoProto) -> Span | None:
        """The real values an input can hold: by its integer type, or by the operator that quantises it first."""
        dtype = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        if dtype.kind in "iu":
            return float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)
        for node in self._nodes:
            if value.name in node.input:
                return self._range_of_quantizer(node) if node.op_type == "QuantizeLinear" else None
        return None

    def _range_of_quantizer(self, node: onnx.NodeProto) -> Span | None:
        parameters = [self._constants.get(name) for name in node.input[1:]]
        if len(node.input) != _WITH_ZERO_POINT or None in parameters:
            return None
        scale, zero_point = (numpy_helper.to_array(tensor) for tensor in parameters if tensor is not None)
        if scale.size != 1:
            return None
        limits = np.iinfo(zero_point.dtype)
        step, zero = float(scale.reshape(())), int(zero_point.reshape(()))
        return (limits.min - zero) * step, (limits.max - zero) * step


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """All constants of a graph, and of those within."""
    yield from graph.initializer
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        if attribute.HasField("t"):
            yield attribute.t
        if attribute.HasField("g"):
            yield from _tensors(attribute.g)


def _bytes(value: onnx.ValueInfoProto) -> int:
    """The size of a value as if nothing were ever freed; an open dimension is a batch of 1."""
    kind = value.type.tensor_type
    lengths = [dimension.dim_value or 1 for dimension in kind.shape.dim]
    return int(np.prod(lengths, dtype=np.int64)) * helper.tensor_dtype_to_np_dtype(kind.elem_type).itemsize
