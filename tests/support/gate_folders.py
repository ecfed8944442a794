"""A gate's folder whose verdict is plain: numbers that are `low` or `high`, and models that part them at a threshold.

The incumbent parts them at 0. What it is good at (`old`) lies at ±1 and beyond. Where the world changed (`new`) all
lies higher: what lies below 0.5 is low.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from roost_cloud.datasets.judged import JudgedExample, JudgedSet, judged_of
from roost_cloud.datasets.snapshot import World
from roost_cloud.gate.job import GateJob, candidate_in, incumbent_in, write_gate_job
from roost_shared.bundle import Bundle
from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.reference import ReferenceSample
from roost_shared.bundle.spec import BuildSpec
from roost_shared.digest import digest_of
from roost_shared.tflite.dense import DenseLayer, write_dense

__all__ = ["LABELS", "SNAPSHOT", "Untold", "gate_folder", "judged_inputs", "threshold_bundle"]

LABELS = ("low", "high")
SNAPSHOT = digest_of(b"a snapshot")


class Untold:
    """Progress that nobody hears."""

    def step(self, done: int, total: int, what: str) -> None:
        """Nothing."""

    def metric(self, name: str, value: float) -> None:
        """Nothing."""

    def log(self, text: str) -> None:
        """Nothing."""


def threshold_bundle(
    folder: Path,
    threshold: float,
    *,
    slope: float = 8.0,
    labels: tuple[str, ...] = LABELS,
    version: str = "1",
    reference: Sequence[ReferenceSample] = (),
    **said: Any,
) -> Bundle:
    """A model that says `high` above the threshold, the surer the further from it and the steeper its slope.

    Args:
        folder: to write.
        threshold: where the two part.
        slope: of the logits.
        labels: the first two are the low and the high; more are never said.
        version: of the bundle.
        reference: its reference set.
        said: more of its document.
    """
    rest = len(labels) - 2
    weights = np.array([[-slope, slope, *[0.0] * rest]])
    bias = np.array([slope * threshold, -slope * threshold, *[-1000.0] * rest])
    model = write_dense([DenseLayer(weights, bias, "softmax")], input_shape=(1, 1))
    spec = BuildSpec(document=said)
    named: dict[str, Any] = {"name": "levels", "version": version, "labels": labels, "task": "level"}
    return build_bundle({"model": model}, folder, **named, spec=spec, reference=reference).bundle


def judged_inputs(world: World, values: Iterable[float], threshold: float) -> list[tuple[JudgedExample, bytes]]:
    """Inputs, labelled by a threshold."""
    made = []
    for number, value in enumerate(values):
        payload = json.dumps([[round(value, 6)]]).encode()
        example = JudgedExample(
            key=f"{world}/{number}",
            sha256=hashlib.sha256(payload).hexdigest(),
            media_type="application/json",
            label=LABELS[int(value > threshold)],
            device=f"cam-{number % 4}" if world == "new" else "",
            world=world,
        )
        made.append((example, payload))
    return made


def gate_folder(
    folder: Path,
    *,
    candidate: dict[str, Any] | None = None,
    new: int = 40,
    old: int = 200,
    job: GateJob | None = None,
    reference: Sequence[ReferenceSample] = (),
    **changed: Any,
) -> Path:
    """A gate's folder with a candidate that parts the new world rightly; `candidate` says otherwise.

    Args:
        folder: to make.
        candidate: arguments of `threshold_bundle`; None makes it right.
        new: inputs of the changed world, a third of which the incumbent gets wrong.
        old: reference inputs.
        job: how to judge.
        reference: the incumbent's reference set, as its document names it.
        changed: fields of `judged.json`.
    """
    incumbent = threshold_bundle(incumbent_in(folder), 0.0, reference=reference)
    if incumbent.reference_set_path is not None:
        incumbent.reference_set_path.unlink()  # as it is brought to where trainers and gates work
    asked = {"threshold": 0.5, "version": "2", "parent": incumbent.digest, "training_run": "run-1"}
    threshold_bundle(candidate_in(folder), **{**asked, **(candidate or {})})
    values = np.linspace(-0.4, 1.6, new).tolist()
    inputs = judged_inputs("new", values, 0.5)
    inputs += judged_inputs("old", (side * (1 + place / 100) for place in range(old // 2) for side in (-1, 1)), 0.0)
    (folder / "inputs").mkdir()
    for example, payload in inputs:
        (folder / "inputs" / example.sha256).write_bytes(payload)
    judged = JudgedSet(
        snapshot=SNAPSHOT,
        task="level",
        incumbent=incumbent.digest,
        labels=LABELS,
        split="device",
        examples=tuple(example for example, _ in inputs),
    )
    judged_of(folder).write_bytes(msgspec.json.encode(msgspec.structs.replace(judged, **changed)))
    if job is not None:
        write_gate_job(folder, job)
    return folder
