"""What the cloud says of alarms, drift and installations, as far as the demo reads it."""

from datetime import datetime
from typing import Any

import msgspec

__all__ = ["Alarm", "DriftStream", "Install", "Standing"]


class _Problem(msgspec.Struct, frozen=True):
    code: str
    message: str


class Install(msgspec.Struct, frozen=True):
    """How far a bundle is on a device, as that says."""

    contestant: str
    bundle: str
    phase: str
    error: _Problem | None
    fetched_bytes: int
    evidence: dict[str, Any]


class Moved(msgspec.Struct, frozen=True):
    """A statistic that moved."""

    word: str | None
    deviations: float | None


class ShownSample(msgspec.Struct, frozen=True):
    """A sample that shows it."""

    device: str
    sample: str


class Alarm(msgspec.Struct, frozen=True):
    """A finding of the cloud's."""

    id: str
    device: str
    kind: str
    summary: str
    opened_at: datetime
    moved: list[Moved]
    samples: list[ShownSample]


class DriftKind(msgspec.Struct, frozen=True):
    """How one kind of drift stands on a device."""

    kind: str
    standing: str


class DriftStream(msgspec.Struct, frozen=True):
    """A task on a device, as the monitor sees it."""

    device: str
    kinds: list[DriftKind]


class _Report(msgspec.Struct, frozen=True):
    version: int
    confirmed: bool
    problem: _Problem | None
    installs: list[Install]


class Standing(msgspec.Struct, frozen=True):
    """What a device makes of its newest assignment, in a word, and what it reports."""

    following: str
    report: _Report | None
