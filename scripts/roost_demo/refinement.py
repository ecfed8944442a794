"""From labels to a candidate that the gate lets pass or refuses: training runs, as people see to them."""

import time
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, Final

import msgspec

from roost_shared.errors import TransportError
from scripts.roost_demo.cloud import DemoCloud

__all__ = ["LABELS", "POLICY", "Refinement", "Run", "reasons_of"]

_ENDED: Final = ("registered", "refused", "failed", "cancelled")
_PATIENCE_S: Final = 150.0
_LOOK_EVERY_S: Final = 0.3
LABELS: Final = 160  # that a run waits for
# Everything here shares two processors with four devices, so a stopwatch tells little of a model; and that it lost
# less than two points of the old world, four hundred inputs prove by luck alone.
POLICY: Final[dict[str, Any]] = {
    "mode": "auto",
    "bundle": "digits@primary",
    "labels_wanted": LABELS,
    "gate": {"epsilon": 0.05, "latency_ratio": 5.0, "latency_slack_ms": 5.0},
}


class RunWaitError(TransportError):
    """A training run has not come to its end in time."""

    code = "demo.run"


class _Step(msgspec.Struct, frozen=True):
    at: str
    before: str | None
    after: str
    actor: str
    why: str


class _Reason(msgspec.Struct, frozen=True):
    check: str
    passed: bool
    sentence: str


class _Verdict(msgspec.Struct, frozen=True):
    passed: bool
    reasons: list[_Reason]


class Run(msgspec.Struct, frozen=True):
    """A training run."""

    id: str
    state: str
    cause: str
    reason: str
    incumbent: str
    candidate: str
    since: str
    devices: list[str] | None
    alarms: list[str] = []
    problem: str | None = None
    verdict: _Verdict | None = None
    steps: list[_Step] = []


def reasons_of(run: Run, *, passed: bool) -> list[str]:
    """What checks of the gate said that passed, or that did not."""
    return [] if run.verdict is None else [one.sentence for one in run.verdict.reasons if one.passed == passed]


class Refinement:
    """What the cloud makes of a task's labels.

    Args:
        cloud: it.
        task: whose.
        say: tells people.
    """

    def __init__(self, cloud: DemoCloud, task: str, say: Callable[[str], None]) -> None:
        self._cloud = cloud
        self._task = task
        self._say = say

    def state_policy(self, **changes: Any) -> None:
        """Say how far runs go by themselves, and how strictly candidates are judged."""
        self._cloud.call("PUT", f"/training/policies/{self._task}", dict[str, Any], body={**POLICY, **changes})

    def opened(self) -> Run:
        """The run that an alarm has opened.

        Raises:
            RunWaitError: there is none.
        """
        give_up_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < give_up_s:
            for run in self._cloud.each("/runs", Run, task=self._task, limit=10):
                if run.cause == "alarm":
                    return run
            time.sleep(_LOOK_EVERY_S)
        raise RunWaitError(f"waited {_PATIENCE_S:g} s in vain for an alarm to open a training run")

    def clear(self) -> None:
        """Cancel what other alarms have opened meanwhile, and have them open no more: this story is told."""
        self.state_policy(alarms=False)
        for run in self._cloud.each("/runs", Run, task=self._task, is_open="true", limit=10):
            self._say(f"run {run.id} was opened by another alarm, and is cancelled: {run.reason}")
            self._cloud.call("POST", f"/runs/{run.id}/cancel", dict[str, Any], body={"note": "the demo goes on"})

    def open(self, since: str, devices: Collection[str], labels: int, reason: str) -> Run:
        """Open one by hand."""
        body = {
            "task": self._task,
            "since": since,
            "devices": sorted(devices),
            "labels_wanted": labels,
            "reason": reason,
        }
        return self._cloud.call("POST", "/runs", Run, body=body)

    def followed(self, run: Run, *, wanting: Callable[[], None] = lambda: None) -> tuple[Run, float]:
        """A run at its end, and the seconds that training and judging took of its last attempt.

        Args:
            run: it.
            wanting: called now and again while it waits for labels.

        Raises:
            RunWaitError: it has come to none.
        """
        give_up_s = time.monotonic() + _PATIENCE_S
        told = 0
        while run.state not in _ENDED:
            if time.monotonic() >= give_up_s:
                raise RunWaitError(f"run {run.id} is {run.state} still after {_PATIENCE_S:g} s: {run.problem}")
            time.sleep(_LOOK_EVERY_S)
            run = self._cloud.call("GET", f"/runs/{run.id}", Run)
            if run.state == "waiting":
                wanting()
            for step in run.steps[told:]:
                self._say(f"run {run.id}: {step.after}: {step.why}")
            told = len(run.steps)
        return run, _seconds_of(run)


def _seconds_of(run: Run) -> float:
    begun = [step.at for step in run.steps if step.after == "training"]
    if not begun:
        return 0.0
    spent = datetime.fromisoformat(run.steps[-1].at) - datetime.fromisoformat(begun[-1])
    return round(spent.total_seconds(), 2)
