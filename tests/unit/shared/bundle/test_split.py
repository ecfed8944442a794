from pathlib import Path

import msgspec
import numpy as np
import pytest

from roost_shared.bundle import Bundle, BundleExistsError, open_bundle
from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.examples import evenly, read_examples
from roost_shared.bundle.golden import GoldenMismatchError
from roost_shared.bundle.manifest import Stage
from roost_shared.bundle.spec import BuildSpec
from roost_shared.bundle.split import split_bundle
from roost_shared.bundle.writer import write_bundle
from roost_shared.digest import digest_of
from roost_shared.errors import ConfigError
from roost_shared.pipeline import Pipeline
from roost_shared.tflite.dense import DenseLayer, write_dense
from roost_shared.tflite.split import Halves, SplitError, split_tflite
from tests.support.shared_data import METER_LABELS, SHARED_DATA, needs_shared_data
from tests.support.tflite_files import frozen_base_model
from tests.support.tiny_bundle import COLOURS, colour_model, tiny_bundle


@pytest.fixture
def whole(tmp_path: Path) -> Bundle:
    return tiny_bundle(tmp_path / "whole", model=frozen_base_model(), task="light")


def test_the_two_stages_keep_every_promise_of_the_one(tmp_path: Path, whole: Bundle) -> None:
    split = split_bundle(whole, tmp_path / "split").bundle
    assert [stage.name for stage in split.config.stages] == ["base", "head"]
    assert (split.config.version, split.config.parent) == ("1-split", whole.digest)
    changed = {"stages", "version", "parent", "runtime"}
    for field in set(whole.config.__struct_fields__) - changed:
        assert getattr(split.config, field) == getattr(whole.config, field), field
    assert split.config.runtime.ram_bytes > sum(stage.size_bytes for stage in split.config.stages)
    pipeline = Pipeline.load(open_bundle(split.folder))
    pipeline.check_golden()
    payload = b"[[[[1,2,3],[4,5,6]],[[7,8,9],[10,11,12]]]]"
    assert pipeline.score(payload) == Pipeline.load(whole).score(payload)


def test_what_was_predicted_of_a_bundle_is_not_said_of_those_made_from_it(tmp_path: Path) -> None:
    spec = BuildSpec(document={"predicted_disagreement": 0.25})
    whole = tiny_bundle(tmp_path / "predicted", model=frozen_base_model(), spec=spec)
    assert open_bundle(whole.folder).config.predicted_disagreement == 0.25
    assert split_bundle(whole, tmp_path / "split").bundle.config.predicted_disagreement is None


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_predicted_or_nothing(tmp_path: Path, share: float) -> None:
    with pytest.raises(ConfigError, match="predicted_disagreement"):
        tiny_bundle(tmp_path / "b", spec=BuildSpec(document={"predicted_disagreement": share}))


def test_bundles_of_one_frozen_base_share_its_blob(tmp_path: Path, whole: Bundle) -> None:
    other = tiny_bundle(tmp_path / "other", model=frozen_base_model(seed=9), version="2")
    one, two = split_bundle(whole, tmp_path / "1").bundle, split_bundle(other, tmp_path / "2").bundle
    assert one.config.stages[0] == two.config.stages[0]
    assert one.config.stages[1].digest != two.config.stages[1].digest


def test_splitting_again_gives_the_same_digest(tmp_path: Path, whole: Bundle) -> None:
    first = split_bundle(whole, tmp_path / "split")
    assert split_bundle(whole, tmp_path / "split").bundle.digest == first.bundle.digest
    with pytest.raises(BundleExistsError):
        split_bundle(whole, tmp_path / "split", version="2")


def test_a_base_and_a_head_are_built_like_a_model(tmp_path: Path, whole: Bundle) -> None:
    halves = split_tflite(frozen_base_model())
    built = build_bundle(
        {"base": halves.base, "head": halves.head}, tmp_path / "built", name="colours", version="1", labels=COLOURS
    ).bundle
    assert built.config.stages == split_bundle(whole, tmp_path / "split").bundle.config.stages
    assert built.config.output.values == "probabilities"
    Pipeline.load(built).check_golden()


def test_stages_in_other_formats_stay_whole(tmp_path: Path, whole: Bundle) -> None:
    twin = Stage(
        name="model", format="onnx", digest=digest_of(b"twin"), size_bytes=4,
        inputs=whole.config.stages[0].inputs, outputs=whole.config.stages[0].outputs,
    )  # fmt: skip
    config = msgspec.structs.replace(whole.config, stages=(*whole.config.stages, twin))
    blobs = [whole.stage_path("model").read_bytes(), whole.golden_path.read_bytes(), b"twin"]
    both = write_bundle(tmp_path / "both", config, blobs)
    split = split_bundle(both, tmp_path / "split").bundle
    assert [(stage.format, stage.name) for stage in split.config.stages] == [
        ("tflite", "base"),
        ("tflite", "head"),
        ("onnx", "model"),
    ]
    assert split.stage_path("model", "onnx").read_bytes() == b"twin"


def test_what_is_split_already_is_not_split_again(tmp_path: Path, whole: Bundle) -> None:
    split = split_bundle(whole, tmp_path / "split").bundle
    with pytest.raises(SplitError, match="no tflite model in one piece, but tflite base, tflite head"):
        split_bundle(split, tmp_path / "again")


def test_a_refusal_names_the_bundle(tmp_path: Path) -> None:
    model = write_dense([DenseLayer(np.ones((2, 2)), np.zeros(2), "softmax")], input_shape=(1, 2))
    bundle = tiny_bundle(tmp_path / "b", model=model, labels=["off", "on"])
    with pytest.raises(SplitError, match=r"colours:1@sha256:.* cannot be split: nothing comes before"):
        split_bundle(bundle, tmp_path / "split")


@pytest.mark.parametrize("version", ["1", "no version", "x" * 64])
def test_a_version_it_cannot_have_is_refused(tmp_path: Path, whole: Bundle, version: str) -> None:
    with pytest.raises(ConfigError, match="--version"):
        split_bundle(whole, tmp_path / "split", version=version)
    assert not (tmp_path / "split").exists()


def test_a_long_version_leaves_room_for_what_was_done(tmp_path: Path) -> None:
    whole = tiny_bundle(tmp_path / "whole", model=frozen_base_model(), version="7" * 63)
    split = split_bundle(whole, tmp_path / "split").bundle
    assert split.config.version == "7" * 57 + "-split"


def test_halves_that_deviate_are_no_bundle(tmp_path: Path, whole: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    mixed = Halves(split_tflite(frozen_base_model()).base, split_tflite(frozen_base_model(seed=9)).head)
    monkeypatch.setattr("roost_shared.bundle.split.split_tflite", lambda _: mixed)
    with pytest.raises(GoldenMismatchError):
        split_bundle(whole, tmp_path / "split")
    assert not (tmp_path / "split").exists()


def test_an_even_simpler_model_splits_at_its_flattening(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "b", model=colour_model())
    assert split_bundle(bundle, tmp_path / "split").base.outputs[0].shape == (1, 48)


@needs_shared_data
@pytest.mark.parametrize("name", ["meter-digits_1900_int8", "meter-digits_2000_float"])
def test_a_split_meter_bundle_scores_the_photos_alike(tmp_path: Path, name: str) -> None:
    path = SHARED_DATA / "models" / f"{name}.tflite"
    whole = build_bundle({"model": path}, tmp_path / "b", name="meter", version="7", labels=METER_LABELS).bundle
    split = split_bundle(whole, tmp_path / "split").bundle
    before, after = Pipeline.load(whole), Pipeline.load(split)
    examples = evenly(read_examples(SHARED_DATA / "meter-digits", METER_LABELS), 300)
    payloads = [example.path.read_bytes() for example in examples]
    deviations = [np.abs(before.outputs(one)[0] - after.outputs(one)[0]).max() for one in payloads]
    assert max(deviations) == 0
