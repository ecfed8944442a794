"""Alarms: findings that need somebody's time."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from roost_cloud.db.base import Base, Name
from roost_cloud.db.tables.records import BUNDLE_CHARS

__all__ = ["Alarm"]


class Alarm(Base):
    """One finding on one device."""

    __tablename__ = "alarm"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'acknowledged', 'resolved')", name="state"),
        # One of a kind until somebody has resolved it, whoever finds it.
        Index(
            "uq_alarm_unresolved",
            "tenant",
            "device",
            "task",
            "kind",
            unique=True,
            sqlite_where=text("state <> 'resolved'"),
            postgresql_where=text("state <> 'resolved'"),
        ),
        Index(None, "tenant", "opened_at", "id"),
    )

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    id: Mapped[str] = mapped_column(String(16), primary_key=True)  # hex
    device: Mapped[str] = mapped_column(Name)
    task: Mapped[str] = mapped_column(Name)
    kind: Mapped[str] = mapped_column(String(16))
    contestant: Mapped[str] = mapped_column(Name)  # whose windows say so; empty: the task's answers
    bundle: Mapped[str | None] = mapped_column(String(BUNDLE_CHARS))
    cause: Mapped[str] = mapped_column(String(16))  # whose fault it is, as far as can be told
    since: Mapped[datetime]  # when the first of the decisions that say so began
    opened_at: Mapped[datetime]
    last_exceeded_at: Mapped[datetime]
    explanation: Mapped[dict[str, Any]]  # what moved
    state: Mapped[str] = mapped_column(String(16))
    muted_until: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None] = mapped_column(String(100))
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None] = mapped_column(String(100))
    note: Mapped[str | None] = mapped_column(String(200))  # the last that somebody gave
