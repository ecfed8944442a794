"""The gate on real bundles: what passes, what each bad candidate is refused for, and what it writes."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from roost_cloud.datasets.judged import JudgedSet, judged_of
from roost_cloud.gate.__main__ import judge_folder
from roost_cloud.gate.errors import GateError
from roost_cloud.gate.job import Bar, GateJob, candidate_in, incumbent_in, read_gate_job, twin_in, verdict_in
from roost_cloud.gate.settings import GateSettings
from roost_cloud.gate.verdict import Verdict
from roost_shared.bundle import open_bundle
from roost_shared.bundle.layout import blob_path
from roost_shared.tflite.dense import DenseLayer, write_dense
from tests.support.bundles import with_another_model
from tests.support.gate_folders import LABELS, Untold, gate_folder, threshold_bundle
from tests.support.reference_sets import reference_of

BARS = GateJob(bars=(Bar("primary", 0.8),))


def judged(tmp_path: Path, **options: Any) -> Verdict:
    return judge_folder(gate_folder(tmp_path, **options), Untold())


def refused(verdict: Verdict) -> dict[str, str]:
    """Sentences of the checks that failed."""
    assert not verdict.passed
    return {reason.check: reason.sentence for reason in verdict.reasons if not reason.passed}


def test_a_better_candidate_passes_and_says_what_was_found(tmp_path: Path) -> None:
    gate_folder(tmp_path, job=BARS)
    before = open_bundle(candidate_in(tmp_path))
    verdict = judge_folder(tmp_path, Untold())
    assert verdict.passed
    after = open_bundle(candidate_in(tmp_path))
    assert verdict.candidate == after.digest != before.digest
    assert (after.config.name, after.config.version) == ("levels", "2")
    assert (after.config.parent, after.config.training_run) == (before.config.parent, "run-1")
    assert after.config.predicted_disagreement == verdict.disagreement.new == 0.25
    assert after.config.evaluation is not None
    assert (after.config.evaluation.samples, after.config.evaluation.accuracy) == (40, 1.0)
    assert msgspec.json.decode(verdict_in(tmp_path).read_bytes(), type=Verdict) == verdict
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "candidate", "gate.json", "incumbent", "inputs", "judged.json", "verdict.json",
    ]  # fmt: skip


def test_the_same_candidate_is_the_same_bundle_after_the_gate(tmp_path: Path) -> None:
    digests = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        digests.add(judged(tmp_path / name).candidate)
    assert len(digests) == 1


def test_a_refused_candidate_stays_as_it_was(tmp_path: Path) -> None:
    gate_folder(tmp_path, candidate={"threshold": 0.0})
    before = open_bundle(candidate_in(tmp_path)).digest
    verdict = judge_folder(tmp_path, Untold())
    assert "it is no better" in refused(verdict)["better"]
    assert verdict.candidate == open_bundle(candidate_in(tmp_path)).digest == before


@pytest.mark.parametrize(
    ("candidate", "checks"),
    [
        pytest.param({"threshold": -0.6}, {"better"}, id="taught the contrary where the world changed"),
        pytest.param({"threshold": 0.5, "slope": -8.0}, {"better", "reference"}, id="poisoned: wrong, and sure of it"),
        pytest.param({"threshold": 1.3}, {"better", "reference"}, id="forgets what it knew"),
        pytest.param({"parent": None}, {"parent"}, id="of another parent"),
        pytest.param({"labels": ("high", "low")}, {"labels", "better", "reference"}, id="labels in another order"),
        pytest.param({"labels": ("low", "mid", "high")}, {"labels", "better", "reference"}, id="another label space"),
        pytest.param({"confidence": {"kind": "none"}}, {"bars"}, id="no confidence any more"),
    ],
)
def test_a_bad_candidate_is_refused_for_what_it_is(
    tmp_path: Path, candidate: dict[str, Any], checks: set[str]
) -> None:
    assert refused(judged(tmp_path, candidate=candidate, job=BARS)).keys() == checks


def test_a_new_label_may_join(tmp_path: Path) -> None:
    labels = (*LABELS, "broken")
    assert judged(tmp_path / "given", candidate={"labels": labels}, labels=labels).passed
    assert refused(judged(tmp_path / "invented", candidate={"labels": labels})).keys() == {"labels"}


def test_a_model_that_gives_no_numbers_is_refused_for_that(tmp_path: Path) -> None:
    gate_folder(tmp_path)
    candidate = open_bundle(candidate_in(tmp_path))
    bad = write_dense([DenseLayer(np.array([[np.nan, 1.0]]), np.zeros(2), "softmax")], input_shape=(1, 1))
    with_another_model(candidate, bad, tmp_path / "bad")
    shutil.rmtree(candidate.folder)
    (tmp_path / "bad").rename(candidate.folder)
    reasons = refused(judge_folder(tmp_path, Untold()))
    assert "240 of 240 inputs" in reasons["outputs"]
    assert "golden" in reasons


def test_what_cannot_be_loaded_is_refused(tmp_path: Path) -> None:
    gate_folder(tmp_path)
    candidate = open_bundle(candidate_in(tmp_path))
    with_another_model(candidate, b"no model", tmp_path / "bad")
    shutil.rmtree(candidate.folder)
    (tmp_path / "bad").rename(candidate.folder)
    assert refused(judge_folder(tmp_path, Untold())).keys() == {"bundle"}


def test_no_bundle_at_all_is_refused(tmp_path: Path) -> None:
    gate_folder(tmp_path)
    shutil.rmtree(candidate_in(tmp_path))
    verdict = judge_folder(tmp_path, Untold())
    assert refused(verdict).keys() == {"bundle"}
    assert verdict.candidate == ""


@pytest.mark.parametrize(("threshold", "passed"), [(0.5, True), (0.9, False)])
def test_the_candidate_is_compared_with_itself_in_float(tmp_path: Path, threshold: float, passed: bool) -> None:  # noqa: FBT001
    gate_folder(tmp_path)
    threshold_bundle(twin_in(tmp_path), threshold, version="2")
    verdict = judge_folder(tmp_path, Untold())
    assert verdict.passed is passed
    if not passed:
        assert refused(verdict).keys() == {"twin"}


def test_inputs_that_neither_reads_are_left_out_and_told(tmp_path: Path) -> None:
    gate_folder(tmp_path)
    document = msgspec.json.decode(judged_of(tmp_path).read_bytes(), type=JudgedSet)
    noise = b"no number"
    sha256 = hashlib.sha256(noise).hexdigest()
    (tmp_path / "inputs" / sha256).write_bytes(noise)
    odd = msgspec.structs.replace(document.examples[0], key="odd", sha256=sha256)
    document = msgspec.structs.replace(document, examples=(odd, *document.examples))
    judged_of(tmp_path).write_bytes(msgspec.json.encode(document))
    verdict = judge_folder(tmp_path, Untold())
    assert verdict.inputs == (40, 200)
    assert "1 that neither can read" in next(one for one in verdict.reasons if one.check == "outputs").sentence


def test_too_few_reference_inputs_are_too_few(tmp_path: Path) -> None:
    assert "40 inputs are too few" in refused(judged(tmp_path, old=40))["reference"]


def test_settings_travel_in_the_folder(tmp_path: Path) -> None:
    job = GateJob(settings=GateSettings(epsilon=0.2, alpha=0.5))
    assert judged(tmp_path, old=40, job=job).passed
    assert read_gate_job(tmp_path) == job


def test_a_candidate_gets_the_incumbents_reference_set_by_name(tmp_path: Path) -> None:
    gate_folder(tmp_path, reference=reference_of("low", "high"))
    incumbent = open_bundle(incumbent_in(tmp_path))
    assert incumbent.config.reference is not None
    assert open_bundle(candidate_in(tmp_path)).config.reference is None
    assert judge_folder(tmp_path, Untold()).passed
    candidate = open_bundle(candidate_in(tmp_path))
    assert candidate.config.reference == incumbent.config.reference
    assert candidate.reference_set_path is None


def test_a_reference_set_of_the_trainers_own_is_not_believed(tmp_path: Path) -> None:
    gate_folder(tmp_path, candidate={"reference": reference_of("low", "high")})
    assert judge_folder(tmp_path, Untold()).passed
    assert open_bundle(candidate_in(tmp_path), whole=True).config.reference is None


def spoil_input(folder: Path) -> None:
    next((folder / "inputs").iterdir()).write_bytes(b"[[1]]")


def lose_input(folder: Path) -> None:
    next((folder / "inputs").iterdir()).unlink()


def lose_incumbent(folder: Path) -> None:
    shutil.rmtree(incumbent_in(folder))


def spoil_incumbent(folder: Path) -> None:
    bundle = open_bundle(incumbent_in(folder))
    path = blob_path(bundle.folder, bundle.config.stages[0].digest)
    path.chmod(0o644)
    path.write_bytes(b"x")


def spoil_document(folder: Path) -> None:
    judged_of(folder).write_bytes(b"[]")


def newer_document(folder: Path) -> None:
    document = msgspec.json.decode(judged_of(folder).read_bytes())
    judged_of(folder).write_bytes(msgspec.json.encode({**document, "schema_version": 99}))


def spoil_job(folder: Path) -> None:
    (folder / "gate.json").write_bytes(b'{"settings": {"alpha": 7}}')


def newer_job(folder: Path) -> None:
    (folder / "gate.json").write_bytes(b'{"schema_version": 99}')


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_input, lose_input, lose_incumbent, spoil_incumbent, spoil_document, newer_document, spoil_job, newer_job,
    ],
)  # fmt: skip
def test_what_cannot_be_judged_by_is_no_refusal(tmp_path: Path, spoil: Any) -> None:
    gate_folder(tmp_path)
    spoil(tmp_path)
    with pytest.raises(GateError):
        judge_folder(tmp_path, Untold())
    assert not verdict_in(tmp_path).exists()


def test_the_snapshot_is_of_that_incumbent(tmp_path: Path) -> None:
    gate_folder(tmp_path, incumbent="sha256:" + 64 * "0")
    with pytest.raises(GateError, match="and the snapshot is of"):
        judge_folder(tmp_path, Untold())
