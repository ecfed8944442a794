"""A task as it shall be lined up, whoever says so: agent.toml, or an assignment with what agent.toml adds to it.

What is the site's stays the site's: external state, a watched folder and what is kept or told of inputs come from
agent.toml, whoever assigns the task.
"""

from pathlib import Path

import msgspec

from roost_edge.decoy.config import CaptureConfig
from roost_edge.installer.plan import Plan
from roost_edge.settings.config import AgentConfig, TaskConfig
from roost_shared.assignment import AssignedTask
from roost_shared.rendezvous import Role
from roost_shared.runtime_settings import RuntimeSettings

__all__ = ["Entrant", "Entry", "assigned_entry", "local_entry"]


class Entrant(msgspec.Struct, frozen=True, kw_only=True):
    """A local contestant that runs a bundle.

    Attributes:
        name: its name in the task.
        role: its role.
        runtime: how its worker shall run its model.
        folder: where the bundle lies.
        digest: that its manifest must have; None: whatever lies there.
    """

    name: str
    role: Role
    runtime: RuntimeSettings
    folder: Path
    digest: str | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A task as it shall be lined up.

    Attributes:
        name: the task's.
        terms: make its policy.
        entrants: who runs a bundle here, in the task's order.
        downscaled: cloud contestants that may be sent shrunken pictures.
        captured: what is kept of its inputs; None: nothing.
        measured_per_s: inputs a second of which φ is measured at least, for its windows; 0: of none.
        unsigned: nobody checks a signature on its bundles.
        version: of the assignment; 0: agent.toml says it.
    """

    name: str
    terms: TaskConfig | AssignedTask
    entrants: tuple[Entrant, ...]
    downscaled: tuple[str, ...] = ()
    captured: CaptureConfig | None = None
    measured_per_s: float = 0.0
    unsigned: bool = False
    version: int = 0

    @property
    def private(self) -> bool:
        """Whether its inputs do not leave the device."""
        return self.captured is not None and not self.captured.pixels


def local_entry(name: str, config: AgentConfig) -> Entry:
    """Task `name` as agent.toml states it, contestants and all."""
    task = config.tasks[name]
    return Entry(
        name=name,
        terms=task,
        entrants=tuple(
            Entrant(name=one.name, role=one.role, runtime=one.runtime_settings, folder=one.bundle)
            for one in task.contestants
            if one.bundle is not None
        ),
        downscaled=tuple(one.name for one in task.contestants if one.downscale),
        captured=task.captured,
        measured_per_s=_measured_per_s(task),
        unsigned=config.trust.allow_unsigned,
    )


def assigned_entry(name: str, plan: Plan, config: AgentConfig) -> Entry:
    """Task `name` as a plan assigns it."""
    task = plan.assignment.tasks[name]
    site = config.tasks.get(name)
    return Entry(
        name=name,
        terms=task,
        entrants=tuple(
            Entrant(
                name=one.name,
                role=one.role,
                runtime=one.runtime,
                folder=plan.folder(one.bundle.digest, config.state_dir),
                digest=one.bundle.digest,
            )
            for one in task.contestants
            if one.bundle is not None
        ),
        downscaled=tuple(one.name for one in task.contestants if one.downscale),
        captured=_captured(task, site),
        measured_per_s=_measured_per_s(site),
        version=plan.assignment.version,
    )


def _measured_per_s(task: TaskConfig | None) -> float:
    return 0.0 if task is None or task.monitor is None else task.monitor.measured_per_s


def _captured(task: AssignedTask, site: TaskConfig | None) -> CaptureConfig | None:
    """As the site says, or, with a decoy among those assigned, by default."""
    if site is not None and site.capture is not None:
        return site.capture
    return CaptureConfig() if any(one.role == "decoy" for one in task.contestants) else None
