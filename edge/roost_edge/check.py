"""`roost-agent check`: would this device be able to run what its config names, and what it is assigned?

Opens every bundle, checks every digest, loads every model and runs its golden vectors, one after the other. Of
assignments it looks at the one in force and at the one before it, which the device may have to return to.
This module loads model runtimes; the running agent never imports it.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

from roost_edge.installer.plan import Plan
from roost_edge.installer.pointer import read_in_force
from roost_edge.settings.config import AgentConfig
from roost_edge.tasks.entry import Entrant, Entry, assigned_entry, local_entry
from roost_shared.bundle import open_bundle
from roost_shared.bundle.errors import AlteredBlobError
from roost_shared.errors import RoostError
from roost_shared.messages import ErrorInfo
from roost_shared.pipeline import Pipeline

__all__ = ["Checked", "check_bundles"]


class Checked(NamedTuple):
    """What was found of something.

    Attributes:
        who: `task/contestant`, or what else was looked at.
        detail: how it is, if it is well.
        error: why it cannot be run; None if it can.
    """

    who: str
    detail: str
    error: ErrorInfo | None = None

    def __str__(self) -> str:
        """One line for a person."""
        if self.error is not None:
            return f"{self.who}: refused: {self.error.code}: {self.error.message}"
        return f"{self.who}: ok: {self.detail}"


def check_bundles(config: AgentConfig) -> Iterator[Checked]:
    """Check each contestant's bundle on this machine; never raises for a bad one."""
    for name, task in config.tasks.items():
        if task.contestants:
            yield from _check_task(local_entry(name, config), [one.name for one in task.contestants])
    if config.assignable:
        yield from _check_assigned(config)


def _check_assigned(config: AgentConfig) -> Iterator[Checked]:
    held = read_in_force(config.state_dir)
    if held.problem is not None:
        yield Checked("assignment", "", held.problem)
    if held.plan is not None:
        version = held.plan.assignment.version
        yield Checked("assignment", f"version {version} is in force, {'' if held.confirmed else 'not '}confirmed")
        yield from _check_plan(held.plan, config, "")
    if held.previous is not None:
        yield from _check_plan(held.previous, config, f" of version {held.previous.assignment.version}")
    assigned = {} if held.plan is None else held.plan.assignment.tasks
    for name, task in config.tasks.items():
        if not task.contestants and name not in assigned:
            yield Checked(name, "nobody is assigned to it yet, so nobody answers")


def _check_plan(plan: Plan, config: AgentConfig, which: str) -> Iterator[Checked]:
    for name, task in plan.assignment.tasks.items():
        if name in config.tasks and config.tasks[name].contestants:
            yield Checked(f"{name}{which}", "is assigned, but runs as agent.toml states it")
        else:
            yield from _check_task(assigned_entry(name, plan, config), [one.name for one in task.contestants], which)


def _check_task(entry: Entry, contestants: list[str], which: str = "") -> Iterator[Checked]:
    entrants = {one.name: one for one in entry.entrants}
    for name in contestants:
        who = f"{entry.name}/{name}{which}"
        yield (
            _check_entrant(who, entrants[name])
            if name in entrants
            else Checked(who, "runs no model here: nothing to check")
        )


def _check_entrant(who: str, entrant: Entrant) -> Checked:
    began = time.perf_counter()
    try:
        bundle = open_bundle(entrant.folder)
        if entrant.digest not in (None, bundle.digest):
            raise AlteredBlobError(entrant.folder, f"holds {bundle.digest}, assigned is {entrant.digest}")
        Pipeline.load(bundle, entrant.runtime).check_golden()
    except RoostError as error:
        return Checked(who, "", ErrorInfo(error.code, str(error)))
    took_ms = 1000 * (time.perf_counter() - began)
    return Checked(who, f"{bundle.reference}, {bundle.config.golden.vectors} golden vectors, {took_ms:.0f} ms")
