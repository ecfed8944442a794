"""What a device shall run, as the cloud states and signs it, and what the device says of that. Data only.

An assignment is whole: whatever it does not name, the device does not run. Its version only rises, and it is for one
device of one tenant. How it is signed and believed, `roost_shared.trust` says; what becomes of it on a device,
`roost_edge.installer` and `roost_edge.changeover`.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from roost_shared.bundle.oci import Digest
from roost_shared.messages import SCHEMA_VERSION, ErrorInfo
from roost_shared.rendezvous import AskMode, Role, TaskPolicy
from roost_shared.runtime_settings import RuntimeSettings
from roost_shared.task_terms import TaskTerms

__all__ = [
    "ASSIGNMENT_LIMIT_BYTES",
    "REPORTED_LIMIT_BYTES",
    "AssignedContestant",
    "AssignedTask",
    "Assignment",
    "BundlePin",
    "Install",
    "Phase",
    "Reported",
    "Running",
    "Trial",
]

ASSIGNMENT_LIMIT_BYTES: Final = 256 << 10  # signed, as it travels
REPORTED_LIMIT_BYTES: Final = 256 << 10

Name = Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9._-]{0,62}\Z")]
Version = Annotated[int, Meta(ge=1, le=2**53)]
Positive = Annotated[float, Meta(gt=0)]

# Where a bundle of an assignment is on its way; what follows `staged` happens in the workers, on this hardware.
Phase = Literal[
    "assigned",
    "downloading",
    "verified",
    "staged",
    "shadowing",
    "active",
    "confirmed",
    "failed",
    "refused",
    "rolled_back",
]


class BundlePin(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle, and no other of its name."""

    name: Name
    version: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._+-]{0,62}\Z")]
    digest: Digest  # of its manifest

    @property
    def reference(self) -> str:
        """`name:version@sha256:…`, as answers carry it."""
        return f"{self.name}:{self.version}@{self.digest}"


class AssignedContestant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model taking part, as `[[tasks.NAME.contestants]]` of agent.toml; its bundle by name and digest.

    Hardware it asks for by the name of what is installed, never by a path: a library is code, and a path may lead to
    bytes that nobody has signed, such as those of a download.
    """

    name: Name
    bundle: BundlePin | None = None  # None of a cloud contestant
    where: Literal["local", "cloud"] = "local"
    role: Role = "answer"
    ask: AskMode = "unsure"
    downscale: bool = False
    runtime: RuntimeSettings = RuntimeSettings()

    def __post_init__(self) -> None:
        """Refuse paths; `ValueError` is what reading makes an error of its own of."""
        if self.runtime.paths:
            raise ValueError(f"{self.name}: {self.runtime.paths[0]!r} is a path, which no assignment may name")


class Trial(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a bundle that is new on the device proves itself there.

    It scores `shadow_inputs` beside what answers now, or for `shadow_s` if fewer come; then it answers, and what
    answered before scores beside it for `watch_inputs`, or `watch_s`. Then it is confirmed. Anything wrong before
    that, and the device returns to what it ran before.
    """

    shadow_inputs: Annotated[int, Meta(ge=0, le=1_000_000)] = 20
    shadow_s: Annotated[float, Meta(ge=0, le=7 * 86_400)] = 60
    watch_inputs: Annotated[int, Meta(ge=0, le=1_000_000)] = 100
    watch_s: Annotated[float, Meta(ge=0, le=7 * 86_400)] = 300
    p95_ms: Positive | None = None  # that a score may take; None: the task's time for answers, its deadline less guard
    margin: Annotated[float, Meta(ge=0, le=1)] = 0.05  # of disagreement, above what the bundle predicts


class AssignedTask(TaskTerms, frozen=True, kw_only=True):
    """A task, as `[tasks.NAME]` of agent.toml, which may add to it what is the site's: inject, folder, capture."""

    contestants: Annotated[tuple[AssignedContestant, ...], Meta(min_length=1, max_length=64)]
    trial: Trial = Trial()

    def policy(
        self, name: str, *, without_confidence: frozenset[str] = frozenset(), tolerance: float | None = None
    ) -> TaskPolicy:
        """The task's rendezvous policy; see `policy_for`."""
        return self.policy_for(name, self.contestants, without_confidence=without_confidence, tolerance=tolerance)


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """All that a device shall run."""

    schema_version: int = SCHEMA_VERSION
    tenant: Name
    device: Name
    version: Version
    issued_at: str  # RFC 3339, UTC, by the cloud's clock; for people
    tasks: Annotated[dict[Name, AssignedTask], Meta(max_length=64)]

    @property
    def pins(self) -> dict[str, tuple[str, BundlePin]]:
        """Every bundle it names, by the manifest's digest: a task it is for, and its pin."""
        return {
            one.bundle.digest: (name, one.bundle)
            for name, task in self.tasks.items()
            for one in task.contestants
            if one.bundle is not None
        }


class Install(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a contestant's bundle has come on a device, and what shows it."""

    task: str
    contestant: str
    bundle: str  # `name:version@sha256:…`
    phase: Phase
    error: ErrorInfo | None = None  # why it failed, was refused, or was taken back
    fetched_bytes: int = 0
    size_bytes: int = 0  # that had to be fetched
    evidence: dict[str, Any] = {}  # figures: golden, scored, p95_ms, crashes, compared, disagreement


class Running(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a contestant really runs now."""

    bundle: str | None
    state: str  # of its worker
    error: ErrorInfo | None = None


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """What a device really runs, and what it makes of its newest assignment; retained on `reported`."""

    schema_version: int = SCHEMA_VERSION
    boot: str
    version: int  # of the assignment in force; 0 for none
    confirmed: bool = False
    desired: int = 0  # the newest version that it has believed
    trust: str = "unchecked"  # how its last look at what is released ended
    problem: ErrorInfo | None = None  # why `desired` is not in force and will not be
    tasks: dict[str, dict[str, Running]] = {}
    installs: list[Install] = []
