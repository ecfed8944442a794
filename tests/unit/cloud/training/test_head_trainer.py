import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roost_cloud.training.errors import TrainingError
from roost_cloud.training.head import HeadTrainer
from roost_cloud.training.job import TrainingJob, cache_of, candidate_of, float_of, incumbent_of
from roost_cloud.training.progress import TrainingCancelledError
from roost_shared.bundle import Bundle, open_bundle
from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.manifest import SoftmaxConfidence
from roost_shared.pipeline import Pipeline
from roost_shared.runtime_settings import RuntimeSettings
from tests.support.shared_data import METER_LABELS, SHARED_DATA, needs_shared_data
from tests.support.training_jobs import LABELS, Told, points, training_job, write_incumbent


def train(job: TrainingJob, folder: Path) -> tuple[Bundle, Told]:
    told = Told()
    HeadTrainer().train(job, folder, told)
    return open_bundle(candidate_of(folder)), told


def accuracy(bundle: Bundle, *, moved: bool, labels: int = 3, runtime: RuntimeSettings | None = None) -> float:
    pipeline = Pipeline.load(bundle, runtime or RuntimeSettings())
    tested = points(150, moved=moved, seed=11, labels=labels)
    return sum(pipeline.score(payload).label == label for payload, label in tested) / len(tested)


def changed(folder: Path, **fields: Any) -> TrainingJob:
    new = points(20, moved=True, seed=1)
    return training_job(folder, new=new, old=points(40, moved=False, seed=2), **fields)


def test_a_refitted_head_reads_the_changed_world_better_and_the_old_one_nearly_as_well(tmp_path: Path) -> None:
    job = changed(tmp_path)
    candidate, told = train(job, tmp_path)
    incumbent = open_bundle(incumbent_of(tmp_path))
    assert accuracy(candidate, moved=True) >= accuracy(incumbent, moved=True) + 0.1
    assert accuracy(candidate, moved=False) >= accuracy(incumbent, moved=False) - 0.05
    assert told.metrics["loss.left_out"] < told.metrics["loss.incumbent"]
    assert told.metrics["calibration_error.after"] < told.metrics["calibration_error.before"]
    assert told.steps[-1] == (2, 2, "writing the bundle")


def test_the_candidate_is_a_whole_bundle_that_shares_the_incumbent_s_base(tmp_path: Path) -> None:
    candidate, _ = train(changed(tmp_path), tmp_path)
    incumbent, config = open_bundle(incumbent_of(tmp_path)), candidate.config
    pipeline = Pipeline.load(candidate)
    pipeline.check_golden()
    assert Pipeline.load(incumbent, base=pipeline.base).base is pipeline.base
    assert (config.name, config.version, config.task) == ("corners", "2", "corners")
    assert (config.parent, config.training_run) == (incumbent.digest, "run-1")
    assert config.evaluation is not None
    assert config.evaluation.samples == 20
    assert config.predicted_disagreement is not None
    assert 0.05 < config.predicted_disagreement < 0.6
    assert config.drift_reference is not None
    assert config.drift_reference["count"] == 20
    assert not float_of(tmp_path).exists()


def test_the_same_job_gives_the_same_digest_with_and_without_a_cache(tmp_path: Path) -> None:
    job = changed(tmp_path, parameters={"head": "int8"})
    first, _ = train(job, tmp_path)
    digests = [first.digest]
    for cache in ("kept", "spoilt"):
        shutil.rmtree(candidate_of(tmp_path))
        shutil.rmtree(float_of(tmp_path))
        (file,) = cache_of(tmp_path).iterdir()
        if cache == "spoilt":
            file.write_bytes(file.read_bytes()[:100])
        digests.append(train(job, tmp_path)[0].digest)
    assert digests == [first.digest] * 3


def test_an_int8_head_agrees_with_the_same_in_float(tmp_path: Path) -> None:
    candidate, _ = train(changed(tmp_path, parameters={"head": "int8"}), tmp_path)
    real = open_bundle(float_of(tmp_path))
    assert candidate.config.stages[0] == real.config.stages[0]
    assert candidate.stage_path("head").read_bytes() != real.stage_path("head").read_bytes()
    assert accuracy(candidate, moved=True) == pytest.approx(accuracy(real, moved=True), abs=0.02)


def test_a_model_in_one_piece_is_split_and_its_onnx_twin_refitted_too(tmp_path: Path) -> None:
    write_incumbent(incumbent_of(tmp_path), onnx=True, whole=True)
    candidate, _ = train(changed(tmp_path), tmp_path)
    stages = [(stage.format, stage.name) for stage in candidate.config.stages]
    assert stages == [("tflite", "base"), ("tflite", "head"), ("onnx", "base"), ("onnx", "head")]
    onnx = accuracy(candidate, moved=True, runtime=RuntimeSettings(name="onnxruntime"))
    assert onnx == accuracy(candidate, moved=True)


def test_an_incumbent_in_onnx_alone_gets_a_head_in_onnx(tmp_path: Path) -> None:
    write_incumbent(incumbent_of(tmp_path), onnx=True, tflite=False)
    candidate, _ = train(changed(tmp_path), tmp_path)
    assert [(stage.format, stage.name) for stage in candidate.config.stages] == [("onnx", "base"), ("onnx", "head")]
    assert accuracy(candidate, moved=True) >= accuracy(open_bundle(incumbent_of(tmp_path)), moved=True) + 0.1
    with pytest.raises(TrainingError, match="only such a head can be int8"):
        train(changed(tmp_path, parameters={"head": "int8"}), tmp_path)


def test_a_new_label_joins_the_label_space(tmp_path: Path) -> None:
    new = points(32, moved=False, seed=1, labels=4)
    job = training_job(tmp_path, new=new, old=points(40, moved=False, seed=2), labels=(*LABELS, "west"))
    candidate, _ = train(job, tmp_path)
    assert candidate.config.labels == (*LABELS, "west")
    assert accuracy(candidate, moved=False, labels=4) > 0.9


def test_where_labels_teach_nothing_the_incumbent_s_weights_stay(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    guesses = [(payload, str(random.choice(LABELS))) for payload, _ in points(20, moved=False, seed=1)]
    candidate, told = train(training_job(tmp_path, new=guesses, old=points(40, moved=False, seed=2)), tmp_path)
    assert any("its weights stay" in line for line in told.logs)
    assert candidate.config.predicted_disagreement == 0


def test_unlabelled_inputs_are_measured_and_used_only_where_they_help(tmp_path: Path) -> None:
    new = [*points(20, moved=True, seed=1), *((payload, None) for payload, _ in points(30, moved=True, seed=3))]
    _, told = train(training_job(tmp_path, new=new, old=points(40, moved=False, seed=2)), tmp_path)
    (line,) = (line for line in told.logs if line.startswith("self-training on 30 unlabelled inputs"))
    assert line.endswith("is left out: it does not help for certain") or told.metrics["self_training.gain"] > 0


def test_a_cancelled_job_leaves_no_candidate(tmp_path: Path) -> None:
    job = changed(tmp_path)
    for steps in (0, 70, 200):
        with pytest.raises(TrainingCancelledError):
            HeadTrainer().train(job, tmp_path, Told(cancel_at=steps))
        assert not candidate_of(tmp_path).exists()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        pytest.param({"labels": ("east", "north", "south")}, "are not the incumbent's", id="another order"),
        pytest.param({"labels": LABELS[:2]}, "are not the incumbent's", id="a label less"),
        pytest.param({"labels": (*LABELS, "up")}, "no example shows the new label up", id="an empty label"),
        pytest.param({"parameters": {"penalti": 1}}, "penalti", id="a parameter that means nothing"),
        pytest.param({"parameters": {"penalty": -1}}, "penalty", id="a value that cannot be"),
    ],
)
def test_a_job_that_makes_no_sense_is_refused(tmp_path: Path, fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(TrainingError, match=problem):
        train(changed(tmp_path, **fields), tmp_path)
    assert not candidate_of(tmp_path).exists()


def test_inputs_that_are_not_what_they_are_called_are_refused(tmp_path: Path) -> None:
    job = changed(tmp_path)
    next((tmp_path / "inputs").iterdir()).write_bytes(b"other bytes")
    with pytest.raises(TrainingError, match="other bytes"):
        train(job, tmp_path)


def test_a_few_inputs_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    beyond = io.BytesIO()
    np.save(beyond, np.full((1, 2), 3e38, np.float32))  # what the base makes of it is infinite
    new = [*points(20, moved=True, seed=1), (b"no array", "north"), (beyond.getvalue(), "north")]
    job = training_job(tmp_path, new=new, old=points(40, moved=False, seed=2))
    candidate, told = train(job, tmp_path)
    assert candidate.config.evaluation is not None
    assert candidate.config.evaluation.samples == 20
    assert any("does not start like one" in line for line in told.logs)
    assert any("infinite or not a number" in line for line in told.logs)


def test_nothing_labelled_is_nothing_to_learn(tmp_path: Path) -> None:
    new = [(payload, None) for payload, _ in points(20, moved=True, seed=1)]
    with pytest.raises(TrainingError, match="nothing of the new world is labelled"):
        train(training_job(tmp_path, new=new, old=points(40, moved=False, seed=2)), tmp_path)


def test_the_temperature_is_fitted(tmp_path: Path) -> None:
    write_incumbent(incumbent_of(tmp_path), gain=5)  # far too sure
    candidate, told = train(changed(tmp_path), tmp_path)
    assert isinstance(candidate.config.confidence, SoftmaxConfidence)
    assert candidate.config.confidence.temperature == pytest.approx(told.metrics["temperature"], rel=1e-3)
    assert told.metrics["calibration_error.after"] < told.metrics["calibration_error.before"]


@needs_shared_data
def test_the_quantised_model_that_reads_real_meters_keeps_its_base_and_gets_an_int8_head(tmp_path: Path) -> None:
    model = SHARED_DATA / "models/meter-digits_1900_int8.tflite"
    build_bundle({"model": model}, incumbent_of(tmp_path), name="corners", version="1", labels=METER_LABELS)
    paths = sorted((SHARED_DATA / "meter-digits").glob("*/*.jpg"), key=lambda path: (path.name, path.parent.name))[::8]
    photos = [(path.read_bytes(), path.parent.name) for path in paths]
    job = training_job(tmp_path, new=photos[:30], old=photos[30:80], labels=METER_LABELS, media_type="image/jpeg")
    candidate, _ = train(job, tmp_path)
    base, head = candidate.config.stages
    assert base.outputs[0].dtype == head.inputs[0].dtype == "int8"
    assert head.size_bytes < base.size_bytes / 10
    whole, real, incumbent = (
        Pipeline.load(open_bundle(folder))
        for folder in (candidate_of(tmp_path), float_of(tmp_path), incumbent_of(tmp_path))
    )
    says = [[pipeline.score(payload).label for payload, _ in photos[80:]] for pipeline in (whole, real, incumbent)]
    truth = [label for _, label in photos[80:]]
    assert np.mean(np.array(says[0]) == says[1]) > 0.95
    assert np.mean(np.array(says[0]) == truth) >= np.mean(np.array(says[2]) == truth) - 0.03
