"""What a `.tflite` file tells beyond the names and shapes of its tensors.

Whether its output is a probability, what range of real values its float inputs were made for, and how much memory it
takes. These are hints for whoever builds a bundle; the runtime itself checks the file.
"""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from roost_shared.model_facts import ModelFacts, Span

__all__ = ["inspect_tflite"]

_OP: Final = schema.BuiltinOperator
_PROBABILITIES: Final = frozenset({_OP.SOFTMAX, _OP.LOGISTIC})
_TRANSPARENT: Final = frozenset({_OP.DEQUANTIZE, _OP.QUANTIZE, _OP.RESHAPE, _OP.SQUEEZE})  # change no meaning
_ITEM_BYTES: Final = {
    schema.TensorType.FLOAT32: 4,
    schema.TensorType.INT32: 4,
    schema.TensorType.FLOAT16: 2,
    schema.TensorType.INT16: 2,
    schema.TensorType.INT64: 8,
    schema.TensorType.FLOAT64: 8,
}
_INTEGERS: Final[dict[int, np.iinfo[Any]]] = {
    schema.TensorType.UINT8: np.iinfo(np.uint8),
    schema.TensorType.INT8: np.iinfo(np.int8),
    schema.TensorType.INT16: np.iinfo(np.int16),
}


def inspect_tflite(data: bytes) -> ModelFacts:
    """Read the hints of a file that the runtime has loaded before, and so found well-formed."""
    graph = _Graph(schema.ModelT.InitFromPackedBuf(data, 0))
    return ModelFacts(
        gives_probabilities=tuple(graph.gives_probabilities(index) for index in graph.outputs),
        input_ranges=tuple(graph.range_of_input(index) for index in graph.inputs),
        ram_bytes=2 * len(data) + graph.alive_bytes(),
    )


class _Graph:
    """The main subgraph, with the questions we ask of it."""

    def __init__(self, model: Any) -> None:
        graph = model.subgraphs[0]
        self.inputs = [int(index) for index in graph.inputs]
        self.outputs = [int(index) for index in graph.outputs]
        self._tensors = graph.tensors
        self._operators = graph.operators
        filled = {number for number, buffer in enumerate(model.buffers or ()) if buffer.data is not None}
        self._constant = [tensor.buffer in filled for tensor in graph.tensors]
        # Old files keep the operator in the one field, new ones in the other, and the greater counts.
        self._codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]

    def gives_probabilities(self, output: int) -> bool:
        """Whether the output is a softmax's or sigmoid's, going back through operators that change no meaning."""
        for operator in reversed(self._operators):
            if output in _indices(operator.outputs):
                code = self._codes[operator.opcodeIndex]
                if code not in _TRANSPARENT:
                    return code in _PROBABILITIES
                output = int(operator.inputs[0])
        return False

    def range_of_input(self, index: int) -> Span | None:
        """The real values an input can hold: by its own quantisation, or by the operator that quantises it first."""
        if (found := self._range(index)) is not None:
            return found
        for operator in self._operators:
            if index in _indices(operator.inputs):
                quantises = self._codes[operator.opcodeIndex] == _OP.QUANTIZE
                return self._range(int(operator.outputs[0])) if quantises else None
        return None

    def alive_bytes(self) -> int:
        """The most bytes of tensors alive at once, if every one is freed after its last use."""
        last_use = dict.fromkeys(self.outputs, len(self._operators))
        for step, operator in enumerate(self._operators):
            for index in _indices(operator.inputs):
                last_use[index] = max(step, last_use.get(index, 0))
        alive = {index: self._bytes(index) for index in self.inputs}
        most = sum(alive.values())
        for step, operator in enumerate(self._operators):
            alive.update((index, self._bytes(index)) for index in _indices(operator.outputs))
            most = max(most, sum(alive.values()))
            alive = {index: size for index, size in alive.items() if last_use.get(index, 0) > step}
        return most

    def _bytes(self, index: int) -> int:
        if index < 0 or self._constant[index]:
            return 0
        tensor = self._tensors[index]
        return int(np.prod(tensor.shape)) * _ITEM_BYTES.get(tensor.type, 1)

    def _range(self, index: int) -> Span | None:
        tensor = self._tensors[index]
        limits, quantization = _INTEGERS.get(tensor.type), tensor.quantization
        if limits is None:
            return None
        if quantization is None or quantization.scale is None or len(quantization.scale) != 1:
            return float(limits.min), float(limits.max)
        scale, zero_point = float(quantization.scale[0]), int(quantization.zeroPoint[0])
        return (limits.min - zero_point) * scale, (limits.max - zero_point) * scale


def _indices(array: Iterable[int] | None) -> list[int]:
    return [] if array is None else [int(index) for index in array]
