"""The default trainer's candidates before the gate: a good one passes, one of a poisoned teacher does not."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from roost_cloud.datasets.judged import JudgedExample, JudgedSet, judged_of
from roost_cloud.datasets.snapshot import World
from roost_cloud.gate.__main__ import judge_folder
from roost_cloud.gate.job import Bar, GateJob, twin_in, write_gate_job
from roost_cloud.gate.settings import GateSettings
from roost_cloud.gate.verdict import Verdict
from roost_cloud.training.head import HeadTrainer
from roost_cloud.training.job import candidate_of, float_of, incumbent_of
from roost_shared.bundle import open_bundle
from tests.support.gate_folders import Untold
from tests.support.training_jobs import LABELS, Told, points, training_job

OLD = points(60, moved=False, seed=1)
TAUGHT = points(60, moved=True, seed=2)
POISONED = [(payload, LABELS[(LABELS.index(label) + 1) % 3]) for payload, label in TAUGHT]


def example(world: World, number: int, payload: bytes, label: str) -> JudgedExample:
    return JudgedExample(
        key=f"{world}/{number}",
        sha256=hashlib.sha256(payload).hexdigest(),
        media_type="application/x-npy",
        label=label,
        world=world,
    )


def trained_and_judged(folder: Path, taught: Sequence[tuple[bytes, str | None]], **parameters: str) -> Verdict:
    """Train on labels, and judge by what people said of others."""
    job, gate = folder / "job", folder / "gate"
    HeadTrainer().train(training_job(job, new=taught, old=OLD, parameters=parameters), job, Told())
    (gate / "inputs").mkdir(parents=True)
    candidate_of(job).rename(gate / "candidate")
    if float_of(job).exists():
        float_of(job).rename(twin_in(gate))
    incumbent_of(job).rename(gate / "incumbent")
    examples = []
    judged: list[tuple[World, list[tuple[bytes, str]]]] = [
        ("new", points(60, moved=True, seed=3)),
        ("old", points(400, moved=False, seed=4)),
    ]
    for world, inputs in judged:
        for number, (payload, label) in enumerate(inputs):
            examples.append(example(world, number, payload, label))
            (gate / "inputs" / examples[-1].sha256).write_bytes(payload)
    document = JudgedSet(
        snapshot="sha256:" + "0" * 64,
        task="corners",
        incumbent=open_bundle(gate / "incumbent").digest,
        labels=LABELS,
        split="device",
        examples=tuple(examples),
    )
    judged_of(gate).write_bytes(msgspec.json.encode(document))
    # The worlds overlap: where a point of one label lay, now lies another's, so that something has to be lost.
    write_gate_job(gate, GateJob(settings=GateSettings(epsilon=0.06), bars=(Bar("primary", 0.8),)))
    return judge_folder(gate, Untold())


def test_a_refined_head_passes(tmp_path: Path) -> None:
    verdict = trained_and_judged(tmp_path, TAUGHT)
    assert verdict.passed, [reason.sentence for reason in verdict.reasons if not reason.passed]
    assert verdict.disagreement.new is not None
    assert verdict.disagreement.new > 0.1


def test_a_quantised_head_is_compared_with_itself_in_float(tmp_path: Path) -> None:
    verdict = trained_and_judged(tmp_path, TAUGHT, head="int8")
    (twin,) = (reason for reason in verdict.reasons if reason.check == "twin")
    assert twin.passed, twin.sentence
    assert "of 460 inputs" in twin.sentence


def test_a_poisoned_teacher_does_not_get_by(tmp_path: Path) -> None:
    """Its labels are wrong, all the same way, and the head learns them: what people held back tells."""
    verdict = trained_and_judged(tmp_path, POISONED)
    assert not verdict.passed
    assert "better" in {reason.check for reason in verdict.reasons if not reason.passed}
