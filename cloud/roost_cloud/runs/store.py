"""Runs in the database as people see and change them, with a record of who changed what."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import BundleVersion, TrainingAlarm, TrainingLine, TrainingMetric, TrainingRun, TrainingStep
from roost_cloud.errors import ConflictError, NotFoundError
from roost_cloud.people import audit
from roost_cloud.runs.openings import Cause
from roost_cloud.runs.policy import RunPolicy, encode_policy, read_policy
from roost_cloud.runs.state import State
from roost_cloud.runs.stepping import clean, note_opened, step

__all__ = [
    "Chosen",
    "NewRun",
    "RunOpenError",
    "alarms_of",
    "approve",
    "cancel",
    "get",
    "lines",
    "locked",
    "metrics",
    "open_run",
    "open_run_of",
    "page",
    "policy_of",
    "steps",
]

_VERSION_CHARS: Final = 63  # of a bundle's version
_MARK_CHARS: Final = 8  # of a run's id, in the version of what it makes


class RunOpenError(ConflictError):
    """A run of the task is open, and there is one at a time."""

    code = "run.open"

    def __init__(self, row: TrainingRun) -> None:
        super().__init__(
            f"run {row.id} of {row.task} is {row.state}: approve it, wait for its end, or cancel it first"
        )
        self.run = row.id


@dataclass(frozen=True, kw_only=True)
class NewRun:
    """A run to be opened.

    Attributes:
        tenant: whose.
        task: whose model is to get better.
        policy: the task's, as it is now.
        cause: what opens it.
        reason: the same in words.
        incumbent: the version to start from.
        since: when the world changed.
        devices: on which it did; None: on all.
        seed: of whatever the trainer draws.
        alarms: that it sees to.
    """

    tenant: str
    task: str
    policy: RunPolicy
    cause: Cause
    reason: str
    incumbent: BundleVersion
    since: datetime
    devices: list[str] | None = None
    seed: int = 0
    alarms: Sequence[str] = field(default=())

    @property
    def state(self) -> State:
        """In which it begins: what a person opens, nobody need approve."""
        if self.policy.mode == "tell" and self.cause != "person":
            return "proposed"
        return "queued"


def open_run(session: Session, new: NewRun, *, actor: str, now: datetime) -> TrainingRun:
    """Open a run.

    Raises:
        RunOpenError: one of the task is open.
    """
    run = secrets.token_hex(8)
    suffix = f"-{run[:_MARK_CHARS]}"
    version = f"{new.incumbent.version[: _VERSION_CHARS - len(suffix)]}{suffix}"
    reason = clean(new.reason)
    told = {"task": new.task, "state": new.state, "cause": new.cause, "reason": reason, "seed": new.seed}
    made = {"name": new.incumbent.name, "incumbent_version": new.incumbent.version, "version": version}
    at: dict[str, Any] = {"opened_at": now, "opened_by": actor, "ready_at": now, "due_at": now}
    counted = dict.fromkeys(("attempt", "failures", "retries", "done", "total", "lines"), 0)
    empty = dict.fromkeys(("worker", "lease_until", "trainer_version", "snapshot", "candidate", "verdict"))
    inserted = insert_absent(
        session,
        TrainingRun,
        tenant=new.tenant,
        id=run,
        policy=encode_policy(new.policy),
        parameters=new.policy.parameters,
        incumbent=new.incumbent.digest,
        since=new.since,
        devices=new.devices,
        labels_had=None,
        problem_code=None,
        problem=None,
        what="",
        is_kept=False,
        started_at=None,
        ended_at=None,
        **(told | made | at | counted | empty),
    )
    if not inserted:
        open_one = open_run_of(session, new.tenant, new.task)
        raise RunOpenError(open_one) if open_one is not None else ConflictError("a run of the task ended just now")
    row = session.get_one(TrainingRun, (new.tenant, run), with_for_update=True)
    for alarm in new.alarms:
        insert_absent(session, TrainingAlarm, tenant=new.tenant, alarm=alarm, run=run)
    note_opened(session, row, actor=actor, now=now)
    _record(session, row, "run.open", actor=actor, now=now, cause=new.cause, incumbent=_incumbent(row))
    return row


def _incumbent(row: TrainingRun) -> str:
    return f"{row.name}:{row.incumbent_version}"


def policy_of(row: TrainingRun) -> RunPolicy:
    """The policy that a run goes by.

    Raises:
        BadPolicyError: a newer Roost wrote it.
    """
    return read_policy(row.policy)


def get(session: Session, tenant: str, run: str) -> TrainingRun:
    """A run.

    Raises:
        NotFoundError: the tenant has none of that id.
    """
    row = session.get(TrainingRun, (tenant, run))
    if row is None:
        raise NotFoundError("run", run)
    return row


def locked(session: Session, tenant: str, run: str) -> TrainingRun:
    """A run that nobody else changes until the transaction ends.

    Raises:
        NotFoundError: as `get`.
    """
    row = session.get(TrainingRun, (tenant, run), with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFoundError("run", run)
    return row


def open_run_of(session: Session, tenant: str, task: str) -> TrainingRun | None:
    """A task's run that has not ended."""
    of_task = (TrainingRun.tenant == tenant, TrainingRun.task == task, TrainingRun.ended_at.is_(None))
    return session.scalars(select(TrainingRun).where(*of_task)).first()


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which runs; None means any."""

    task: str | None = None
    state: State | None = None
    is_open: bool | None = None
    snapshot: str | None = None


def page(
    session: Session, tenant: str, chosen: Chosen, *, limit: int, after: str | None = None
) -> Sequence[TrainingRun]:
    """A tenant's runs, the newest first, behind the run `after`, at most `limit`.

    Raises:
        NotFoundError: `after` is no run of the tenant's.
    """
    query = select(TrainingRun).where(TrainingRun.tenant == tenant)
    if chosen.task is not None:
        query = query.where(TrainingRun.task == chosen.task)
    if chosen.state is not None:
        query = query.where(TrainingRun.state == chosen.state)
    if chosen.snapshot is not None:
        query = query.where(TrainingRun.snapshot == chosen.snapshot)
    if chosen.is_open is not None:
        query = query.where(TrainingRun.ended_at.is_(None) == chosen.is_open)
    if after is not None:
        last = get(session, tenant, after)
        query = query.where(tuple_(TrainingRun.opened_at, TrainingRun.id) < tuple_(last.opened_at, last.id))
    return session.scalars(query.order_by(TrainingRun.opened_at.desc(), TrainingRun.id.desc()).limit(limit)).all()


def steps(session: Session, row: TrainingRun) -> Sequence[TrainingStep]:
    """All that a run went through, in order."""
    of_run = (TrainingStep.tenant == row.tenant, TrainingStep.run == row.id)
    return session.scalars(select(TrainingStep).where(*of_run).order_by(TrainingStep.number)).all()


def lines(session: Session, row: TrainingRun, *, after: int, limit: int) -> Sequence[TrainingLine]:
    """A run's log behind the line `after`, at most `limit`."""
    of_run = (TrainingLine.tenant == row.tenant, TrainingLine.run == row.id, TrainingLine.number > after)
    return session.scalars(select(TrainingLine).where(*of_run).order_by(TrainingLine.number).limit(limit)).all()


def metrics(session: Session, row: TrainingRun) -> Sequence[TrainingMetric]:
    """A run's figures by name, each as it was told last."""
    of_run = (TrainingMetric.tenant == row.tenant, TrainingMetric.run == row.id)
    return session.scalars(select(TrainingMetric).where(*of_run).order_by(TrainingMetric.name)).all()


def alarms_of(session: Session, row: TrainingRun) -> list[str]:
    """The alarms that a run sees to."""
    of_run = (TrainingAlarm.tenant == row.tenant, TrainingAlarm.run == row.id)
    return sorted(session.scalars(select(TrainingAlarm.alarm).where(*of_run)))


def approve(session: Session, tenant: str, run: str, *, note: str | None, actor: str, now: datetime) -> TrainingRun:
    """Let a run go on that waits for a person: a proposed one begins, a candidate that passed is registered.

    Raises:
        NotFoundError: the tenant has no such run.
        RunStateError: it waits for nobody.
    """
    row = locked(session, tenant, run)
    step(session, row, "approve", actor=actor, why=note or "approved", now=now)
    row.ready_at = row.due_at = now
    row.failures = row.retries = 0
    _record(session, row, "run.approve", actor=actor, now=now, note=note)
    return row


def cancel(session: Session, tenant: str, run: str, *, note: str | None, actor: str, now: datetime) -> TrainingRun:
    """End a run: from now on nothing of it is written, and its worker stops within seconds.

    Raises:
        NotFoundError: the tenant has no such run.
        RunStateError: it has ended.
    """
    row = locked(session, tenant, run)
    step(session, row, "cancel", actor=actor, why=note or "cancelled", now=now)
    _record(session, row, "run.cancel", actor=actor, now=now, note=note)
    return row


def _record(session: Session, row: TrainingRun, action: str, *, actor: str, now: datetime, **detail: Any) -> None:
    audit.record(
        session, tenant=row.tenant, actor=actor, action=action, subject=row.id, now=now, task=row.task, **detail
    )
