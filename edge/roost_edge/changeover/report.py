"""What the device really runs, as `reported` and `roost-agent status` tell it. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from roost_edge.asking.health import LinkState
from roost_edge.changeover.changeover import Changeover
from roost_edge.changeover.progress import Progress
from roost_edge.settings.config import UNASSIGNED
from roost_edge.tasks.task import Task
from roost_shared.assignment import Reported, Running
from roost_shared.rendezvous import Contestant

__all__ = ["describe_assignment", "make_report"]


def make_report(
    boot: str,
    changeover: Changeover,
    progress: Progress,
    tasks: Mapping[str, Task],
    *,
    desired: int,
    trust: str,
    link: LinkState,
) -> Reported:
    """The report.

    Args:
        boot: this start of the agent.
        changeover: where it is on its way.
        progress: how far the newest assignment is.
        tasks: as they run.
        desired: the newest version that was believed.
        trust: how the last look at what is released ended.
        link: whether questions to cloud contestants may cross.
    """
    answering = changeover.answering
    return Reported(
        boot=boot,
        version=answering,
        confirmed=answering > 0 and answering != changeover.trial,
        desired=max(desired, progress.version, answering),
        trust=trust,
        problem=progress.problem,
        tasks={name: _running(task, link) for name, task in tasks.items()},
        installs=list(progress.installs),
    )


def describe_assignment(report: Reported, changeover: Changeover, pid: int | None) -> dict[str, Any]:
    """Its part of the status document; `pid`: of the installer's process, while there is one."""
    return {
        "version": report.version,
        "confirmed": report.confirmed,
        "desired": report.desired,
        "phase": changeover.phase,
        "trust": report.trust,
        "problem": msgspec.to_builtins(report.problem),
        "installs": msgspec.to_builtins(report.installs),
        "installer_pid": pid,
    }


def _running(task: Task, link: LinkState) -> dict[str, Running]:
    return {
        one.name: _one(task, one, link)
        for one in task.policy.contestants
        if one.role != "decoy" and one.name != UNASSIGNED
    }


def _one(task: Task, contestant: Contestant, link: LinkState) -> Running:
    name = contestant.name
    if contestant.where == "cloud":
        return Running(bundle=None, state=link)
    worker = task.workers.get(name)
    if worker is None:
        return Running(bundle=task.bundles.get(name), state="refused", error=task.refused.get(name))
    stats = worker.stats(task.seat_of(name))
    return Running(bundle=task.bundles.get(name), state=stats.state, error=stats.last_error)
