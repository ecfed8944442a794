"""Training runs as people read them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec

from roost_cloud.commands.output import when

__all__ = ["Run", "WholeRun", "fields_of"]

_ENDED: Final = frozenset({"registered", "refused", "failed", "cancelled"})
_AT_REST: Final = _ENDED | {"proposed", "waiting", "passed"}
_WENT_WRONG: Final = frozenset({"refused", "failed", "cancelled"})


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run, in short."""

    id: str
    task: str
    state: str
    mode: str
    trainer: str
    cause: str
    reason: str
    incumbent: str
    candidate: str
    since: datetime
    devices: list[str] | None
    opened_at: datetime
    opened_by: str
    started_at: datetime | None
    ended_at: datetime | None
    due_at: datetime
    attempt: int
    failures: int
    worker: str | None
    done: int
    total: int
    what: str
    labels_had: int | None
    labels_wanted: int
    problem_code: str | None
    problem: str | None

    @property
    def is_at_rest(self) -> bool:
        """Whether it has ended, or waits for somebody."""
        return self.state in _AT_REST

    @property
    def went_wrong(self) -> bool:
        """Whether it has ended without a new version."""
        return self.state in _WENT_WRONG

    @property
    def words(self) -> str:
        """How it stands."""
        waiting = {
            "waiting": self.what,
            "proposed": "waits for approval to begin",
            "passed": f"{self.candidate} has passed, and waits for approval",
            "failed": self.problem or "",
        }
        if self.state in waiting:
            return waiting[self.state]
        if self.state == "queued" and self.problem:
            return f"again from {when(self.due_at)}: {self.problem}"
        if self.state in _ENDED or not self.what:
            return ""
        return f"{self.what} {self.done}/{self.total}" if self.total else self.what


class Step(msgspec.Struct, frozen=True):
    """From a state to the next."""

    at: datetime
    before: str | None
    after: str
    actor: str
    why: str


class WholeRun(Run, frozen=True, kw_only=True):
    """A run, whole."""

    seed: int
    parameters: dict[str, Any]
    policy: dict[str, Any]
    alarms: list[str]
    incumbent_digest: str
    trainer_version: str | None
    candidate_digest: str | None
    snapshot: str | None
    verdict: dict[str, Any] | None
    steps: list[Step]
    metrics: dict[str, float]


def fields_of(run: WholeRun) -> Iterator[tuple[str, str]]:
    """What is known of a run, a name and a value a line."""
    yield "run", run.id
    yield "task", run.task
    yield "state", f"{run.state}: {run.words}" if run.words else run.state
    yield "opened", f"{when(run.opened_at)} by {run.opened_by}: {run.reason}"
    if run.alarms:
        yield "alarms", " ".join(run.alarms)
    yield "changed", f"since {when(run.since)} on {' '.join(run.devices) if run.devices else 'all devices'}"
    yield "from", run.incumbent
    yield "makes", run.candidate
    yield "trainer", f"{run.trainer} {run.trainer_version or ''}".rstrip()
    yield "mode", run.mode
    if run.snapshot:
        yield "dataset", run.snapshot
    yield "attempt", f"{run.attempt}, {run.failures} failed"
    for step in run.steps:
        yield step.after, f"{when(step.at)} by {step.actor}: {step.why}"
    for name, value in run.metrics.items():
        yield name, f"{value:.4g}"
    for reason in (run.verdict or {}).get("reasons", ()):
        yield f"gate, {reason.get('check')}", str(reason.get("sentence"))
