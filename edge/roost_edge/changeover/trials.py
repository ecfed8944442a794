"""The tasks while an assignment is on trial: puts them in place, and gathers what is seen of those on trial.

It decides nothing: `trial` says who scores beside whom, `judgement` what the evidence amounts to.
"""

from typing import Any

from roost_edge.changeover.evidence import Evidence
from roost_edge.changeover.judgement import SHADOW_CRASHES, WATCH_CRASHES, find_fault, is_enough
from roost_edge.changeover.line import Line
from roost_edge.changeover.trial import Staging, shadowed, trial_of, watched
from roost_edge.loop.reactor import Reactor
from roost_edge.tasks.board import TaskBoard
from roost_edge.tasks.lineup import Lineup
from roost_edge.workers import ContestantState, WorkerHandle
from roost_shared.clock import SECOND
from roost_shared.messages import ErrorInfo

__all__ = ["Trials"]


class Trials:
    """Of one assignment at a time.

    Args:
        board: where the tasks run.
        reactor: the agent's loop.

    Attributes:
        watching: what is on trial answers.
    """

    def __init__(self, board: TaskBoard, reactor: Reactor) -> None:
        self.watching = False
        self._board = board
        self._reactor = reactor
        self._since_ns = 0
        self._stagings: dict[str, Staging] = {}
        self._on_trial: dict[str, Lineup] = {}
        self._workers: list[WorkerHandle] = []  # that are new

    def can_shadow(self, now: Line | None, coming: Line) -> bool:
        """Whether any contestant that is new comes to a task that somebody answers."""
        there = {} if now is None else now.lineups
        return any(one.task in there for one in coming.newcomers(now))

    def shadow(self, now: Line, coming: Line) -> None:
        """Have the new contestants score beside what answers."""
        self._begin(coming, now, watching=False)
        for name, lineup in coming.lineups.items():
            if name in now.lineups:
                self._stage(name, now.lineups[name], lineup, shadowed(now.lineups[name], lineup))

    def watch(self, now: Line, before: Line | None) -> None:
        """Have what is new answer, and what it replaces score beside it."""
        self._begin(now, before, watching=True)
        replaced = {} if before is None else before.lineups
        for name, lineup in now.lineups.items():
            self._stage(name, lineup, lineup, watched(lineup, replaced.get(name)))
        for name in replaced.keys() - now.lineups.keys():
            self._board.withdraw(name)

    def end(self, now: Line | None, other: Line | None = None) -> None:
        """Have what answers answer alone; tasks that only `other` had are nobody's."""
        lineups = {} if now is None else now.lineups
        for lineup in lineups.values():
            self._board.put(lineup, lineup.task())
        for name in set() if other is None else other.lineups.keys() - lineups.keys():
            self._board.withdraw(name)
        self.watching, self._stagings, self._on_trial, self._workers = False, {}, {}, []

    def note_state(self, task: str, seat: str, state: ContestantState) -> bool:
        """A contestant of a worker entered a state; whether it is on trial."""
        evidence = self._evidence_on(task, seat)
        if evidence is None:
            return False
        evidence.crashes += state == "restarting"
        return True

    @property
    def is_ready(self) -> bool:
        """Whether all workers that are new can score."""
        return all(worker.state == "ready" for worker in self._workers)

    def judge(self) -> ErrorInfo | bool:
        """What is wrong with those on trial, or whether they have been seen for long enough."""
        waited_s = (self._reactor.now_ns() - self._since_ns) / SECOND
        crashes = WATCH_CRASHES if self.watching else SHADOW_CRASHES
        is_over = self.is_ready
        for name, staging in self._stagings.items():
            trial = trial_of(self._on_trial[name])
            inputs, patience_s = (
                (trial.watch_inputs, trial.watch_s) if self.watching else (trial.shadow_inputs, trial.shadow_s)
            )
            for seen in [] if staging.watch is None else staging.watch.evidence.values():
                fault = find_fault(seen, margin=trial.margin, crashes=crashes)
                if fault is not None:
                    return fault
                is_over = is_over and (waited_s >= patience_s or is_enough(seen, inputs))
        return is_over

    def figures(self) -> dict[tuple[str, str], dict[str, Any]]:
        """What is seen of each contestant on trial, by task and contestant."""
        return {
            (name, seen.subject.contestant): seen.figures(staging.watch.requests)
            for name, staging in self._stagings.items()
            if staging.watch is not None
            for seen in staging.watch.evidence.values()
        }

    def _begin(self, on_trial: Line, other: Line | None, *, watching: bool) -> None:
        self.watching = watching
        self._since_ns = self._reactor.now_ns()
        self._stagings, self._on_trial = {}, {}
        self._workers = [one.worker for one in on_trial.newcomers(other)]

    def _stage(self, name: str, answers: Lineup, on_trial: Lineup, staging: Staging) -> None:
        self._stagings[name], self._on_trial[name] = staging, on_trial
        self._board.put(answers, staging.task)

    def _evidence_on(self, task: str, seat: str) -> Evidence | None:
        staging = self._stagings.get(task)
        if staging is None or staging.watch is None:
            return None
        return staging.watch.evidence.get(staging.task.contestant_on(seat))
