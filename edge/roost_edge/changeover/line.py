"""An assignment lined up: its tasks with their bundles opened and their workers made."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from roost_edge.changeover.bringing_up import Newcomer
from roost_edge.changeover.trial import at_rest
from roost_edge.installer.plan import Plan
from roost_edge.settings.config import AgentConfig
from roost_edge.tasks.entry import assigned_entry
from roost_edge.tasks.lineup import Lineup, Opened, WorkerMaker, line_up, open_entry
from roost_edge.workers import WorkerHandle
from roost_shared.bundle import Bundle
from roost_shared.messages import ErrorInfo

__all__ = ["Line", "line_up_plan", "open_plan"]


class Line(NamedTuple):
    """The tasks of one assignment."""

    plan: Plan
    lineups: dict[str, Lineup]

    @property
    def version(self) -> int:
        """The assignment's."""
        return self.plan.assignment.version

    @property
    def workers(self) -> list[WorkerHandle]:
        """Of all its tasks."""
        return [worker for lineup in self.lineups.values() for worker in lineup.workers]

    @property
    def bundles(self) -> dict[str, Bundle]:
        """Those that are open, by digest."""
        return {bundle.digest: bundle for lineup in self.lineups.values() for bundle in lineup.bundles.values()}

    @property
    def at_rest(self) -> dict[tuple[str, str], dict[str, Any]]:
        """What is known of its contestants without any trial, by task and name."""
        return {
            (name, contestant): figures
            for name, lineup in self.lineups.items()
            for contestant, figures in at_rest(lineup).items()
        }

    @property
    def is_whole(self) -> bool:
        """Whether all that it names can score now."""
        is_there = self.lineups.keys() == self.plan.assignment.tasks.keys() and self.refused is None
        return is_there and all(worker.state == "ready" for worker in self.workers)

    @property
    def refused(self) -> ErrorInfo | None:
        """Why one of its contestants cannot take part; None if all can."""
        for name, lineup in self.lineups.items():
            for contestant, error in lineup.refused.items():
                return ErrorInfo(error.code, f"{name}/{contestant}: {error.message}")
        return None

    def newcomers(self, before: "Line | None") -> list[Newcomer]:
        """Its workers that another does not have."""
        there = [] if before is None else before.workers
        return [
            Newcomer(name, worker, frozenset(lineup.seats[one] for one in lineup.contestants_of([worker])))
            for name, lineup in self.lineups.items()
            for worker in lineup.workers
            if worker not in there
        ]


def open_plan(plan: Plan, config: AgentConfig, known: Mapping[str, Bundle]) -> dict[str, Opened]:
    """Open the bundles of a plan's tasks; may block. `known`: those that are open already, by digest."""
    return {name: open_entry(assigned_entry(name, plan, config), known) for name in plan.assignment.tasks}


def line_up_plan(
    plan: Plan,
    opened: Mapping[str, Opened],
    config: AgentConfig,
    make: WorkerMaker,
    before: Line | None,
    *,
    gently: bool,
) -> Line:
    """Line up those tasks of a plan whose bundles were opened; no worker is started yet.

    Raises:
        PolicyError: the rules of a task do not fit its contestants.
    """
    lineups = {}
    for name, bundles in opened.items():
        entry = assigned_entry(name, plan, config)
        earlier = None if before is None else before.lineups.get(name)
        lineups[name] = line_up(entry, bundles, config.limits, make, earlier, gently=gently)
    return Line(plan, lineups)
