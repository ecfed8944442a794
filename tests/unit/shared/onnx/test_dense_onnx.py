from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper

from roost_shared.onnx.dense import write_dense_onnx
from roost_shared.onnx.inspect import inspect_onnx
from roost_shared.runtime_settings import RuntimeSettings
from roost_shared.runtimes import Model, ModelLoadError, choose_runtime
from roost_shared.tflite.dense import DenseLayer, write_dense


def _layers(inputs: int) -> list[DenseLayer]:
    rng = np.random.default_rng(7)
    return [
        DenseLayer(rng.normal(size=(inputs, 5)), rng.normal(size=5), "relu"),
        DenseLayer(rng.normal(size=(5, 3)), rng.normal(size=3), "softmax"),
    ]


def _load(folder: Path, data: bytes, name: str) -> Model:
    runtime, stage_format = choose_runtime([name])
    path = folder / f"model.{stage_format}"
    path.write_bytes(data)
    return runtime.load(path, RuntimeSettings())


def _file(folder: Path, shape: list[int | str], operator: str = "Relu", kind: int = onnx.TensorProto.FLOAT) -> Path:
    inputs = [helper.make_tensor_value_info("x", kind, shape)]
    outputs = [helper.make_tensor_value_info("y", kind, shape)]
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], "main", inputs, outputs)
    path = folder / "model.onnx"
    path.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()
    )
    return path


@pytest.mark.parametrize("input_shape", [(1, 12), (1, 2, 2, 3)], ids=["vector", "image"])
@pytest.mark.parametrize("state", [None, {"season": 2}], ids=["stateless", "with state"])
def test_the_twin_takes_and_gives_what_the_tflite_file_does(
    tmp_path: Path, input_shape: tuple[int, ...], state: dict[str, int] | None
) -> None:
    layers = _layers(12 + sum((state or {}).values()))
    first = _load(tmp_path, write_dense(layers, input_shape=input_shape, state=state), "litert")
    twin = _load(tmp_path, write_dense_onnx(layers, input_shape=input_shape, state=state), "onnxruntime")
    assert (twin.inputs, twin.outputs) == (first.inputs, first.outputs)
    rng = np.random.default_rng(1)
    values: list[NDArray[Any]] = [rng.normal(size=tensor.shape).astype(np.float32) for tensor in first.inputs]
    np.testing.assert_allclose(twin.run(values)[0], first.run(values)[0], atol=1e-6)


def test_the_same_layers_give_the_same_bytes() -> None:
    assert write_dense_onnx(_layers(4), input_shape=(1, 4)) == write_dense_onnx(_layers(4), input_shape=(1, 4))


def test_layers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="layer 0: weights"):
        write_dense_onnx(_layers(4), input_shape=(1, 5))


def test_a_softmax_is_seen_through_what_changes_no_meaning(tmp_path: Path) -> None:
    assert inspect_onnx(write_dense_onnx(_layers(4), input_shape=(1, 4))).gives_probabilities == (True,)
    assert inspect_onnx(_file(tmp_path, [1, 4]).read_bytes()).gives_probabilities == (False,)


def test_an_integer_input_holds_its_types_values(tmp_path: Path) -> None:
    facts = inspect_onnx(_file(tmp_path, [1, 4], "Identity", onnx.TensorProto.UINT8).read_bytes())
    assert facts.input_ranges == ((0.0, 255.0),)


def test_an_open_batch_is_a_batch_of_one(tmp_path: Path) -> None:
    model = _load(tmp_path, _file(tmp_path, ["batch", 4]).read_bytes(), "onnxruntime")
    assert model.inputs[0].shape == (1, 4)


def test_other_open_dimensions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="leaves dimensions open"):
        _load(tmp_path, _file(tmp_path, [1, "length"]).read_bytes(), "onnxruntime")


def test_a_type_no_bundle_can_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"model\.onnx: onnxruntime: Invalid enum value"):
        _load(tmp_path, _file(tmp_path, [1, 4], "Identity", onnx.TensorProto.STRING).read_bytes(), "onnxruntime")


def test_what_is_no_onnx_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="onnxruntime"):
        _load(tmp_path, b"no model at all", "onnxruntime")
