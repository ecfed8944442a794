from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.examples import Example, ExamplesError, read_examples
from roost_shared.bundle.infer import LabelCountError
from roost_shared.bundle.manifest import ArrayPayload, ImagePayload, NoConfidence, ToleranceAgreement
from roost_shared.bundle.spec import BuildSpec, read_spec
from roost_shared.errors import ConfigError
from roost_shared.pipeline import Pipeline
from roost_shared.runtimes import ModelLoadError
from roost_shared.tflite.dense import DenseLayer, write_dense
from tests.support.shared_data import METER_LABELS, SHARED_DATA, needs_shared_data
from tests.support.tiny_bundle import COLOURS, colour_model, tiny_bundle


def test_the_file_tells_shapes_dtypes_and_softmax(tmp_path: Path) -> None:
    config = tiny_bundle(tmp_path / "b").config
    payload = config.preprocessing.payload
    assert isinstance(payload, ImagePayload)
    assert (payload.width, payload.height, payload.colour) == (4, 4, "RGB")
    assert (config.output.kind, config.output.values) == ("classification", "probabilities")
    assert config.task == "colours"
    assert config.runtime.ram_bytes > config.stages[0].size_bytes


def test_a_network_without_softmax_gives_logits(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "b", model=colour_model(activation="none"))
    assert bundle.config.output.values == "logits"


def test_without_labels_one_output_is_a_regression(tmp_path: Path) -> None:
    model = write_dense([DenseLayer(np.full((2, 1), 0.5), np.zeros(1))], input_shape=(1, 2))
    config = tiny_bundle(tmp_path / "b", model=model, labels=[]).config
    assert config.output.kind == "regression"
    assert isinstance(config.preprocessing.payload, ArrayPayload)
    assert isinstance(config.confidence, NoConfidence)
    assert isinstance(config.agreement, ToleranceAgreement)


def test_labels_must_match_the_outputs(tmp_path: Path) -> None:
    with pytest.raises(LabelCountError, match="2 labels for the 3 outputs"):
        tiny_bundle(tmp_path / "b", labels=["red", "green"])


def test_a_name_no_topic_could_carry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\$\.name"):
        tiny_bundle(tmp_path / "b", name="Colours!")


def test_what_the_runtime_cannot_load_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError):
        tiny_bundle(tmp_path / "b", model=b"no model at all")
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(("divisor", "scale", "offset"), [(1.0, 1.0, 0.0), (255.0, 1 / 255, 0.0)])
def test_examples_decide_the_range_of_pixels(tmp_path: Path, divisor: float, scale: float, offset: float) -> None:
    examples = _level_examples(tmp_path / "examples")
    built = build_bundle(
        {"model": _level_model(divisor)}, tmp_path / "b", name="level", version="1", labels=["dark", "bright"],
        examples=examples,
    )  # fmt: skip
    payload = built.bundle.config.preprocessing.payload
    assert isinstance(payload, ImagePayload)
    assert (payload.scale, payload.offset) == ((scale,), (offset,))
    assert built.bundle.config.evaluation is not None
    assert built.bundle.config.evaluation.accuracy == 1
    assert any("best of" in note for note in built.notes)


def test_without_examples_the_guess_is_said(tmp_path: Path) -> None:
    built = build_bundle({"model": colour_model()}, tmp_path / "b", name="c", version="1", labels=COLOURS)
    assert any("there are no examples" in note for note in built.notes)


def test_a_spec_replaces_what_was_inferred(tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    path.write_text(
        '[preprocessing.payload]\nfit = "letterbox"\n[confidence]\nkind = "softmax"\ntemperature = 2\n'
        "[golden]\ntolerance = 0.5\n"
    )
    config = tiny_bundle(tmp_path / "b", spec=read_spec(path)).config
    assert isinstance(config.preprocessing.payload, ImagePayload)
    assert config.preprocessing.payload.fit == "letterbox"
    assert config.preprocessing.payload.width == 4, "what the spec leaves out stays"
    assert config.golden.tolerance == 0.5


REFERENCE = """
[fleet_reference]
phi = "image"
devices = 30
windows = 12.5
mean = [0.5, 1e-05]
between = [[1.0, 0.25], [0.25, 1e-07]]
within = [[0.5, 0.0], [0.0, 0.125]]
"""


def test_a_spec_brings_along_how_devices_differ(tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    path.write_text(REFERENCE)  # as `roost drift reference` prints it
    brought = tiny_bundle(tmp_path / "b", spec=read_spec(path)).config.fleet_reference
    assert brought is not None
    assert (brought.devices, brought.mean, brought.between[1]) == (30, (0.5, 1e-05), (0.25, 1e-07))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (REFERENCE.replace("image", "tensor"), "fleet_reference.phi: is tensor, but the bundle's φ is image"),
        (REFERENCE.replace(", [0.0, 0.125]", ""), "fleet_reference.within: is not 2 rows of 2"),
        (REFERENCE.replace("0.5, 0.0]", "0.5]"), "fleet_reference.within: is not 2 rows of 2"),
        (REFERENCE.replace("[[1.0", "[[-1.0"), "fleet_reference.between: has a variance below 0"),
        (REFERENCE.replace("30", "1"), "fleet_reference.devices"),
        ("[preprocessing.payload]\nfitt = 'crop'\n", "preprocessing.payload.fitt"),
        ("[preprocessing.payload]\nfit = 'squash'\n", "fit"),
        ("[stages]\n", "stages"),
        ("[golden]\ntolerance = -1\n", "golden"),
        ("[golden\n", "line 1"),
    ],
)
def test_a_wrong_spec_says_where(tmp_path: Path, text: str, key: str) -> None:
    path = tmp_path / "spec.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=key):
        tiny_bundle(tmp_path / "b", spec=read_spec(path))


def test_a_confidence_that_is_no_output_is_refused(tmp_path: Path) -> None:
    spec = BuildSpec(document={"confidence": {"kind": "tensor", "index": 7}})
    with pytest.raises(ConfigError, match=r"\$\.confidence\.index"):
        tiny_bundle(tmp_path / "b", spec=spec)


def test_a_folder_called_like_no_label_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rde").mkdir()
    with pytest.raises(ExamplesError, match="rde"):
        read_examples(tmp_path, COLOURS)


@needs_shared_data
@pytest.mark.parametrize("model", ["meter-digits_1900_int8", "meter-digits_2000_float"])
def test_the_meter_models_read_the_meter_photos(tmp_path: Path, model: str) -> None:
    examples = read_examples(SHARED_DATA / "meter-digits", METER_LABELS)
    data = (SHARED_DATA / "models" / f"{model}.tflite").read_bytes()
    built = build_bundle(
        {"model": data}, tmp_path / "b", name="meter", version="7", labels=METER_LABELS, examples=examples
    )
    evaluation = built.bundle.config.evaluation
    assert evaluation is not None
    assert evaluation.samples == len(examples)
    assert evaluation.accuracy > 0.88
    payload = built.bundle.config.preprocessing.payload
    assert isinstance(payload, ImagePayload)
    assert (payload.scale, payload.offset) == ((1.0,), (0.0,))


@needs_shared_data
@pytest.mark.parametrize("model", ["mobilenet_v2_1.0_224_quant", "mobilenet_v1_0.25_128_quant"])
def test_a_parrot_is_a_macaw(tmp_path: Path, model: str) -> None:
    labels = (SHARED_DATA / "models" / "imagenet_labels.txt").read_text().splitlines()
    bundle = tiny_bundle(tmp_path / "b", model=_shared_model(model), labels=labels)
    pipeline = Pipeline.load(bundle)
    pipeline.check_golden()
    scored = pipeline.score((SHARED_DATA / "photos" / "parrot.jpg").read_bytes())
    assert scored.label == "macaw"
    assert scored.confidence == scored.top[0][1] > 0.5
    assert len(scored.top) == 5


@needs_shared_data
def test_an_extractor_gives_an_embedding(tmp_path: Path) -> None:
    model = _shared_model("mobilenet_v1_1.0_224_quant_embedding_extractor")
    bundle = tiny_bundle(tmp_path / "b", model=model, labels=[])
    assert bundle.config.output.kind == "embedding"
    scored = Pipeline.load(bundle).score((SHARED_DATA / "photos" / "parrot.jpg").read_bytes())
    assert len(scored.output) == 1024
    assert (scored.label, scored.confidence, scored.top) == (None, None, [])


@needs_shared_data
def test_a_model_with_an_unknown_operator_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="fake-op-double"):
        tiny_bundle(tmp_path / "b", model=_shared_model("model_invoking_error"), labels=[])


def _shared_model(name: str) -> bytes:
    return (SHARED_DATA / "models" / f"{name}.tflite").read_bytes()


def _level_model(divisor: float) -> bytes:
    """Bright if the mean exceeds the middle of 0…255 / divisor."""
    weights = np.tile([-1.0, 1.0], (16, 1)) * divisor / 255
    middle = 8.0
    return write_dense([DenseLayer(weights, np.array([middle, -middle]), "softmax")], input_shape=(1, 4, 4, 1))


def _level_examples(folder: Path) -> Sequence[Example]:
    for label, levels in {"dark": range(10, 110, 20), "bright": range(150, 250, 20)}.items():
        (folder / label).mkdir(parents=True)
        for level in levels:
            Image.new("L", (4, 4), level).save(folder / label / f"{level}.png")
    return read_examples(folder, ["dark", "bright"])
