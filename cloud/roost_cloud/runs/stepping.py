"""A run's step to its next state, written down with who made it and why; whoever wants to know is told."""

from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import TrainingAlarm, TrainingRun, TrainingStep
from roost_cloud.db.tables.training import TEXT_CHARS
from roost_cloud.events.publishing import publish
from roost_cloud.runs.state import ENDED, Move, State, move

__all__ = ["clean", "note_opened", "step"]

# What others are told of: that a person is waited for, and every end.
_TOLD: Final[frozenset[State]] = ENDED | {"proposed", "waiting", "passed"}


def step(session: Session, row: TrainingRun, by: Move, *, actor: str, why: str, now: datetime) -> State:
    """Move a run, whose row is locked.

    Raises:
        RunStateError: the move leads nowhere from where it is.
    """
    before = cast("State", row.state)
    after = move(before, by)
    row.state = after
    if after in ENDED:
        row.ended_at, row.worker, row.lease_until = now, None, None
    _write(session, row, before, after, actor=actor, why=why, now=now)
    return after


def note_opened(session: Session, row: TrainingRun, *, actor: str, now: datetime) -> None:
    """Write down that a run was opened."""
    _write(session, row, None, cast("State", row.state), actor=actor, why=row.reason, now=now)


def clean(text: str) -> str:
    """What others say, as one line that a database and a terminal take."""
    return "".join(char if char.isprintable() else " " for char in text)[:TEXT_CHARS]


def _write(
    session: Session, row: TrainingRun, before: State | None, after: State, *, actor: str, why: str, now: datetime
) -> None:
    of_run = (TrainingStep.tenant == row.tenant, TrainingStep.run == row.id)
    last = session.scalar(select(func.max(TrainingStep.number)).where(*of_run)) or 0
    session.add(
        TrainingStep(
            tenant=row.tenant,
            run=row.id,
            number=last + 1,
            at=now,
            before=before,
            after=after,
            actor=actor,
            why=clean(why),
        )
    )
    session.flush()
    if after in _TOLD:
        publish(session, row.tenant, f"run.{after}", _data(session, row, clean(why)), now)


def _data(session: Session, row: TrainingRun, why: str) -> dict[str, Any]:
    of_run = (TrainingAlarm.tenant == row.tenant, TrainingAlarm.run == row.id)
    return {
        "run": row.id,
        "task": row.task,
        "state": row.state,
        "cause": row.cause,
        "reason": row.reason,
        "why": why,
        "alarms": sorted(session.scalars(select(TrainingAlarm.alarm).where(*of_run))),
        "incumbent": f"{row.name}:{row.incumbent_version}",
        "candidate": f"{row.name}:{row.version}" if row.candidate is not None else None,
        "problem": row.problem_code if row.state == "failed" else None,
    }
