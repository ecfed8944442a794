"""The layers of a `.tflite` file that is nothing but dense layers in a row: what `dense` writes, and heads.

Quantised weights are turned into real numbers. A 1×1 convolution on a 1×1 map is a dense layer too; what only changes
shape or number format is passed over.
"""

from typing import Any, Final

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from roost_shared.errors import ContentError
from roost_shared.tflite.dense import Activation, DenseLayer

__all__ = ["NotDenseError", "has_integer_weights", "read_dense"]

_OP: Final = schema.BuiltinOperator
_FUSED: Final = schema.ActivationFunctionType
_PASSED: Final = frozenset({_OP.RESHAPE, _OP.SQUEEZE, _OP.QUANTIZE, _OP.DEQUANTIZE})
_DENSE: Final = frozenset({_OP.FULLY_CONNECTED, _OP.CONV_2D})
_PROBABILITIES: Final = frozenset({_OP.SOFTMAX, _OP.LOGISTIC})
_DTYPES: Final = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.INT8: np.int8,
    schema.TensorType.UINT8: np.uint8,
    schema.TensorType.INT32: np.int32,
}
_NAMES: Final = {number: name for name, number in vars(_OP).items() if not name.startswith("_")}


class NotDenseError(ContentError):
    """The file holds something else than dense layers."""

    code = "model.not_dense"


def read_dense(data: bytes) -> list[DenseLayer]:
    """The layers of a file that the runtime has loaded before, and so found well-formed.

    A softmax or sigmoid at the end is the last layer's activation `softmax`: either way its sums are logits.

    Raises:
        NotDenseError: it holds anything else; the message says what.
    """
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    graph = model.subgraphs[0]
    if len(model.subgraphs) != 1 or len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise NotDenseError("it is not one chain from one input to one output")
    layers: list[DenseLayer] = []
    value = int(graph.inputs[0])
    for operator in graph.operators:
        code = _code(model, operator)
        if int(operator.inputs[0]) != value:
            raise NotDenseError(f"its {_NAMES.get(code, code)} is fed from aside")
        value = int(operator.outputs[0])
        if code in _DENSE:
            layers.append(_layer(model, operator))
        elif code in _PROBABILITIES | {_OP.RELU} and layers and layers[-1].activation == "none":
            layers[-1] = _activated(layers[-1], "relu" if code == _OP.RELU else "softmax")
        elif code not in _PASSED:
            raise NotDenseError(f"it holds {_NAMES.get(code, code)}")
    if not layers or any(layer.activation == "softmax" for layer in layers[:-1]):
        raise NotDenseError("it does not end in a dense layer")
    return layers


def has_integer_weights(data: bytes) -> bool:
    """Whether a file keeps the weights of a dense layer or a convolution quantised."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    graph = model.subgraphs[0]
    weights = [operator.inputs[1] for operator in graph.operators if _code(model, operator) in _DENSE]
    return any(graph.tensors[index].type != schema.TensorType.FLOAT32 for index in weights)


def _layer(model: Any, operator: Any) -> DenseLayer:
    fused = operator.builtinOptions.fusedActivationFunction
    if fused not in (_FUSED.NONE, _FUSED.RELU):
        raise NotDenseError("it holds a layer with another activation than ReLU")
    tensors = [model.subgraphs[0].tensors[index] for index in operator.inputs if index >= 0]
    weights = _real(model, tensors[1])
    if weights.ndim == 4 and weights.shape[1:3] != (1, 1):  # noqa: PLR2004 - a convolution's: out, high, wide, in
        raise NotDenseError("it holds a convolution over more than one pixel")
    weights = weights.reshape(weights.shape[0], -1).T
    bias = _real(model, tensors[2]) if len(tensors) > 2 else np.zeros(weights.shape[1])  # noqa: PLR2004 - optional
    return DenseLayer(weights, bias, "relu" if fused == _FUSED.RELU else "none")


def _activated(layer: DenseLayer, activation: Activation) -> DenseLayer:
    return DenseLayer(layer.weights, layer.bias, activation)


def _real(model: Any, tensor: Any) -> NDArray[np.float64]:
    data, dtype = model.buffers[tensor.buffer].data, _DTYPES.get(tensor.type)
    if data is None or dtype is None:
        raise NotDenseError("its weights are not constant, or stored in a way that is not read")
    stored = np.frombuffer(bytes(data), dtype).astype(np.float64).reshape([int(length) for length in tensor.shape])
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None or not len(quantization.scale):
        return stored
    along = [1] * stored.ndim
    along[quantization.quantizedDimension if len(quantization.scale) > 1 else 0] = len(quantization.scale)
    scale, zero = (np.asarray(one, np.float64).reshape(along) for one in (quantization.scale, quantization.zeroPoint))
    real: NDArray[np.float64] = (stored - zero) * scale
    return real


def _code(model: Any, operator: Any) -> int:
    # Old files keep the operator in the one field, new ones in the other, and the greater counts.
    code = model.operatorCodes[operator.opcodeIndex]
    return int(max(code.builtinCode, code.deprecatedBuiltinCode))
