"""Training: what each task's policy is, which runs there are, and what each of them went through."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import JSON, BigInteger, CheckConstraint, Float, ForeignKey, ForeignKeyConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from roost_cloud.db.base import Base, Name

__all__ = ["TrainingAlarm", "TrainingLine", "TrainingMetric", "TrainingPolicy", "TrainingRun", "TrainingStep"]

TEXT_CHARS: Final = 500  # of a line of a log, or of what is said of a step

_ID: Final = String(16)  # hex
_DIGEST: Final = String(71)
_STATE: Final = String(16)
_WHO: Final = String(100)
_TEXT: Final = String(TEXT_CHARS)
_OF_RUN: Final = (["tenant", "run"], ["training_run.tenant", "training_run.id"])
_STATES: Final = (
    "proposed",
    "waiting",
    "queued",
    "preparing",
    "training",
    "judging",
    "passed",
    "approved",
    "registered",
    "refused",
    "failed",
    "cancelled",
)


class TrainingPolicy(Base):
    """What a tenant wants of the training of a task; without a row, the defaults."""

    __tablename__ = "training_policy"

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    task: Mapped[str] = mapped_column(Name, primary_key=True)
    document: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]
    updated_by: Mapped[str] = mapped_column(_WHO)


class TrainingRun(Base):
    """A run. Whoever works on it writes only while `attempt` is the one it was given with the run."""

    __tablename__ = "training_run"
    __table_args__ = (
        CheckConstraint(f"state IN ({', '.join(map(repr, _STATES))})", name="state"),
        # One of a task at a time, whoever opens it.
        Index(
            "uq_training_run_open",
            "tenant",
            "task",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(
            "ix_training_run_due",
            "state",
            "due_at",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(None, "tenant", "opened_at", "id"),
        Index(None, "tenant", "task", "opened_at"),
    )

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    task: Mapped[str] = mapped_column(Name)
    state: Mapped[str] = mapped_column(_STATE)
    policy: Mapped[dict[str, Any]]  # the task's, as it was when the run was opened
    parameters: Mapped[dict[str, Any]]  # the trainer's own
    seed: Mapped[int] = mapped_column(BigInteger)
    cause: Mapped[str] = mapped_column(_STATE)
    reason: Mapped[str] = mapped_column(_TEXT)
    name: Mapped[str] = mapped_column(Name)  # of the incumbent, and of the candidate
    incumbent_version: Mapped[str] = mapped_column(String(128))
    incumbent: Mapped[str] = mapped_column(_DIGEST)  # the manifest's
    version: Mapped[str] = mapped_column(String(128))  # of the candidate
    since: Mapped[datetime]  # what came from then on shows the changed world
    devices: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))  # on which it changed; None: on all
    opened_at: Mapped[datetime]
    opened_by: Mapped[str] = mapped_column(_WHO)
    ready_at: Mapped[datetime]  # when it was queued or approved last: patience with a peer counts from then
    due_at: Mapped[datetime]  # not to be claimed before
    attempt: Mapped[int]  # times it was claimed: whose word counts
    failures: Mapped[int]  # attempts that failed for a reason of their own
    retries: Mapped[int]  # attempts that failed for any reason
    worker: Mapped[str | None] = mapped_column(_WHO)  # that has it now
    lease_until: Mapped[datetime | None]
    labels_had: Mapped[int | None]  # when they were counted last
    done: Mapped[int] = mapped_column(BigInteger)  # of the steps of the piece of work in hand
    total: Mapped[int] = mapped_column(BigInteger)
    what: Mapped[str] = mapped_column(_TEXT)
    lines: Mapped[int] = mapped_column(BigInteger)  # logged so far
    trainer_version: Mapped[str | None] = mapped_column(String(60))  # as the trainer said itself
    snapshot: Mapped[str | None] = mapped_column(_DIGEST)
    candidate: Mapped[str | None] = mapped_column(_DIGEST)  # the manifest's, once the gate has let it pass
    is_kept: Mapped[bool]  # whether the candidate waits in the object store for a person's word
    verdict: Mapped[dict[str, Any] | None]
    problem_code: Mapped[str | None] = mapped_column(String(60))  # of the last attempt that failed
    problem: Mapped[str | None] = mapped_column(_TEXT)
    started_at: Mapped[datetime | None]  # when it was claimed first
    ended_at: Mapped[datetime | None]


class TrainingStep(Base):
    """A run's step from a state to the next."""

    __tablename__ = "training_step"
    __table_args__ = (ForeignKeyConstraint(*_OF_RUN, ondelete="CASCADE"),)

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    run: Mapped[str] = mapped_column(_ID, primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)  # counts up from 1
    at: Mapped[datetime]
    before: Mapped[str | None] = mapped_column(_STATE)  # None: it was opened
    after: Mapped[str] = mapped_column(_STATE)
    actor: Mapped[str] = mapped_column(_WHO)
    why: Mapped[str] = mapped_column(_TEXT)


class TrainingLine(Base):
    """A line of a run's log; the oldest go where there are too many."""

    __tablename__ = "training_line"
    __table_args__ = (ForeignKeyConstraint(*_OF_RUN, ondelete="CASCADE"),)

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    run: Mapped[str] = mapped_column(_ID, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # counts up from 1
    at: Mapped[datetime]
    attempt: Mapped[int]
    text: Mapped[str] = mapped_column(_TEXT)


class TrainingMetric(Base):
    """A figure of a run, as it was told last."""

    __tablename__ = "training_metric"
    __table_args__ = (ForeignKeyConstraint(*_OF_RUN, ondelete="CASCADE"),)

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    run: Mapped[str] = mapped_column(_ID, primary_key=True)
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    value: Mapped[float] = mapped_column(Float(53))
    attempt: Mapped[int]
    at: Mapped[datetime]


class TrainingAlarm(Base):
    """An alarm that opened a run, or joined one: each alarm does so once."""

    __tablename__ = "training_alarm"
    __table_args__ = (ForeignKeyConstraint(*_OF_RUN, ondelete="CASCADE"), Index(None, "tenant", "run"))

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    alarm: Mapped[str] = mapped_column(_ID, primary_key=True)
    run: Mapped[str] = mapped_column(_ID)
