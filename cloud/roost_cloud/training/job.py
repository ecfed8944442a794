"""What a trainer gets: a folder, whole and checked before it starts.

    {folder}/job.json           TrainingJob
    {folder}/incumbent/         the incumbent's bundle, an OCI image layout
    {folder}/inputs/{sha256}    inputs, byte for byte as their devices received them
    {folder}/candidate/         the candidate's bundle, an OCI image layout: the trainer writes it
    {folder}/float/             where the candidate is quantised: the same before, for comparison
    {folder}/cache/             what this trainer may find again; whoever runs it may keep it from one run to the next

The labels that a candidate is judged by are not among them: they stay with the gate.
"""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

__all__ = [
    "JOB_SCHEMA_VERSION",
    "TrainingExample",
    "TrainingJob",
    "cache_of",
    "candidate_of",
    "float_of",
    "incumbent_of",
    "input_of",
    "job_path",
]

JOB_SCHEMA_VERSION: Final = 1

World = Literal["new", "old"]


class TrainingExample(msgspec.Struct, frozen=True, kw_only=True):
    """An input to learn from.

    Attributes:
        key: names it within the job.
        sha256: hex, of its bytes, by which it lies in `inputs/`.
        media_type: of its bytes.
        label: what it shows; None: nobody said, it is for self-training only.
        weight: of how many inputs like it this one is the survivor: the inverse of its keep probability.
        device: that it came from, by which examples are split; empty: not known.
        world: `new`: since the world changed; `old`: the reference data that the incumbent is good at.
        part: `train`, or `validation` for choosing among settings; the test part is the gate's.
    """

    key: str
    sha256: Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    media_type: str
    label: str | None
    weight: Annotated[float, Meta(gt=0)] = 1.0
    device: str = ""
    world: World
    part: Literal["train", "validation"]


class TrainingJob(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be trained, from what.

    Attributes:
        run: the training run's id.
        task: whose model it is.
        trainer: by whom, the name of an entry point of the group `roost.trainers`.
        name: of the candidate's bundle.
        version: of the candidate's bundle.
        labels: its label space: the incumbent's, in order, then labels that are new.
        seed: of whatever is drawn: the same job gives the same bundle, by digest.
        parameters: the trainer's own, as a person gave them.
        snapshot: digest of the dataset snapshot that the examples are of.
        examples: in the snapshot's order.
    """

    schema_version: int = JOB_SCHEMA_VERSION
    run: str
    task: str
    trainer: str = "head"
    name: str
    version: str
    labels: tuple[str, ...]
    seed: int = 0
    parameters: dict[str, Any] = {}
    snapshot: str
    examples: tuple[TrainingExample, ...]


def job_path(folder: Path) -> Path:
    """Where the job is written down."""
    return folder / "job.json"


def incumbent_of(folder: Path) -> Path:
    """Where the incumbent's bundle lies."""
    return folder / "incumbent"


def candidate_of(folder: Path) -> Path:
    """Where the candidate's bundle is to lie."""
    return folder / "candidate"


def input_of(folder: Path, sha256: str) -> Path:
    """Where an input lies."""
    return folder / "inputs" / sha256


def float_of(folder: Path) -> Path:
    """Where a bundle lies that is the candidate before its weights were quantised; none if they were not."""
    return folder / "float"


def cache_of(folder: Path) -> Path:
    """Where a trainer keeps what its next run of the task may use again, if it is still there then."""
    return folder / "cache"
