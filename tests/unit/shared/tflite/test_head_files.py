"""What a refitted head needs of a file: its layers read, in int8, and fed by a quantised base."""

import numpy as np
import pytest

from roost_shared.bundle.manifest import Quantization, TensorSpec
from roost_shared.tflite.convolutional import ConvolutionLayer, write_convolutional
from roost_shared.tflite.dense import DenseLayer, write_dense
from roost_shared.tflite.dense_reading import NotDenseError, has_integer_weights, read_dense
from roost_shared.tflite.fed_quantized import fed_quantized
from roost_shared.tflite.quantize import quantize_tflite
from roost_shared.tflite.split import split_tflite
from tests.support.shared_data import SHARED_DATA, needs_shared_data
from tests.support.tflite_files import TfliteRun, convolutional_model, frozen_base_model

RANDOM = np.random.default_rng(4)
LAYERS = [
    DenseLayer(RANDOM.normal(size=(6, 5)), RANDOM.normal(size=5), "relu"),
    DenseLayer(RANDOM.normal(size=(5, 3)), RANDOM.normal(size=3), "softmax"),
]
SAMPLES = RANDOM.normal(size=(60, 1, 1, 6)).astype(np.float32)
HEAD = write_dense(LAYERS, input_shape=(1, 1, 6), input_name="features")


def test_what_was_written_is_read() -> None:
    for read, written in zip(read_dense(HEAD), LAYERS, strict=True):
        assert read.activation == written.activation
        np.testing.assert_allclose(read.weights, written.weights, atol=1e-6)
        np.testing.assert_allclose(read.bias, written.bias, atol=1e-6)


def test_the_head_of_a_split_model_is_read() -> None:
    (dense,) = read_dense(split_tflite(frozen_base_model()).head)
    assert (dense.weights.shape, dense.activation) == ((5, 3), "softmax")
    (convolution,) = read_dense(split_tflite(convolutional_model()).head)
    assert (convolution.weights.shape, convolution.activation) == ((5, 3), "softmax")


def test_a_file_of_something_else_is_refused() -> None:
    whole = write_convolutional(
        [ConvolutionLayer(RANDOM.normal(size=(2, 3, 3, 1)), np.zeros(2))],
        [DenseLayer(RANDOM.normal(size=(8, 2)), np.zeros(2))],
        input_shape=(1, 4, 4, 1),
    )
    with pytest.raises(NotDenseError, match="convolution"):
        read_dense(whole)
    with pytest.raises(NotDenseError, match="one chain"):
        read_dense(write_dense([LAYERS[1]], input_shape=(1, 4), state={"hour": 1}))


@needs_shared_data
def test_a_quantised_head_is_read_in_real_units() -> None:
    model = (SHARED_DATA / "models/meter-digits_1900_int8.tflite").read_bytes()
    twin = (SHARED_DATA / "models/meter-digits_2000_float.tflite").read_bytes()
    heads = [split_tflite(data).head for data in (model, twin)]
    assert [has_integer_weights(head) for head in heads] == [True, False]
    for head in heads:
        (layer,) = read_dense(head)
        assert layer.weights.shape == (256, 11)
        assert 0.01 < np.abs(layer.weights).mean() < 1


def test_int8_says_what_float_says_of_floats_and_is_the_same_each_time() -> None:
    quantized = quantize_tflite(HEAD, ([sample] for sample in SAMPLES))
    assert quantized == quantize_tflite(HEAD, ([sample] for sample in SAMPLES))
    assert has_integer_weights(quantized)
    real, whole = TfliteRun(HEAD), TfliteRun(quantized)
    assert whole.inputs[0]["dtype"] == np.float32
    for sample in SAMPLES:
        np.testing.assert_allclose(whole(sample), real(sample), atol=0.08)


def test_without_samples_nothing_is_quantised() -> None:
    with pytest.raises(ValueError, match="without samples"):
        quantize_tflite(HEAD, [])


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_a_head_is_fed_by_a_quantised_base(dtype: str) -> None:
    zero = 3 if dtype == "int8" else 128
    given = TensorSpec(
        name="embedding",
        dtype=dtype,  # type: ignore[arg-type]  # one of the two
        shape=(1, 1, 6),
        quantization=Quantization(0.05, zero),
    )
    run = TfliteRun(fed_quantized(HEAD, given))
    assert run.inputs[0]["quantization"] == (pytest.approx(0.05), zero)
    limits = np.iinfo(dtype)
    stored = np.clip(np.rint(SAMPLES[0] / 0.05) + zero, limits.min, limits.max).astype(dtype)
    real = ((stored.astype(np.float32) - zero) * np.float32(0.05)).astype(np.float32)
    np.testing.assert_allclose(run(stored), TfliteRun(HEAD)(real), atol=1e-6)


def test_only_a_quantised_tensor_feeds_so() -> None:
    with pytest.raises(ValueError, match="no quantised tensor"):
        fed_quantized(HEAD, TensorSpec(name="embedding", dtype="float32", shape=(1, 1, 6)))


def test_convolutions_compute_what_numpy_computes() -> None:
    weights, bias = RANDOM.normal(size=(2, 3, 3, 1)), RANDOM.normal(size=2)
    last = DenseLayer(RANDOM.normal(size=(4, 3)), RANDOM.normal(size=3))
    picture = RANDOM.normal(size=(1, 5, 3, 1)).astype(np.float32)  # an odd last row and column, which the pool leaves
    padded = np.pad(picture[0], ((1, 1), (1, 1), (0, 0)))
    windows = np.array([[padded[row : row + 3, column : column + 3] for column in range(3)] for row in range(5)])
    convolved = np.maximum(np.einsum("rchwi,ohwi->rco", windows, weights) + bias, 0)
    pooled = convolved[:4, :2].reshape(2, 2, 1, 2, 2).max(axis=(1, 3))
    expected = pooled.reshape(-1) @ last.weights + last.bias
    run = TfliteRun(write_convolutional([ConvolutionLayer(weights, bias)], [last], input_shape=(1, 5, 3, 1)))
    np.testing.assert_allclose(run(picture)[0], expected, atol=1e-5)
    flat = TfliteRun(write_convolutional([ConvolutionLayer(weights, bias)], [], input_shape=(1, 5, 3, 1)))
    np.testing.assert_allclose(flat(picture)[0], pooled.reshape(-1), atol=1e-5)


@pytest.mark.parametrize(
    ("channels", "features", "shape"),
    [(2, 4, (1, 5, 3, 1)), (1, 5, (1, 5, 3, 1)), (1, 4, (1, 15))],
    ids=["channels", "features", "no picture"],
)
def test_layers_that_do_not_fit_are_refused(channels: int, features: int, shape: tuple[int, ...]) -> None:
    convolution = ConvolutionLayer(np.ones((2, 3, 3, channels)), np.zeros(2))
    with pytest.raises(ValueError, match=r"fit|take"):
        write_convolutional([convolution], [DenseLayer(np.ones((features, 2)), np.zeros(2))], input_shape=shape)
