"""A network that is right often enough and takes its time: the same pictures' features, worked out for a crowd.

Its file is small. It repeats the picture `_CROWD` times, sends all of them through the same wide layer again and
again, and takes the mean, so that one picture costs as much as `_CROWD` would.
"""

import time
from typing import Any, Final

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from roost_shared.tflite.pack import pack_tflite

__all__ = ["fastest_ms", "write_slow_network"]

_CROWD: Final = 256
_WIDTH: Final = 512
_TIMES: Final = 24
_TRIES: Final = 5

_OP: Final = schema.BuiltinOperator
_OPTIONS: Final = schema.BuiltinOptions
_FLOAT: Final = schema.TensorType.FLOAT32
_WHOLE: Final = schema.TensorType.INT32


def write_slow_network(side: int, labels: int) -> bytes:
    """The file: input `image` (1, side, side, 1) float32, output (1, labels) float32 probabilities."""
    file = _File()
    random = np.random.default_rng(0)
    image = file.tensor("image", (1, side, side, 1))
    flat = file.run(
        _OP.RESHAPE, [image, file.constant("shape", np.array([1, side * side], np.int32), _WHOLE)], (1, side * side)
    )
    crowd = file.run(_OP.CONCATENATION, [flat] * _CROWD, (_CROWD, side * side), _concatenation())
    value = _dense(file, crowd, random.normal(0, 1 / side, (_WIDTH, side * side)), "in")
    again = random.normal(0, 1 / np.sqrt(_WIDTH), (_WIDTH, _WIDTH))
    weights = file.constant("again", again.astype(np.float32), _FLOAT)
    bias = file.constant("again_bias", np.zeros(_WIDTH, np.float32), _FLOAT)
    for _ in range(_TIMES):
        value = file.run(_OP.FULLY_CONNECTED, [value, weights, bias], (_CROWD, _WIDTH), _fully_connected())
    axis = file.constant("axis", np.array([0], np.int32), _WHOLE)
    mean = (_OPTIONS.ReducerOptions, schema.ReducerOptionsT(keepDims=True))
    value = file.run(_OP.MEAN, [value, axis], (1, _WIDTH), mean)
    value = _dense(file, value, random.normal(0, 1 / np.sqrt(_WIDTH), (labels, _WIDTH)), "out")
    softmax = (_OPTIONS.SoftmaxOptions, schema.SoftmaxOptionsT(beta=1.0))
    return file.pack(image, file.run(_OP.SOFTMAX, [value], (1, labels), softmax))


def fastest_ms(network: bytes) -> float:
    """How long a score of it takes on this machine when nothing else is in its way."""
    interpreter = Interpreter(model_content=network, num_threads=1)
    interpreter.allocate_tensors()
    taken_s = []
    for _ in range(_TRIES):
        began_s = time.perf_counter()
        interpreter.invoke()
        taken_s.append(time.perf_counter() - began_s)
    return 1e3 * min(taken_s)


def _dense(file: "_File", value: int, weights: NDArray[np.floating[Any]], name: str) -> int:
    outputs = weights.shape[0]
    inputs = [
        value,
        file.constant(f"{name}_weights", weights.astype(np.float32), _FLOAT),
        file.constant(f"{name}_bias", np.zeros(outputs, np.float32), _FLOAT),
    ]
    return file.run(_OP.FULLY_CONNECTED, inputs, (file.rows(value), outputs), _fully_connected())


def _fully_connected() -> tuple[int, Any]:
    return _OPTIONS.FullyConnectedOptions, schema.FullyConnectedOptionsT()


def _concatenation() -> tuple[int, Any]:
    return _OPTIONS.ConcatenationOptions, schema.ConcatenationOptionsT(axis=0)


class _File:
    """One subgraph in the making; tensors are known by their index."""

    def __init__(self) -> None:
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._buffers: list[Any] = [schema.BufferT()]  # of all tensors without content
        self._codes: list[int] = []

    def rows(self, tensor: int) -> int:
        return int(self._tensors[tensor].shape[0])

    def tensor(self, name: str, shape: tuple[int, ...], kind: int = _FLOAT, buffer: int = 0) -> int:
        self._tensors.append(schema.TensorT(shape=list(shape), type=kind, buffer=buffer, name=name))
        return len(self._tensors) - 1

    def constant(self, name: str, values: NDArray[Any], kind: int) -> int:
        self._buffers.append(schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
        return self.tensor(name, values.shape, kind, len(self._buffers) - 1)

    def run(self, code: int, inputs: list[int], shape: tuple[int, ...], options: tuple[int, Any] | None = None) -> int:
        """Append an operator; its output, of `shape`."""
        if code not in self._codes:
            self._codes.append(code)
        output = self.tensor(f"value_{len(self._tensors)}", shape)
        kind, settings = options or (_OPTIONS.NONE, None)
        self._operators.append(
            schema.OperatorT(
                opcodeIndex=self._codes.index(code),
                inputs=inputs,
                outputs=[output],
                builtinOptionsType=kind,
                builtinOptions=settings,
            )
        )
        return output

    def pack(self, given: int, told: int) -> bytes:
        graph = schema.SubGraphT(
            tensors=self._tensors, inputs=[given], outputs=[told], operators=self._operators, name="main"
        )
        codes = [schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=code, version=1) for code in self._codes]
        return pack_tflite(
            schema.ModelT(version=3, operatorCodes=codes, subgraphs=[graph], buffers=self._buffers, description="slow")
        )
