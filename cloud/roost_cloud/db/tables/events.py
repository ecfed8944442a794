"""Events that others are told of, who wants to be told, and how far each telling is."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from roost_cloud.db.base import Base, Name

__all__ = ["Event", "Hook", "HookDelivery"]


class Event(Base):
    """Something that happened, written in the transaction that made it so."""

    __tablename__ = "event"
    __table_args__ = (Index(None, "at"),)

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    id: Mapped[str] = mapped_column(String(32), primary_key=True)  # hex
    kind: Mapped[str] = mapped_column(String(60))  # "alarm.opened"
    at: Mapped[datetime]
    data: Mapped[dict[str, Any]]


class Hook(Base):
    """Whom a tenant has told of events, and how."""

    __tablename__ = "hook"
    __table_args__ = (CheckConstraint("way IN ('webhook', 'mqtt')", name="way"),)

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    id: Mapped[str] = mapped_column(String(16), primary_key=True)  # hex
    way: Mapped[str] = mapped_column(String(16))
    url: Mapped[str | None] = mapped_column(String(2000))  # of a webhook
    nouns: Mapped[list[str]] = mapped_column(JSON)  # of events: "alarm"; empty: all
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(100))


class HookDelivery(Base):
    """That a hook is to be told of an event. It goes with its hook, and with its event."""

    __tablename__ = "hook_delivery"
    __table_args__ = (
        ForeignKeyConstraint(["tenant", "hook"], ["hook.tenant", "hook.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["tenant", "event"], ["event.tenant", "event.id"], ondelete="CASCADE"),
        CheckConstraint("state IN ('pending', 'accepted', 'given_up')", name="state"),
        Index(
            "ix_hook_delivery_due",
            "due_at",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index(None, "tenant", "event"),
    )

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    hook: Mapped[str] = mapped_column(String(16), primary_key=True)
    event: Mapped[str] = mapped_column(String(32), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]  # when to try next; whoever tries puts it off first
    problem: Mapped[str | None] = mapped_column(String(200))  # of the last attempt
