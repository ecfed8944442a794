from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import interpreter

from roost_shared.runtime_settings import RuntimeSettings
from roost_shared.runtimes.tflite import TfliteRuntime
from roost_shared.tflite.dense import DenseLayer, write_dense
from roost_shared.tflite.inspect import inspect_tflite


def _layers() -> list[DenseLayer]:
    random = np.random.default_rng(1)
    return [
        DenseLayer(random.normal(size=(14, 5)), random.normal(size=5), "relu"),
        DenseLayer(random.normal(size=(5, 3)), random.normal(size=3), "softmax"),
    ]


def test_the_file_computes_what_numpy_computes(tmp_path: Path) -> None:
    layers = _layers()
    path = tmp_path / "m.tflite"
    path.write_bytes(write_dense(layers, input_shape=(1, 2, 2, 3), state={"hour": 1, "flow": 1}))
    model = TfliteRuntime("litert", interpreter).load(path, RuntimeSettings())
    assert [tensor.name for tensor in model.inputs] == ["input", "hour", "flow"]
    image = np.random.default_rng(2).normal(size=(1, 2, 2, 3)).astype(np.float32)
    states = [np.full((1, 1), value, np.float32) for value in (0.3, -0.7)]
    hidden = np.maximum(np.r_[image.ravel(), 0.3, -0.7] @ layers[0].weights + layers[0].bias, 0)
    logits = hidden @ layers[1].weights + layers[1].bias
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(model.run([image, *states])[0][0], expected, atol=1e-6)


def test_the_same_layers_give_the_same_bytes() -> None:
    assert write_dense(_layers(), input_shape=(1, 14)) == write_dense(_layers(), input_shape=(1, 14))


@pytest.mark.parametrize(
    "layers",
    [
        [],
        [DenseLayer(np.ones((3, 2)), np.zeros(2))],
        [DenseLayer(np.ones((4, 2)), np.zeros(3))],
        [DenseLayer(np.ones((4, 2)), np.zeros(2), "softmax"), DenseLayer(np.ones((2, 2)), np.zeros(2))],
    ],
)
def test_layers_that_do_not_fit_are_refused(layers: list[DenseLayer]) -> None:
    with pytest.raises(ValueError, match="layer"):
        write_dense(layers, input_shape=(1, 4))


def test_inspection_tells_softmax_from_logits() -> None:
    layers = _layers()
    assert inspect_tflite(write_dense(layers, input_shape=(1, 14))).gives_probabilities == (True,)
    logits = [layers[0], DenseLayer(layers[1].weights, layers[1].bias)]
    facts = inspect_tflite(write_dense(logits, input_shape=(1, 14)))
    assert facts.gives_probabilities == (False,)
    assert facts.input_ranges == (None,)
