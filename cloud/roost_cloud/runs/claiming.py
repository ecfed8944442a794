"""Runs in the database as workers see them: claimed with a lease, and written only by whoever holds it.

The attempt's number is the fence: each claim counts it up, and whoever comes with an earlier one, having been thought
dead, can write nothing any more. So can nobody once the run has ended, by a person's hand or by another worker's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple, cast

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import TrainingLine, TrainingMetric, TrainingRun
from roost_cloud.errors import ConflictError
from roost_cloud.runs.policy import BadPolicyError
from roost_cloud.runs.retrying import Cause, Faults, counts, verdict
from roost_cloud.runs.state import CLAIMABLE, WORKING, Move, State
from roost_cloud.runs.stepping import clean, step
from roost_cloud.runs.store import policy_of

__all__ = [
    "LEASE",
    "LINES_KEPT",
    "Claim",
    "News",
    "RunLostError",
    "advance",
    "claim",
    "fault",
    "hand_back",
    "held",
    "is_any_due",
    "is_any_lost",
    "reap",
    "report",
]

LEASE: Final = timedelta(seconds=60)
LINES_KEPT: Final = 2000  # of a run's log
METRICS_KEPT: Final = 256
_DEFAULT_ATTEMPTS: Final = 1  # of a run whose policy this version cannot read


class RunLostError(ConflictError):
    """A run is no longer this worker's.

    Attributes:
        state: that it is in now.
    """

    code = "run.lost"

    def __init__(self, state: State) -> None:
        super().__init__(f"the run is {state}, and no longer this worker's")
        self.state = state


class Claim(NamedTuple):
    """A run in a worker's hands."""

    tenant: str
    run: str
    attempt: int
    worker: str


@dataclass(frozen=True, kw_only=True)
class News:
    """What a process said since the last report.

    Attributes:
        done: steps of the piece of work in hand; None: nothing new.
        total: that it has.
        what: the piece of work.
        lines: for the log.
        metrics: by name.
        trainer_version: of the trainer at work; None: it has not said so.
    """

    done: int | None = None
    total: int = 0
    what: str = ""
    lines: Sequence[str] = ()
    metrics: Mapping[str, float]
    trainer_version: str | None = None


def is_any_due(session: Session, now: datetime) -> bool:
    """Whether there is anything to claim."""
    return session.scalar(select(TrainingRun.id).where(*_claimable(now)).limit(1)) is not None


def claim(session: Session, worker: str, now: datetime) -> TrainingRun | None:
    """Take the run that has been due for longest; nobody else takes it meanwhile. None: there is none."""
    query = select(TrainingRun).where(*_claimable(now))
    row = session.scalars(query.order_by(TrainingRun.due_at).limit(1).with_for_update(skip_locked=True)).first()
    if row is None:
        return None
    row.attempt += 1
    row.worker, row.lease_until = worker, now + LEASE
    row.started_at = row.started_at or now
    row.done = row.total = 0
    row.what = ""
    step(session, row, "claim", actor=worker, why=f"attempt {row.attempt}", now=now)
    return row


def _claimable(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        TrainingRun.ended_at.is_(None),
        TrainingRun.state.in_(CLAIMABLE),
        TrainingRun.worker.is_(None),
        TrainingRun.due_at <= now,
    )


def held(session: Session, mine: Claim) -> TrainingRun:
    """A run's row, locked, if it is still in our hands.

    Raises:
        RunLostError: it is not.
    """
    row = session.get(TrainingRun, (mine.tenant, mine.run), with_for_update=True, populate_existing=True)
    if row is None:
        raise RunLostError("cancelled")
    if (row.attempt, row.worker) != (mine.attempt, mine.worker) or row.ended_at is not None:
        raise RunLostError(cast("State", row.state))
    return row


def report(session: Session, mine: Claim, news: News, now: datetime) -> None:
    """Say that we are at it, and what there is to tell.

    Raises:
        RunLostError: it is not ours any more.
    """
    row = held(session, mine)
    row.lease_until = now + LEASE
    if news.done is not None:
        row.done, row.total, row.what = news.done, news.total, clean(news.what)
    if news.trainer_version is not None:
        row.trainer_version = clean(news.trainer_version)[:60]
    for text in news.lines[-LINES_KEPT:]:
        row.lines += 1
        told = {"at": now, "attempt": mine.attempt, "text": clean(text)}
        session.add(TrainingLine(tenant=mine.tenant, run=mine.run, number=row.lines, **told))
    if news.lines:
        of_run = (TrainingLine.tenant == mine.tenant, TrainingLine.run == mine.run)
        session.flush()
        session.execute(delete(TrainingLine).where(*of_run, TrainingLine.number <= row.lines - LINES_KEPT))
    for name, value in list(news.metrics.items())[:METRICS_KEPT]:
        _keep_metric(session, mine, clean(name)[:100], value, now)


def _keep_metric(session: Session, mine: Claim, name: str, value: float, now: datetime) -> None:
    row = session.get(TrainingMetric, (mine.tenant, mine.run, name))
    if row is None:
        told = {"value": value, "attempt": mine.attempt, "at": now}
        session.add(TrainingMetric(tenant=mine.tenant, run=mine.run, name=name, **told))
    else:
        row.value, row.attempt, row.at = value, mine.attempt, now


def advance(session: Session, mine: Claim, by: Move, why: str, now: datetime) -> TrainingRun:
    """Make a step with a run of ours.

    Raises:
        RunLostError: it is not ours any more.
    """
    row = held(session, mine)
    step(session, row, by, actor=mine.worker, why=why, now=now)
    row.lease_until = None if row.ended_at is not None else now + LEASE
    if by in ("lack", "pass"):
        row.worker, row.lease_until = None, None
    return row


def fault(
    session: Session, mine: Claim, cause: Cause, code: str, text: str, now: datetime, *, draw: float
) -> TrainingRun:
    """End an attempt that failed: the run is tried again, or given up.

    Raises:
        RunLostError: it is not ours any more.
    """
    row = held(session, mine)
    _fault(session, row, cause, code, text, now, actor=mine.worker, draw=draw)
    return row


def hand_back(session: Session, mine: Claim, now: datetime) -> None:
    """Give a run back because the worker is being stopped: no fault of anybody's.

    Raises:
        RunLostError: it is not ours any more.
    """
    row = held(session, mine)
    _let_go(row)
    row.due_at = now
    step(session, row, "retry", actor=mine.worker, why="handed back: the worker is being stopped", now=now)


def reap(session: Session, now: datetime, *, draw: float) -> list[tuple[str, str]]:
    """Take runs out of the hands of workers that have not been heard of for the length of a lease.

    Returns:
        Tenants and runs.
    """
    rows = session.scalars(select(TrainingRun).where(*_lost(now)).with_for_update(skip_locked=True)).all()
    for row in rows:
        text = f"worker {row.worker} has not been heard of since {row.lease_until and row.lease_until - LEASE}"
        _fault(session, row, "lost", "run.worker_lost", text, now, actor="trainer", draw=draw)
    return [(row.tenant, row.id) for row in rows]


def is_any_lost(session: Session, now: datetime) -> bool:
    """Whether there is anything to reap."""
    return session.scalar(select(TrainingRun.id).where(*_lost(now)).limit(1)) is not None


def _lost(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (TrainingRun.ended_at.is_(None), TrainingRun.state.in_(WORKING), TrainingRun.lease_until < now)


def _fault(
    session: Session, row: TrainingRun, cause: Cause, code: str, text: str, now: datetime, *, actor: str, draw: float
) -> None:
    row.retries += 1
    row.failures += counts(cause)
    row.problem_code, row.problem = code[:60], clean(text)
    _let_go(row)
    faults, age = Faults(row.failures, row.retries), now - row.ready_at
    again = verdict(cause, faults, attempts=_attempts(row), age=age, draw=draw)
    if again is None:
        step(session, row, "fail", actor=actor, why=f"{code}: {text}", now=now)
        return
    row.due_at = now + again.wait
    why = f"{code}: {text}; again in {again.wait.total_seconds():.0f} s"
    step(session, row, "retry", actor=actor, why=why, now=now)


def _let_go(row: TrainingRun) -> None:
    row.worker, row.lease_until = None, None
    row.done, row.total, row.what = 0, 0, ""


def _attempts(row: TrainingRun) -> int:
    try:
        return policy_of(row).attempts
    except BadPolicyError:
        return _DEFAULT_ATTEMPTS
