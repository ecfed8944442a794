"""Training jobs whose outcome can be foreseen: points around corners, which move when the world changes."""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from roost_cloud.training.job import TrainingExample, TrainingJob, incumbent_of, input_of, job_path
from roost_cloud.training.progress import TrainingCancelledError
from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.manifest import StageName
from roost_shared.onnx.dense import write_dense_onnx
from roost_shared.tflite.dense import DenseLayer, write_dense

__all__ = ["LABELS", "Told", "points", "training_job", "write_incumbent"]

LABELS = ("north", "east", "south")
CORNERS = np.array([[0.0, 2.0], [2.0, 0.0], [0.0, -2.0], [-2.0, 0.0]])  # the last one of a label that may be added
MOVED = np.array([0.9, 1.2])  # by which the world changes


class Told:
    """A progress that remembers, and cancels at a step if it shall."""

    def __init__(self, cancel_at: int | None = None) -> None:
        self.metrics: dict[str, float] = {}
        self.logs: list[str] = []
        self.steps: list[tuple[int, int, str]] = []
        self._cancel_at = cancel_at

    def step(self, done: int, total: int, what: str) -> None:
        self.steps.append((done, total, what))
        if self._cancel_at is not None and len(self.steps) > self._cancel_at:
            raise TrainingCancelledError

    def metric(self, name: str, value: float) -> None:
        self.metrics[name] = value

    def log(self, text: str) -> None:
        self.logs.append(text)


def _base() -> DenseLayer:
    """Two coordinates to eight features: how far a point lies in each direction."""
    angles = np.arange(8) * np.pi / 4
    return DenseLayer(np.stack([np.sin(angles), np.cos(angles)]), np.full(8, 0.3), "relu")


def write_incumbent(
    folder: Path, *, tflite: bool = True, onnx: bool = False, whole: bool = False, gain: float = 1.0
) -> None:
    """A bundle that reads points of the old world rightly; `gain` is how sure it is."""
    base = _base()
    aims = np.maximum(CORNERS[:3] @ base.weights + base.bias, 0)
    head = DenseLayer(gain * aims.T, -gain * (aims**2).sum(axis=1) / 2, "softmax")
    parts = {"base": [base], "head": [head]} if not whole else {"model": [base, head]}
    shapes = {"base": (1, 2), "head": (1, 8), "model": (1, 2)}
    files: dict[StageName, bytes | Path] = {}
    twins: dict[StageName, bytes | Path] = {}
    for name, layers in parts.items():
        stage: StageName = name  # type: ignore[assignment]  # these are the stages' names
        files[stage] = write_dense(layers, input_shape=shapes[name])
        twins[stage] = write_dense_onnx(layers, input_shape=shapes[name])
    build_bundle(
        files if tflite else {}, folder, onnx=twins if onnx else None, name="corners", version="1", labels=LABELS
    )


def points(number: int, *, moved: bool, seed: int, labels: int = 3) -> list[tuple[bytes, str]]:
    """Payloads, `.npy` of two coordinates, with what they are."""
    random = np.random.default_rng(seed)
    found = []
    for place in range(number):
        corner = place % labels
        point = CORNERS[corner] + random.normal(0, 0.45, 2) + (MOVED if moved else 0)
        file = io.BytesIO()
        np.save(file, point[np.newaxis].astype(np.float32))
        found.append((file.getvalue(), (*LABELS, "west")[corner]))
    return found


def training_job(
    folder: Path,
    *,
    new: Sequence[tuple[bytes, str | None]],
    old: Sequence[tuple[bytes, str]] = (),
    labels: Sequence[str] = LABELS,
    media_type: str = "application/x-npy",
    **fields: Any,
) -> TrainingJob:
    """Write a job's folder, but for its incumbent if there is one already; and return what is in `job.json`."""
    if not incumbent_of(folder).exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_incumbent(incumbent_of(folder))
    examples = []
    for world, inputs in (("new", new), ("old", old)):
        for number, (payload, label) in enumerate(inputs):
            sha256 = hashlib.sha256(payload).hexdigest()
            path = input_of(folder, sha256)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(payload)
            examples.append(
                TrainingExample(
                    key=f"{world}/{number}",
                    sha256=sha256,
                    media_type=media_type,
                    label=label,
                    world=world,  # type: ignore[arg-type]  # one of the two
                    part="validation" if number % 5 == 4 else "train",
                )
            )
    job = TrainingJob(
        run="run-1",
        task="corners",
        name="corners",
        version="2",
        labels=tuple(labels),
        snapshot="sha256:" + "0" * 64,
        examples=tuple(examples),
        **fields,
    )
    job_path(folder).write_bytes(msgspec.json.encode(job))
    return job
