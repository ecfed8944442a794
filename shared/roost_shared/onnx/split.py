"""Cut an `.onnx` classifier before its last dense layer: the base as a file, and the layer's weights.

The counterpart of `roost_shared.tflite.split`. A dense layer is a Gemm, or a MatMul with an Add behind it.
"""

from typing import Final, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from roost_shared.errors import ContentError
from roost_shared.tflite.dense import DenseLayer

__all__ = ["OnnxHalves", "OnnxSplitError", "last_dense", "split_onnx"]

_PASSED: Final = frozenset({"Flatten", "Identity", "Reshape", "Sigmoid", "Softmax", "Squeeze"})


class OnnxSplitError(ContentError):
    """The model cannot be cut before a last dense layer; the message says why."""

    code = "model.unsplittable"


class OnnxHalves(NamedTuple):
    """The base's file, whose only output is the dense layer's input, and the layer."""

    base: bytes
    layer: DenseLayer


def split_onnx(data: bytes) -> OnnxHalves:
    """Cut a file that the runtime has loaded before, and so found well-formed.

    Raises:
        OnnxSplitError: it does not end in a dense layer, or nothing comes before it.
    """
    model = onnx.load_model_from_string(data)
    embedding, layer = last_dense(model)
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value.name for value in model.graph.input if value.name not in constants]
    if embedding in inputs:
        raise OnnxSplitError("nothing comes before its dense layer, so there is no base")
    _cut_off(model, embedding)
    base: bytes = model.SerializeToString(deterministic=True)
    return OnnxHalves(base, layer)


def last_dense(model: onnx.ModelProto) -> tuple[str, DenseLayer]:
    """The value that the last dense layer takes, and the layer, with a softmax if one or a sigmoid follows.

    Raises:
        OnnxSplitError: the model has several outputs, or ends in something else.
    """
    graph = model.graph
    if len(graph.output) != 1:
        raise OnnxSplitError(f"it has {len(graph.output)} outputs, not one")
    makers = {name: node for node in graph.node for name in node.output}
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    value, bias, is_probability = graph.output[0].name, None, False
    while (node := makers.get(value)) is not None:
        if node.op_type == "Gemm":
            return node.input[0], _gemm(node, constants, is_probability=is_probability)
        if node.op_type == "MatMul" and node.input[1] in constants:
            weights = constants[node.input[1]]
            zeros = np.zeros(weights.shape[1], np.float32)
            return node.input[0], _layer(weights, zeros if bias is None else bias, is_probability=is_probability)
        if node.op_type == "Add" and bias is None:
            value, bias = _addends(node, constants)
        elif node.op_type in _PASSED:
            is_probability = is_probability or node.op_type in {"Sigmoid", "Softmax"}
            value = node.input[0]
        else:
            raise OnnxSplitError(f"it ends in {node.op_type}, not in a dense layer")
    raise OnnxSplitError("no dense layer lies between its input and its output")


def _cut_off(model: onnx.ModelProto, embedding: str) -> None:
    """Leave of a model what computes `embedding`, which becomes its output."""
    known = onnx.shape_inference.infer_shapes(model).graph.value_info
    output = next((value for value in known if value.name == embedding), None)
    needed, nodes = {embedding}, list[onnx.NodeProto]()
    for node in reversed(model.graph.node):  # in the order they run, as the format demands
        if needed.intersection(node.output):
            nodes.insert(0, node)
            needed.update(node.input)
    constants = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    for field, kept in (
        (model.graph.node, nodes),
        (model.graph.initializer, constants),
        (model.graph.value_info, []),
        (model.graph.output, [output or helper.make_tensor_value_info(embedding, onnx.TensorProto.FLOAT, None)]),
    ):
        del field[:]
        field.extend(kept)


def _addends(node: onnx.NodeProto, constants: dict[str, NDArray[np.float32]]) -> tuple[str, NDArray[np.float32]]:
    for value, other in (node.input, tuple(reversed(node.input))):
        if other in constants and value not in constants:
            return value, constants[other].reshape(-1)
    raise OnnxSplitError("it ends in a sum of two computed values, not in a dense layer")


def _gemm(node: onnx.NodeProto, constants: dict[str, NDArray[np.float32]], *, is_probability: bool) -> DenseLayer:
    settings = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    if any(name not in constants for name in node.input[1:]) or settings.get("transA"):
        raise OnnxSplitError("the weights of its dense layer are not constant")
    weights = constants[node.input[1]] * settings.get("alpha", 1.0)
    if settings.get("transB"):
        weights = weights.T
    bias = np.zeros(weights.shape[1], np.float32)
    if len(node.input) > 2:  # noqa: PLR2004 - its bias is optional
        bias = bias + constants[node.input[2]].reshape(-1) * settings.get("beta", 1.0)
    return _layer(weights, bias, is_probability=is_probability)


def _layer(weights: NDArray[np.float32], bias: NDArray[np.float32], *, is_probability: bool) -> DenseLayer:
    return DenseLayer(weights, bias, "softmax" if is_probability else "none")
