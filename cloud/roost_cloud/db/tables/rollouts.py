"""Rollouts: their plans, how they and their devices stand, what was seen of the candidate, and every transition."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Float, ForeignKey, ForeignKeyConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from roost_cloud.db.base import Base, Name

__all__ = ["RolloutDevice", "RolloutEvent", "RolloutRow"]

ID_CHARS = 16
_ID = String(ID_CHARS)  # hex
_STATE = String(16)
_VERSION = String(128)
_CODE = String(100)
_MESSAGE = String(500)
_UNFINISHED = text("ended_at IS NULL")


class RolloutRow(Base):
    """A rollout. Its lock is who directs it: of two directors, one passes it over."""

    __tablename__ = "rollout"
    __table_args__ = (
        # One at a time for a task, whoever starts another.
        Index(
            "uq_rollout_unfinished",
            "tenant",
            "task",
            unique=True,
            sqlite_where=_UNFINISHED,
            postgresql_where=_UNFINISHED,
        ),
        Index(None, "tenant", "created_at", "id"),
        Index("ix_rollout_followed", "followed", sqlite_where=text("followed"), postgresql_where=text("followed")),
    )

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    task: Mapped[str] = mapped_column(Name)
    contestant: Mapped[str] = mapped_column(Name)
    bundle_name: Mapped[str] = mapped_column(Name)
    bundle_version: Mapped[str] = mapped_column(_VERSION)
    bundle_digest: Mapped[str] = mapped_column(String(71))
    predicted: Mapped[float | None] = mapped_column(Float(53))  # disagreement with what runs now
    plan: Mapped[dict[str, Any]]  # as it was written
    state: Mapped[str] = mapped_column(_STATE)  # as `standing` has it, for lists
    standing: Mapped[bytes]  # MessagePack of `rollouts.states.Rollout`
    counts: Mapped[dict[str, Any]]  # of its stage, at the last look
    waits_for: Mapped[dict[str, Any]]  # {"says": […]}
    finding: Mapped[dict[str, Any]]  # of the gate, at the last look
    labels: Mapped[dict[str, Any]]  # by stage, how disagreements were decided: `rollouts.ruling.Ruled`
    events: Mapped[int] = mapped_column(BigInteger)  # how many it has
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(100))
    looked_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    followed: Mapped[bool]  # a director looks at it: it has not ended, or not all of its devices have


class RolloutDevice(Base):
    """A device in a rollout. It outlives the device's row."""

    __tablename__ = "rollout_device"
    __table_args__ = (
        ForeignKeyConstraint(["tenant", "rollout"], ["rollout.tenant", "rollout.id"], ondelete="CASCADE"),
        Index(None, "tenant", "device"),
        Index(
            "ix_rollout_device_unassigned",
            "tenant",
            "rollout",
            sqlite_where=text("is_due"),
            postgresql_where=text("is_due"),
        ),
    )

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    rollout: Mapped[str] = mapped_column(_ID, primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    before: Mapped[str] = mapped_column(_VERSION)  # `NAME:VERSION` that the candidate takes the place of
    limit_ms: Mapped[float | None] = mapped_column(Float(53))  # that there is for a score
    state: Mapped[str] = mapped_column(_STATE)  # as `standing` has it, for lists
    is_due: Mapped[bool]  # an assignment has yet to be written for it
    standing: Mapped[bytes]  # MessagePack of `rollouts.states.Member`
    seen: Mapped[bytes | None]  # MessagePack of `rollouts.evidence.Gathered`


class RolloutEvent(Base):
    """A transition of a rollout, or of a device in it."""

    __tablename__ = "rollout_event"
    __table_args__ = (
        ForeignKeyConstraint(["tenant", "rollout"], ["rollout.tenant", "rollout.id"], ondelete="CASCADE"),
        Index(None, "tenant", "rollout", "device", "number"),  # a device's, of those of ten thousand
    )

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    rollout: Mapped[str] = mapped_column(_ID, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # counts from 1
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(100))
    device: Mapped[str | None] = mapped_column(Name)  # None: of the rollout itself
    became: Mapped[str] = mapped_column(_STATE)
    stage: Mapped[int]  # -1: none
    code: Mapped[str | None] = mapped_column(_CODE)
    message: Mapped[str | None] = mapped_column(_MESSAGE)
