import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from roost_shared.onnx.dense import write_dense_onnx
from roost_shared.onnx.split import OnnxSplitError, split_onnx
from roost_shared.tflite.dense import DenseLayer

RANDOM = np.random.default_rng(4)
BASE = DenseLayer(RANDOM.normal(size=(6, 5)), RANDOM.normal(size=5), "relu")
LAST = DenseLayer(RANDOM.normal(size=(5, 3)), RANDOM.normal(size=3), "softmax")


def computed(data: bytes, given: np.ndarray) -> np.ndarray:
    import onnxruntime  # noqa: PLC0415 - takes a while to load

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {session.get_inputs()[0].name: given})[0]
    return found


def linear(*, with_bias: bool, swapped: bool = False) -> bytes:
    """As PyTorch and others write a dense layer: a product, and a sum behind it."""
    weights = [numpy_helper.from_array(LAST.weights.astype(np.float32), "w")]
    weights += [numpy_helper.from_array(LAST.bias.astype(np.float32), "b")]
    nodes = [helper.make_node("Relu", ["x"], ["h"]), helper.make_node("MatMul", ["h", "w"], ["m"])]
    if with_bias:
        nodes.append(helper.make_node("Add", ["b", "m"] if swapped else ["m", "b"], ["y"]))
    values = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", length])
        for name, length in (("x", 5), ("y" if with_bias else "m", 3))
    ]
    graph = helper.make_graph(nodes, "main", values[:1], values[1:], weights if with_bias else weights[:1])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def test_base_and_layer_do_what_the_whole_did() -> None:
    whole = write_dense_onnx([BASE, LAST], input_shape=(1, 6))
    base, layer = split_onnx(whole)
    given = RANDOM.normal(size=(4, 6)).astype(np.float32)
    logits = computed(base, given) @ layer.weights + layer.bias
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, computed(whole, given), atol=1e-5)
    assert layer.activation == "softmax"
    assert split_onnx(whole).base == base


@pytest.mark.parametrize(("with_bias", "swapped"), [(True, False), (True, True), (False, False)])
def test_a_product_with_or_without_a_sum_is_a_dense_layer(*, with_bias: bool, swapped: bool) -> None:
    base, layer = split_onnx(linear(with_bias=with_bias, swapped=swapped))
    np.testing.assert_allclose(layer.weights, LAST.weights, atol=1e-6)
    np.testing.assert_allclose(layer.bias, LAST.bias if with_bias else np.zeros(3), atol=1e-6)
    assert layer.activation == "none"
    given = RANDOM.normal(size=(2, 5)).astype(np.float32)
    np.testing.assert_allclose(computed(base, given), np.maximum(given, 0))


def test_what_has_no_base_or_ends_otherwise_is_refused() -> None:
    with pytest.raises(OnnxSplitError, match="nothing comes before"):
        split_onnx(write_dense_onnx([LAST], input_shape=(1, 5)))
    with pytest.raises(OnnxSplitError, match="ends in Relu"):
        split_onnx(write_dense_onnx([BASE], input_shape=(1, 6)))
