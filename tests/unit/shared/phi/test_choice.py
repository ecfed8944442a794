from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from roost_shared.bundle.manifest import (
    ArrayPayload,
    BundleDraft,
    DriftSpec,
    ImagePayload,
    LabelAgreement,
    NoConfidence,
    OutputSpec,
    PhiName,
    Preprocessing,
    RuntimeNeeds,
    Stage,
    TensorSpec,
    check_config,
)
from roost_shared.phi.choice import ChosenPhi, choose_phi

PICTURE = TensorSpec(name="picture", dtype="uint8", shape=(1, 16, 16, 3))
STATE = TensorSpec(name="state", dtype="float32", shape=(1, 2))
FEATURES = TensorSpec(name="features", dtype="float32", shape=(1, 32))
SCORES = TensorSpec(name="scores", dtype="float32", shape=(1, 2))
IMAGE = ImagePayload(input="picture", width=16, height=16)


def stage(name: Any, digit: str, inputs: tuple[TensorSpec, ...], output: TensorSpec) -> Stage:
    digest = "sha256:" + digit * 64
    return Stage(name=name, format="tflite", digest=digest, size_bytes=1, inputs=inputs, outputs=(output,))


def bundle(*, base: str = "a", head: str = "b", payload: Any = IMAGE, phi: PhiName | None = None) -> BundleDraft:
    """A base and a head."""
    return BundleDraft(
        name="photos",
        version="1",
        task="photos",
        stages=(stage("base", base, (STATE, PICTURE), FEATURES), stage("head", head, (FEATURES,), SCORES)),
        preprocessing=Preprocessing(payload=payload, injected={"state": "state"}),
        labels=("yes", "no"),
        output=OutputSpec(kind="classification"),
        confidence=NoConfidence(),
        agreement=LabelAgreement(),
        runtime=RuntimeNeeds(runtimes=("litert",), ram_bytes=1),
        drift=None if phi is None else DriftSpec(phi=phi),
    )


def chosen(config: BundleDraft) -> ChosenPhi:
    assert check_config(config) is None
    phi = choose_phi(config, "tflite")
    assert phi is not None
    return phi


ARRAY = ArrayPayload(input="picture")


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (bundle(), "image"),
        (bundle(payload=ARRAY), "tensor"),
        (bundle(phi="tensor"), "tensor"),
        (bundle(phi="embedding"), "embedding"),
        (bundle(payload=ARRAY, phi="embedding"), "embedding"),
    ],
)
def test_a_bundle_has_the_phi_it_asks_for_or_that_of_its_payload(config: BundleDraft, name: str) -> None:
    assert chosen(config).kind.name == name


def test_a_bundle_can_go_without() -> None:
    assert choose_phi(bundle(phi="none"), "tflite") is None


@pytest.mark.parametrize("phi", [None, "tensor", "embedding"])
def test_it_is_measured_on_the_tensor_that_the_payload_feeds_or_on_what_the_base_gives(phi: PhiName | None) -> None:
    prepared: list[NDArray[Any]] = [np.full((1, 2), 9, np.float32), np.full((1, 16, 16, 3), 51, np.uint8)]
    features = [np.full((1, 32), 3, np.float32)]
    values = chosen(bundle(phi=phi)).of(prepared, features)
    assert {type(value) for value in values} == {float}, "they travel"
    assert len(values) == len(chosen(bundle(phi=phi)).kind.statistics)
    assert values[0] == pytest.approx({None: 0.2, "tensor": 51, "embedding": 3}[phi])


def test_a_refined_head_and_another_scale_go_on_with_the_same_baseline_and_another_size_does_not() -> None:
    source = chosen(bundle()).source
    assert chosen(bundle(head="c")).source == source
    assert chosen(bundle(base="c")).source == source
    assert chosen(bundle(payload=replace(IMAGE, scale=(0.5,)))).source == source
    assert chosen(bundle(payload=replace(IMAGE, fit="crop"))).source != source
    assert chosen(bundle(payload=replace(IMAGE, colour="BGR"))).source != source


def test_an_embedding_s_baseline_is_its_base_s() -> None:
    source = chosen(bundle(phi="embedding")).source
    assert chosen(bundle(head="c", phi="embedding")).source == source
    assert chosen(bundle(base="c", phi="embedding")).source != source


def test_a_tensor_s_baseline_is_that_of_its_units() -> None:
    source = chosen(bundle(payload=ARRAY)).source
    assert chosen(bundle(payload=ARRAY, head="c")).source == source
    assert chosen(bundle(payload=replace(ARRAY, scale=2.0))).source != source


def test_what_cannot_be_measured_is_refused_with_the_bundle() -> None:
    assert "is image" in str(check_config(bundle(payload=ARRAY, phi="image")))
    whole = replace(bundle(phi="embedding"), stages=(stage("model", "a", (STATE, PICTURE), SCORES),))
    assert "is embedding" in str(check_config(whole))
