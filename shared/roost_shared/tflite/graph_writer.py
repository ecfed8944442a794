"""A `.tflite` file in the making: tensors and operators, one after the other. The same calls give the same bytes."""

from typing import Any, Final

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from roost_shared.tflite.pack import pack_tflite

__all__ = ["GraphWriter"]

Floats = NDArray[np.floating[Any]]

_SCHEMA_VERSION: Final = 3


class GraphWriter:
    """One subgraph in the making; tensors are known by their index.

    Args:
        description: of the file, for people.

    Attributes:
        inputs: tensors that it takes, to be set before it is packed.
        outputs: tensors that it gives, likewise.
    """

    def __init__(self, description: str) -> None:
        self._description = description
        self.inputs: list[int] = []
        self.outputs: list[int] = []
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._buffers: list[Any] = [schema.BufferT()]  # buffer 0 is empty: the one of all tensors without content
        self._codes: list[int] = []

    def tensor(self, name: str, shape: tuple[int, ...], kind: int = schema.TensorType.FLOAT32, buffer: int = 0) -> int:
        """Add a tensor."""
        self._tensors.append(schema.TensorT(shape=list(shape), type=kind, buffer=buffer, name=name))
        return len(self._tensors) - 1

    def constant(self, name: str, values: NDArray[Any], kind: int) -> int:
        """Add a tensor with its content."""
        self._buffers.append(schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
        return self.tensor(name, values.shape, kind, len(self._buffers) - 1)

    def operator(
        self, code: int, inputs: list[int], name: str, shape: tuple[int, ...], options: tuple[int, Any]
    ) -> int:
        """Append an operator with one output of `name` and `shape`; return that tensor."""
        if code not in self._codes:
            self._codes.append(code)
        output = self.tensor(name, shape)
        self._operators.append(
            schema.OperatorT(
                opcodeIndex=self._codes.index(code),
                inputs=inputs,
                outputs=[output],
                builtinOptionsType=options[0],
                builtinOptions=options[1],
            )
        )
        return output

    def fully_connected(self, value: int, weights: Floats, bias: Floats, name: str, *, relu: bool) -> int:
        """Append `value @ weights + bias` with or without ReLU; `weights` are (inputs, outputs)."""
        float32 = schema.TensorType.FLOAT32
        rows = self.constant(f"{name}/weights", np.ascontiguousarray(weights.T, np.float32), float32)
        added = self.constant(f"{name}/bias", np.ascontiguousarray(bias, np.float32), float32)
        fused = schema.ActivationFunctionType.RELU if relu else schema.ActivationFunctionType.NONE
        table = schema.FullyConnectedOptionsT(fusedActivationFunction=fused)
        options = (schema.BuiltinOptions.FullyConnectedOptions, table)
        code = schema.BuiltinOperator.FULLY_CONNECTED
        return self.operator(code, [value, rows, added], name, (1, bias.size), options)

    def flatten(self, value: int, length: int, name: str) -> int:
        """Append a reshape of `value` to (1, length)."""
        shape = self.constant("flat_shape", np.array((1, length), np.int32), schema.TensorType.INT32)
        options = (schema.BuiltinOptions.ReshapeOptions, schema.ReshapeOptionsT(newShape=[1, length]))
        return self.operator(schema.BuiltinOperator.RESHAPE, [value, shape], name, (1, length), options)

    def pack(self) -> bytes:
        """The file."""
        graph = schema.SubGraphT(
            tensors=self._tensors, inputs=self.inputs, outputs=self.outputs, operators=self._operators, name="main"
        )
        model = schema.ModelT(
            version=_SCHEMA_VERSION,
            operatorCodes=[
                schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=code, version=1) for code in self._codes
            ],
            subgraphs=[graph],
            description=self._description,
            buffers=self._buffers,
        )
        return pack_tflite(model)
