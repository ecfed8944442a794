"""The rules of a bundle's document that span fields: what each refuses, and what it lets pass."""

from collections.abc import Callable

import msgspec
import pytest
from msgspec.structs import replace

from roost_shared.bundle.manifest import (
    ArrayPayload,
    BundleDraft,
    Confidence,
    ImagePayload,
    LabelAgreement,
    NoConfidence,
    OutputSpec,
    Preprocessing,
    Quantization,
    RuntimeNeeds,
    SoftmaxConfidence,
    Stage,
    StageFormat,
    StageName,
    TensorConfidence,
    TensorSpec,
    check_config,
)

DIGEST = "sha256:" + "0" * 64


def tensor(name: str, *shape: int, quantization: Quantization | None = None) -> TensorSpec:
    return TensorSpec(name=name, dtype="float32", shape=shape, quantization=quantization)


IMAGE, FEATURES = tensor("image", 1, 8), tensor("features", 1, 4)
SCORES, SURE = tensor("scores", 1, 2), tensor("sure", 1)


def stage(
    name: StageName, takes: TensorSpec, *gives: TensorSpec, stage_format: StageFormat = "tflite", more: int = 0
) -> Stage:
    inputs = (takes, *(tensor(f"more-{number}", 1) for number in range(more)))
    return Stage(name=name, format=stage_format, digest=DIGEST, size_bytes=1, inputs=inputs, outputs=gives)


MODEL = stage("model", IMAGE, SCORES, SURE)
BASE = stage("base", IMAGE, FEATURES)
HEAD = stage("head", FEATURES, SCORES)


def draft(*stages: Stage) -> BundleDraft:
    """A sound document of these stages."""
    return BundleDraft(
        name="meter",
        version="1",
        task="meter",
        stages=stages,
        preprocessing=Preprocessing(payload=ArrayPayload(input="image")),
        labels=("yes", "no"),
        output=OutputSpec(kind="classification"),
        confidence=SoftmaxConfidence(),
        agreement=LabelAgreement(),
        runtime=RuntimeNeeds(runtimes=("litert",), ram_bytes=1),
    )


@pytest.mark.parametrize(
    "stages",
    [
        pytest.param([MODEL], id="a model"),
        pytest.param([BASE, HEAD], id="base and head"),
        pytest.param([MODEL, stage("model", IMAGE, SCORES, stage_format="onnx")], id="a model in two formats"),
        pytest.param([BASE, stage("head", tensor("fed", 1, 4), SCORES)], id="by another name"),
        pytest.param([BASE, stage("head", FEATURES, SCORES, more=1)], id="a head that takes more"),
    ],
)
def test_sound_stages(stages: list[Stage]) -> None:
    assert check_config(draft(*stages)) is None


@pytest.mark.parametrize(
    ("stages", "problem"),
    [
        pytest.param([HEAD], "tflite stages are ['head']", id="a head alone"),
        pytest.param([HEAD, BASE], "tflite stages are ['head', 'base']", id="the wrong order"),
        pytest.param([MODEL, MODEL], "tflite stages are ['model', 'model']", id="twice"),
        pytest.param(
            [MODEL, stage("head", FEATURES, SCORES, stage_format="onnx")],
            "onnx stages are ['head']",
            id="in the second format",
        ),
        pytest.param([BASE, stage("head", tensor("f", 1, 5), SCORES)], "head does not take what base", id="shape"),
        pytest.param([BASE, stage("head", replace(FEATURES, dtype="int8"), SCORES)], "head does not take", id="type"),
        pytest.param(
            [BASE, stage("head", replace(FEATURES, quantization=Quantization(0.5, 0)), SCORES)],
            "head does not take",
            id="quantization",
        ),
        pytest.param([replace(BASE, outputs=(FEATURES, SURE)), HEAD], "head does not take", id="more than it takes"),
    ],
)
def test_stages_that_do_not_fit(stages: list[Stage], problem: str) -> None:
    found = check_config(draft(*stages))
    assert found is not None
    assert found.startswith("$.stages: ")
    assert problem in found


ENDS: dict[str, tuple[Callable[[BundleDraft], BundleDraft], str | None]] = {
    "fed with what it does not take": (
        lambda d: replace(d, preprocessing=replace(d.preprocessing, injected={"season": "weather"})),
        "$.preprocessing: feeds ['image', 'season'], but the model takes ['image']",
    ),
    "not fed with all it takes": (
        lambda d: replace(d, stages=(replace(MODEL, inputs=(IMAGE, tensor("season", 1))),)),
        "$.preprocessing: feeds ['image'], but the model takes ['image', 'season']",
    ),
    "fed with external state": (
        lambda d: replace(
            d,
            stages=(replace(MODEL, inputs=(IMAGE, tensor("season", 1))),),
            preprocessing=replace(d.preprocessing, injected={"season": "weather"}),
        ),
        None,
    ),
    "a label too few": (lambda d: replace(d, labels=("yes",)), "$.labels: 1 labels for 2 outputs"),
    "a label too many": (lambda d: replace(d, labels=("yes", "no", "maybe")), "$.labels: 3 labels for 2 outputs"),
    "numbers need no labels": (lambda d: of_numbers(d, NoConfidence()), None),
    "numbers have no softmax": (
        lambda d: of_numbers(d, SoftmaxConfidence()),
        "$.confidence: softmax means nothing for regression",
    ),
    "numbers may be sure of themselves": (lambda d: of_numbers(d, TensorConfidence(1)), None),
    "confidence from an output": (lambda d: replace(d, confidence=TensorConfidence(1)), None),
    "from one behind the last": (
        lambda d: replace(d, confidence=TensorConfidence(2)),
        "$.confidence.index: output 2 is not there or holds more than one value",
    ),
    "from one with more than one value": (
        lambda d: replace(d, confidence=TensorConfidence(0)),
        "$.confidence.index: output 0 is not there or holds more than one value",
    ),
}


def of_numbers(sound: BundleDraft, confidence: Confidence) -> BundleDraft:
    return replace(sound, labels=(), output=OutputSpec(kind="regression"), confidence=confidence)


@pytest.mark.parametrize("name", ENDS)
def test_what_goes_in_and_comes_out(name: str) -> None:
    change, problem = ENDS[name]
    assert check_config(change(draft(MODEL))) == problem


def test_what_a_document_leaves_out_means_what_it_always_meant() -> None:
    """Bundles that are signed and in the field say it by saying nothing."""
    image = msgspec.json.decode(b'{"kind":"image","input":"x","width":2,"height":3}', type=ImagePayload)
    assert image == ImagePayload(
        input="x",
        width=2,
        height=3,
        colour="RGB",
        fit="stretch",
        resample="bilinear",
        scale=(1.0,),
        offset=(0.0,),
        pad=0,
        orient=False,
        draft=False,
    )
    array = msgspec.json.decode(b'{"kind":"array","input":"x"}', type=ArrayPayload)
    assert array == ArrayPayload(input="x", scale=1.0, offset=0.0)
    assert msgspec.json.decode(b'{"kind":"softmax"}', type=SoftmaxConfidence) == SoftmaxConfidence(1.0)
    output = msgspec.json.decode(b'{"kind":"classification"}', type=OutputSpec)
    assert output == OutputSpec(kind="classification", values="probabilities")
    assert Preprocessing(payload=array).injected == {}
