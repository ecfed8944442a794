"""What a gate gets: a folder, whole before it starts, and what it leaves there.

{folder}/judged.json        JudgedSet, with {folder}/inputs/{sha256}: `roost_cloud.datasets.judged`
{folder}/gate.json          GateJob; without it: the defaults
{folder}/incumbent/         the incumbent's bundle
{folder}/candidate/         the candidate's bundle; one that passes is written anew, with what was predicted of it
{folder}/float/             the candidate before it was quantised, if it was
{folder}/verdict.json       Verdict: what comes out
"""

from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from roost_cloud.gate.errors import GateError
from roost_cloud.gate.settings import GateSettings
from roost_shared.durable import write_durably
from roost_shared.messages import UNREADABLE

__all__ = [
    "Bar",
    "GateJob",
    "candidate_in",
    "incumbent_in",
    "read_gate_job",
    "twin_in",
    "verdict_in",
    "write_gate_job",
]

_VERSION: Final = 1
_FILE: Final = "gate.json"


class Bar(msgspec.Struct, frozen=True, order=True):
    """A confidence that a rule asks of a contestant that runs the incumbent."""

    contestant: str
    min_confidence: Annotated[float, Meta(ge=0, le=1)]


class GateJob(msgspec.Struct, frozen=True, kw_only=True):
    """How to judge.

    Attributes:
        settings: how strictly.
        bars: what the task's rules ask for.
    """

    schema_version: int = _VERSION
    settings: GateSettings = GateSettings()
    bars: tuple[Bar, ...] = ()


def write_gate_job(folder: Path, job: GateJob) -> None:
    """Write it into a gate's folder.

    Raises:
        OSError: the disk refused.
    """
    write_durably(folder / _FILE, msgspec.json.encode(job))


def read_gate_job(folder: Path) -> GateJob:
    """How to judge in that folder.

    Raises:
        GateError: it cannot be read, or is of a version that this side does not know.
    """
    try:
        job = msgspec.json.decode((folder / _FILE).read_bytes(), type=GateJob)
    except FileNotFoundError:
        return GateJob()
    except (OSError, *UNREADABLE) as error:
        raise GateError(f"{_FILE}: {error}") from error
    if job.schema_version > _VERSION:
        raise GateError(f"{_FILE} follows schema version {job.schema_version}, this gate reads {_VERSION}: upgrade it")
    return job


def candidate_in(folder: Path) -> Path:
    """Where the candidate's bundle lies."""
    return folder / "candidate"


def incumbent_in(folder: Path) -> Path:
    """Where the incumbent's bundle lies."""
    return folder / "incumbent"


def twin_in(folder: Path) -> Path:
    """Where the candidate lies as it was before it was quantised, if it was."""
    return folder / "float"


def verdict_in(folder: Path) -> Path:
    """Where the verdict is to lie."""
    return folder / "verdict.json"
