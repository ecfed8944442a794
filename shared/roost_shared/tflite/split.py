"""Cut a classifier in two: the base, which gives an embedding, and the head, which judges it.

```
            base          │                 head
 input ─▶ … ─▶ embedding ─┼─▶ dense ─▶ reshape, squeeze, softmax, logistic, (de)quantize ─▶ output
```
The dense layer is a FULLY_CONNECTED, or a 1×1 CONV_2D on a 1×1 map. Operators, weights and quantisation are taken over
as they are, so the two compute what the whole does. Both halves hold only what they need, in the order in which they
need it: models that share all but their head give the same base, byte by byte. What describes the whole (metadata,
signatures, description) is left out.
"""

import copy
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from roost_shared.errors import ContentError
from roost_shared.tflite.pack import pack_tflite

__all__ = ["Halves", "SplitError", "split_tflite"]

_OP: Final = schema.BuiltinOperator
_TAIL: Final = frozenset({_OP.RESHAPE, _OP.SQUEEZE, _OP.SOFTMAX, _OP.LOGISTIC, _OP.QUANTIZE, _OP.DEQUANTIZE})
_OP_NAMES: Final = {number: name for name, number in vars(_OP).items() if not name.startswith("_")}


class SplitError(ContentError):
    """The model cannot be cut before a last dense layer; the message says why."""

    code = "model.unsplittable"


class Halves(NamedTuple):
    """Two `.tflite` files that do what the one did: the base's only output is the head's only input."""

    base: bytes
    head: bytes


def split_tflite(data: bytes) -> Halves:
    """Cut a `.tflite` file that the runtime has loaded before, and so found well-formed.

    Raises:
        SplitError: it does not end in a dense layer, or more than that layer's output crosses the cut.
    """
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    _check_plain(model)
    graph = _Graph(model)
    chain = graph.chain()
    cut = graph.operators[chain[0]].inputs[0]
    base, head = graph.ancestors(cut), graph.ancestors(graph.output, stop=cut)
    _check_cut(graph, chain, base, head)
    return Halves(graph.extract(base, graph.inputs, cut), graph.extract(head, [cut], graph.output))


def _check_plain(model: Any) -> None:
    """Refuse what one chain of operators with its weights in the file is not."""
    if len(model.subgraphs) != 1:
        raise SplitError(f"it has {len(model.subgraphs)} subgraphs (control flow, or several signatures), not one")
    outputs = _indices(model.subgraphs[0].outputs)
    if len(outputs) != 1:
        raise SplitError(f"it has {len(outputs)} outputs, not one")
    outside = any(buffer.offset > 1 for buffer in model.buffers or ()) or model.externalBuffers
    if outside or any(operator.largeCustomOptionsOffset for operator in model.subgraphs[0].operators or ()):
        raise SplitError("it keeps weights or options outside its flatbuffer")


def _check_cut(graph: "_Graph", chain: Sequence[int], base: Sequence[int], head: Sequence[int]) -> None:
    """Refuse a cut that leaves nothing before it, or is crossed by anything but the embedding."""
    dense = graph.operators[chain[0]]
    if not base:
        raise SplitError("nothing comes before its dense layer, so there is no base")
    for number in chain:
        tensor = int(graph.operators[number].inputs[0])
        if graph.readers[tensor] != 1:
            raise SplitError(f"{graph.name_of(tensor)} is read by {graph.readers[tensor]} operators, not by one alone")
    if graph.readers[graph.output]:
        raise SplitError(f"its output {graph.name_of(graph.output)} is read by another operator")
    rows, units = graph.elements(int(dense.outputs[0])), graph.shape(int(dense.inputs[1]))[0]
    if rows != units:
        raise SplitError(f"its dense layer of {units} units gives {rows} values: it is applied to more than one row")
    idle = set(range(len(graph.operators))) - {*base, *head}
    if idle:
        raise SplitError(f"its {graph.kind(min(idle))} does not lead to the output")


class _Graph:
    """The model's only subgraph, with the questions a cut asks of it."""

    def __init__(self, model: Any) -> None:
        graph = model.subgraphs[0]
        self.operators: list[Any] = graph.operators or []
        self.inputs = _indices(graph.inputs)
        self.output = _indices(graph.outputs)[0]
        self._model = model
        self._tensors: list[Any] = graph.tensors
        self._producers = {
            tensor: number for number, operator in enumerate(self.operators) for tensor in _indices(operator.outputs)
        }
        self.readers = Counter(tensor for operator in self.operators for tensor in _indices(operator.inputs))

    def chain(self) -> list[int]:
        """The operators from the dense layer to the output, by number, in the order they run.

        Raises:
            SplitError: others come before a dense layer is found.
        """
        chain: list[int] = []
        tensor = self.output
        while True:
            if tensor not in self._producers:
                raise SplitError("no dense layer lies between its input and its output")
            number = self._producers[tensor]
            chain.insert(0, number)
            code = self._code(number)
            if code == _OP.FULLY_CONNECTED or (code == _OP.CONV_2D and self._is_dense(number)):
                return chain
            if code not in _TAIL:
                raise SplitError(f"it ends in {self.kind(number)}, not in a dense layer")
            tensor = int(self.operators[number].inputs[0])

    def ancestors(self, tensor: int, stop: int | None = None) -> list[int]:
        """The operators that compute `tensor`, by number, in the order they run.

        Args:
            tensor: what is computed.
            stop: a tensor that is given; then nothing else may be, but constants.

        Raises:
            SplitError: something else that is not constant is needed.
        """
        found: set[int] = set()
        waiting = [tensor]
        while waiting:
            tensor = waiting.pop()
            number = self._producers.get(tensor)
            if tensor == stop or number in found:
                continue
            if number is not None:
                found.add(number)
                waiting.extend(_indices(self.operators[number].inputs))
            elif stop is not None and not self._is_constant(tensor):
                raise SplitError(f"its head takes weights that are not constant, from {self.name_of(tensor)}")
        return sorted(found)

    def extract(self, numbers: Sequence[int], inputs: Sequence[int], output: int) -> bytes:
        """A file of the operators `numbers` alone, with the tensors, weights and operator codes they use."""
        operators = [copy.copy(self.operators[number]) for number in numbers]
        used = [index for operator in operators for index in _tensors_of(operator)]
        tensors = _places([*inputs, *used])
        filled = _places(self._tensors[index].buffer for index in tensors if self._is_constant(index))
        codes = _places(operator.opcodeIndex for operator in operators)
        for operator in operators:
            operator.opcodeIndex = codes[operator.opcodeIndex]
            operator.debugMetadataIndex = -1
            for field in ("inputs", "outputs", "intermediates"):
                if (indices := getattr(operator, field)) is not None:
                    setattr(operator, field, [tensors.get(int(index), -1) for index in indices])
        moved = [copy.copy(self._tensors[index]) for index in tensors]
        for tensor in moved:
            tensor.buffer = filled[tensor.buffer] + 1 if tensor.buffer in filled else 0  # 0: the empty one
        graph = schema.SubGraphT(
            tensors=moved,
            inputs=[tensors[index] for index in inputs],
            outputs=[tensors[output]],
            operators=operators,
            name="main",
        )
        model = schema.ModelT(
            version=self._model.version,
            operatorCodes=[self._model.operatorCodes[index] for index in codes],
            subgraphs=[graph],
            buffers=[schema.BufferT(), *(self._model.buffers[index] for index in filled)],
        )
        return pack_tflite(model)

    def kind(self, number: int) -> str:
        """The name of operator `number`."""
        code = self._model.operatorCodes[self.operators[number].opcodeIndex]
        custom: bytes | None = code.customCode
        return custom.decode(errors="replace") if custom else _OP_NAMES.get(self._code(number), "an unknown operator")

    def name_of(self, tensor: int) -> str:
        """The tensor's name, quoted."""
        return repr((self._tensors[tensor].name or b"").decode(errors="replace"))

    def shape(self, tensor: int) -> tuple[int, ...]:
        """The tensor's shape, () if the file gives none."""
        shape = self._tensors[tensor].shape
        return () if shape is None else tuple(int(length) for length in shape)

    def elements(self, tensor: int) -> int:
        """How many values the tensor holds."""
        return int(np.prod(self.shape(tensor)))

    def _code(self, number: int) -> int:
        # Old files keep the operator in the one field, new ones in the other, and the greater counts.
        code = self._model.operatorCodes[self.operators[number].opcodeIndex]
        return int(max(code.builtinCode, code.deprecatedBuiltinCode))

    def _is_dense(self, number: int) -> bool:
        """Whether a convolution is 1×1 on a 1×1 map; shapes are (batch, height, width, channels)."""
        taken, weights = (self.shape(int(index)) for index in self.operators[number].inputs[:2])
        return taken[1:3] == weights[1:3] == (1, 1)

    def _is_constant(self, tensor: int) -> bool:
        data = self._model.buffers[self._tensors[tensor].buffer].data
        return data is not None and len(data) > 0


def _indices(array: Iterable[int] | None) -> list[int]:
    """Tensors by index; -1 stands for an optional one left out."""
    return [] if array is None else [int(index) for index in array if index >= 0]


def _tensors_of(operator: Any) -> list[int]:
    return [*_indices(operator.inputs), *_indices(operator.outputs), *_indices(operator.intermediates)]


def _places(indices: Iterable[int]) -> dict[int, int]:
    """Each index once, numbered in the order it first comes."""
    return {index: place for place, index in enumerate(dict.fromkeys(indices))}
