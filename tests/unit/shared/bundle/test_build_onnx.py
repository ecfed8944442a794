"""Bundles in two formats, or in ONNX alone."""

import io
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from PIL import Image

from roost_shared.bundle.build import TwinError, build_bundle
from roost_shared.bundle.manifest import ImagePayload
from roost_shared.errors import ConfigError
from roost_shared.onnx.dense import write_dense_onnx
from roost_shared.onnx.inspect import ExternalDataError
from roost_shared.pipeline import Pipeline
from roost_shared.runtime_settings import RuntimeName, RuntimeSettings
from roost_shared.runtimes import NoRuntimeError
from roost_shared.tflite.dense import DenseLayer, write_dense
from tests.support.tiny_bundle import COLOURS, colour_model, tiny_bundle

NAMES: tuple[RuntimeName, ...] = ("litert", "onnxruntime")
TWIN = colour_model(write=write_dense_onnx)


def test_a_bundle_lists_both_formats_and_the_runtimes_of_each(tmp_path: Path) -> None:
    config = tiny_bundle(tmp_path / "b", onnx={"model": TWIN}).config
    assert [(stage.name, stage.format) for stage in config.stages] == [("model", "tflite"), ("model", "onnx")]
    assert config.runtime.runtimes == ("litert", "tflite-runtime", "onnxruntime")


@pytest.mark.parametrize("name", NAMES)
def test_each_runtime_gives_the_golden_outputs_and_the_same_label(tmp_path: Path, name: RuntimeName) -> None:
    bundle = tiny_bundle(tmp_path / "b", onnx={"model": TWIN})
    pipeline = Pipeline.load(bundle, RuntimeSettings(name=name))
    pipeline.check_golden()
    assert pipeline.score(_png((0, 200, 90))).label == "green"


def test_weights_in_another_file_are_no_part_of_a_bundle(tmp_path: Path) -> None:
    """The runtime finds them where it is built, and on no device."""
    whole = onnx.load_model_from_string(TWIN)
    onnx.save_model(whole, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=100)
    with pytest.raises(ExternalDataError, match="'dense_0/weights' in another"):
        build_bundle({}, tmp_path / "b", onnx={"model": tmp_path / "m.onnx"}, name="b", version="1", labels=COLOURS)
    assert not (tmp_path / "b").exists()


def test_another_network_is_no_twin(tmp_path: Path) -> None:
    other = colour_model(activation="none", write=write_dense_onnx)
    with pytest.raises(TwinError, match="no twin of the tflite model: golden vector"):
        tiny_bundle(tmp_path / "b", onnx={"model": other})
    assert not (tmp_path / "b").exists()


def test_a_twin_may_call_its_inputs_otherwise(tmp_path: Path) -> None:
    state = {"season": 1}
    layers = [DenseLayer(np.vstack([np.eye(3), [[1, 0, 0]]]), np.zeros(3), "softmax")]
    first = write_dense(layers, input_shape=(1, 3), state=state)
    twin = write_dense_onnx(layers, input_shape=(1, 3), input_name="x", state={"s": 1})
    built = build_bundle({"model": first}, tmp_path / "b", onnx={"model": twin}, name="b", version="1", labels=COLOURS)
    assert "the twin's inputs are renamed: x, s to input, season" in built.notes
    for name in NAMES:
        pipeline = Pipeline.load(built.bundle, RuntimeSettings(name=name))
        pipeline.check_golden()
        assert pipeline.score(b"[1, 2, 0]", inject={"season": 9}).label == "red"


def test_a_twin_that_takes_other_inputs_is_refused(tmp_path: Path) -> None:
    twin = colour_model(write=write_dense_onnx, state={"season": 1})
    with pytest.raises(ConfigError, match=r"feeds \['input'\], but the model takes \['input', 'season'\]"):
        tiny_bundle(tmp_path / "b", onnx={"model": twin})


def test_a_bundle_may_be_onnx_alone(tmp_path: Path) -> None:
    bundle = build_bundle({}, tmp_path / "b", onnx={"model": TWIN}, name="b", version="1", labels=COLOURS).bundle
    assert bundle.config.runtime.runtimes == ("onnxruntime",)
    assert bundle.config.output.values == "probabilities"
    pipeline = Pipeline.load(bundle)
    pipeline.check_golden()
    assert pipeline.score(_png((9, 20, 200))).label == "blue"
    with pytest.raises(NoRuntimeError, match="asks for litert, but the bundle is made for onnxruntime"):
        Pipeline.load(bundle, RuntimeSettings(name="litert"))


def test_a_model_may_take_its_channels_first(tmp_path: Path) -> None:
    bundle = build_bundle(
        {}, tmp_path / "b", onnx={"model": _channels_first()}, name="b", version="1", labels=COLOURS
    ).bundle
    payload = bundle.config.preprocessing.payload
    assert isinstance(payload, ImagePayload)
    assert (payload.width, payload.height, payload.colour) == (5, 4, "RGB")
    pipeline = Pipeline.load(bundle)
    assert [pipeline.score(_png(pixel)).label for pixel in ((200, 0, 0), (0, 200, 0), (0, 0, 200))] == COLOURS
    half = np.zeros((4, 5, 3), np.uint8)
    half[:2, :, 1] = 200
    half[:, :, 2] = 90
    assert pipeline.score(_png(half)).label == "green"


def _png(pixels: tuple[int, int, int] | NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.broadcast_to(np.array(pixels, np.uint8), (4, 5, 3))).save(file, "PNG")
    return file.getvalue()


def _channels_first() -> bytes:
    """Mean of each channel of a (1, 3, 4, 5) image."""
    axes = numpy_helper.from_array(np.array([1, 3], np.int64), "shape")
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        helper.make_node("Reshape", ["pooled", "shape"], ["means"]),
    ]
    inputs = [helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, ["batch", 3, 4, 5])]
    outputs = [helper.make_tensor_value_info("means", onnx.TensorProto.FLOAT, [1, 3])]
    graph = helper.make_graph(nodes, "main", inputs, outputs, [axes])
    data: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8
    ).SerializeToString()
    return data
