from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from roost_shared.bundle import Bundle
from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.calibrate import CalibrationError, calibrate_bundle
from roost_shared.bundle.examples import Example, ExamplesError, read_examples
from roost_shared.bundle.manifest import SoftmaxConfidence
from roost_shared.bundle.spec import BuildSpec
from roost_shared.bundle.split import split_bundle
from roost_shared.bundle.synthetic import png_bytes
from roost_shared.bundle.temperature import TemperatureError, calibration_error, fit_temperature, mean_nll
from roost_shared.outputs import softmax
from roost_shared.pipeline import Pipeline
from roost_shared.tflite.dense import Activation, DenseLayer, write_dense
from tests.support.bundles import npy
from tests.support.shared_data import METER_LABELS, SHARED_DATA, needs_shared_data

LABELS = ["a", "b", "c"]
OVERSURE = 4.0  # the model's logits are so many times those the labels are drawn by


class Drawn(NamedTuple):
    """Inputs and labels drawn from the softmax of the inputs."""

    logits: NDArray[np.float64]
    truth: NDArray[np.int64]


def _drawn(count: int, seed: int = 1) -> Drawn:
    random = np.random.default_rng(seed)
    logits = random.uniform(0, 4, (count, 3))
    cumulated = softmax(logits).cumsum(axis=1)
    return Drawn(logits, (random.uniform(size=(count, 1)) > cumulated).sum(axis=1))


def _examples(folder: Path, drawn: Drawn) -> Sequence[Example]:
    for number, (logits, truth) in enumerate(zip(drawn.logits, drawn.truth, strict=True)):
        path = folder / LABELS[truth] / f"{number}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(npy(logits[np.newaxis].astype(np.float32)))
    return read_examples(folder, LABELS)


def _oversure(folder: Path, activation: Activation = "softmax", spec: BuildSpec | None = None) -> Bundle:
    layers = [
        DenseLayer(np.eye(3), np.zeros(3), "relu"),
        DenseLayer(OVERSURE * np.eye(3), np.zeros(3), activation),
    ]
    model = write_dense(layers, input_shape=(1, 3))
    return build_bundle({"model": model}, folder, name="abc", version="1", labels=LABELS, spec=spec).bundle


def test_the_fit_finds_the_temperature_the_labels_were_drawn_with() -> None:
    drawn = _drawn(20_000)
    assert fit_temperature(OVERSURE * drawn.logits, drawn.truth) == pytest.approx(OVERSURE, rel=0.03)
    assert fit_temperature(drawn.logits / 3, drawn.truth) == pytest.approx(1 / 3, rel=0.03)


def test_no_other_temperature_is_likelier() -> None:
    drawn = _drawn(500)
    best = fit_temperature(drawn.logits, drawn.truth)
    likelihoods = [mean_nll(drawn.logits, drawn.truth, best * factor) for factor in (0.9, 0.99, 1, 1.01, 1.1)]
    assert min(likelihoods) == likelihoods[2]


@pytest.mark.parametrize(("truth", "why"), [([0, 1], "all read right"), ([1, 0], "no better for being surer")])
def test_a_temperature_without_bound_is_refused(truth: list[int], why: str) -> None:
    logits = np.array([[3.0, 0.0, -1.0], [0.0, 3.0, -1.0]])
    with pytest.raises(TemperatureError, match=why):
        fit_temperature(logits, np.array(truth))


def test_the_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    sure = np.tile([50.0, 0.0], (10, 1))
    assert calibration_error(sure, np.array([0] * 7 + [1] * 3), 1.0) == pytest.approx(0.3)
    assert calibration_error(sure, np.zeros(10, int), 1.0) == pytest.approx(0)
    in_one_bin = np.array([[50.0, 0.0], [3.0, 0.0]])  # sure and wrong; 95 % sure and right
    assert calibration_error(in_one_bin, np.array([1, 0]), 1.0) == pytest.approx(softmax(in_one_bin)[1, 0] / 2)


def test_great_logits_overflow_nothing() -> None:
    great = np.array([[5000.0, 0.0, -5000.0]])
    assert softmax(great).tolist() == [[1, 0, 0]]
    assert mean_nll(great, np.array([1]), 1.0) == 5000


@pytest.mark.parametrize("activation", ["softmax", "none"])
@pytest.mark.parametrize("in_halves", [False, True])
def test_an_oversure_bundle_becomes_as_sure_as_it_is_right(
    tmp_path: Path, activation: Activation, *, in_halves: bool
) -> None:
    bundle = _oversure(tmp_path / "b", activation)
    if in_halves:
        bundle = split_bundle(bundle, tmp_path / "split", version="2").bundle
    assert bundle.config.output.values == ("probabilities" if activation == "softmax" else "logits")
    result = calibrate_bundle(bundle, _examples(tmp_path / "examples", _drawn(400)), tmp_path / "calibrated")
    assert result.samples == 400
    assert result.before.temperature == 1
    assert result.after.temperature == pytest.approx(OVERSURE, rel=0.25)
    assert result.after.nll < result.before.nll
    assert result.after.calibration_error < result.before.calibration_error / 3
    calibrated = result.bundle.config
    assert calibrated.confidence == SoftmaxConfidence(result.after.temperature)
    assert (calibrated.parent, calibrated.stages) == (bundle.digest, bundle.config.stages)
    assert calibrated.version == f"{bundle.config.version}-calibrated"
    pipeline = Pipeline.load(result.bundle)
    pipeline.check_golden()
    payload = npy(np.array([[1, 2, 3]], np.float32))
    before, after = Pipeline.load(bundle).score(payload), pipeline.score(payload)
    assert before.label == after.label == "c"
    assert before.confidence == pytest.approx(softmax(OVERSURE * np.arange(3.0))[2], abs=1e-4)
    divided = OVERSURE / result.after.temperature * np.arange(3.0)
    assert after.confidence == pytest.approx(softmax(divided)[2], abs=1e-4)


def test_calibrating_again_changes_nothing_but_the_version(tmp_path: Path) -> None:
    examples = _examples(tmp_path / "examples", _drawn(100))
    first = calibrate_bundle(_oversure(tmp_path / "b"), examples, tmp_path / "1")
    second = calibrate_bundle(first.bundle, examples, tmp_path / "2")
    assert second.before == second.after == first.after


def test_too_few_examples_are_refused(tmp_path: Path) -> None:
    examples = _examples(tmp_path / "examples", _drawn(49))
    with pytest.raises(ExamplesError, match="49 examples are too few to fit a temperature; give at least 50"):
        calibrate_bundle(_oversure(tmp_path / "b"), examples, tmp_path / "calibrated")
    assert not (tmp_path / "calibrated").exists()


def test_examples_of_one_label_are_refused(tmp_path: Path) -> None:
    drawn = _drawn(60)
    examples = _examples(tmp_path / "examples", drawn._replace(truth=np.zeros(60, int)))
    with pytest.raises(ExamplesError, match="all examples are called 'a'"):
        calibrate_bundle(_oversure(tmp_path / "b"), examples, tmp_path / "calibrated")


def test_an_example_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    examples = _examples(tmp_path / "examples", _drawn(60))
    examples[30].path.write_bytes(b"no array")
    with pytest.raises(ExamplesError, match=str(examples[30].path)):
        calibrate_bundle(_oversure(tmp_path / "b"), examples, tmp_path / "calibrated")


def test_a_bundle_without_softmax_has_no_temperature(tmp_path: Path) -> None:
    bundle = _oversure(tmp_path / "b", spec=BuildSpec(document={"confidence": {"kind": "none"}}))
    with pytest.raises(CalibrationError, match="comes from no softmax"):
        calibrate_bundle(bundle, _examples(tmp_path / "examples", _drawn(60)), tmp_path / "calibrated")


@needs_shared_data
def test_photos_it_was_not_fitted_to_gain_where_the_world_is_blurred(tmp_path: Path) -> None:
    """The int8 model reads 99 % of the photos and about 55 % of them blurred, as sure as before."""
    fitted, held_out = _meter_halves(tmp_path / "blurred", blur_pixels=2)
    bundle = _meter(tmp_path / "meter")
    before = _error_on(bundle, held_out)
    after = _error_on(calibrate_bundle(bundle, fitted, tmp_path / "calibrated").bundle, held_out)
    assert before > 0.25
    assert after < 0.12


@needs_shared_data
def test_photos_it_was_not_fitted_to_lose_nothing_where_it_was_right_before(tmp_path: Path) -> None:
    fitted, held_out = _meter_halves(tmp_path / "clear", blur_pixels=0)
    bundle = _meter(tmp_path / "meter")
    after = _error_on(calibrate_bundle(bundle, fitted, tmp_path / "calibrated").bundle, held_out)
    noise = 0.005  # the standard error of the accuracy, 98.7 % of 563 photos
    assert after < _error_on(bundle, held_out) + noise


def _meter(folder: Path) -> Bundle:
    path = SHARED_DATA / "models" / "meter-digits_1900_int8.tflite"
    return build_bundle({"model": path}, folder, name="meter", version="7", labels=METER_LABELS).bundle


def _meter_halves(folder: Path, *, blur_pixels: int) -> tuple[Sequence[Example], Sequence[Example]]:
    """The meter photos, blurred, every other one in each half."""
    for example in read_examples(SHARED_DATA / "meter-digits", METER_LABELS):
        photo = Image.open(example.path).convert("RGB").filter(ImageFilter.GaussianBlur(blur_pixels))
        path = folder / example.label / f"{example.path.stem}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png_bytes(photo))
    examples = read_examples(folder, METER_LABELS)
    return examples[::2], examples[1::2]


def _error_on(bundle: Bundle, examples: Sequence[Example]) -> float:
    """The expected calibration error of what the bundle says, 15 bins."""
    pipeline = Pipeline.load(bundle)
    gaps = np.zeros(15)
    for example in examples:
        scored = pipeline.score(example.path.read_bytes())
        assert scored.confidence is not None
        gaps[min(int(scored.confidence * 15), 14)] += (scored.label == example.label) - scored.confidence
    return float(np.abs(gaps).sum() / len(examples))
