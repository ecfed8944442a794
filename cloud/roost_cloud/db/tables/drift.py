"""Drift: what windows were merged to, what each device is judged against, and what was found."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Float, ForeignKey, ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from roost_cloud.db.base import Base, Name
from roost_cloud.db.tables.records import BUNDLE_CHARS

__all__ = ["DecisionWindow", "DriftBaseline", "DriftSettings", "DriftStream", "DriftVerdict"]

_DOUBLE: Final = Float(53)
_KIND: Final = String(16)
_IDENTITY: Final = String(32)  # hex
_ACTOR: Final = String(100)
WORDS_CHARS: Final = 200


class DriftSettings(Base):
    """What a tenant wants of drift; without a row, the defaults."""

    __tablename__ = "drift_settings"

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    document: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]
    updated_by: Mapped[str] = mapped_column(_ACTOR)


class DriftStream(Base):
    """A task on a device: its row's lock is who decides on its windows. It goes with its device."""

    __tablename__ = "drift_stream"
    __table_args__ = (
        ForeignKeyConstraint(["tenant", "device"], ["device.tenant", "device.name"], ondelete="CASCADE"),
    )

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    task: Mapped[str] = mapped_column(Name, primary_key=True)


class DecisionWindow(Base):
    """Windows of a contestant on a device, merged until they hold enough to be judged."""

    __tablename__ = "decision_window"
    __table_args__ = (Index(None, "tenant", "ended_at"),)

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    task: Mapped[str] = mapped_column(Name, primary_key=True)
    contestant: Mapped[str] = mapped_column(Name, primary_key=True)  # empty: the task's answers
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # counts up
    bundle: Mapped[str | None] = mapped_column(String(BUNDLE_CHARS))
    began_at: Mapped[datetime]  # when the cloud had the first of its windows
    ended_at: Mapped[datetime]  # when it had the last
    seconds: Mapped[float] = mapped_column(_DOUBLE)
    count: Mapped[int] = mapped_column(BigInteger)  # requests in it
    phi: Mapped[bytes | None]  # each as `roost_shared.sketches` encodes it
    labels: Mapped[bytes | None]
    confidence: Mapped[bytes | None]


class DriftBaseline(Base):
    """What decisions of a kind are judged against: the first ones of their world. It goes with its device."""

    __tablename__ = "drift_baseline"
    __table_args__ = (
        ForeignKeyConstraint(["tenant", "device"], ["device.tenant", "device.name"], ondelete="CASCADE"),
        Index(None, "tenant", "task", "kind", "identity"),
    )

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    task: Mapped[str] = mapped_column(Name, primary_key=True)
    contestant: Mapped[str] = mapped_column(Name, primary_key=True)
    kind: Mapped[str] = mapped_column(_KIND, primary_key=True)
    identity: Mapped[str] = mapped_column(_IDENTITY, primary_key=True)  # of the world; devices of one are compared
    first_number: Mapped[int] = mapped_column(BigInteger)  # of its decisions
    last_number: Mapped[int] = mapped_column(BigInteger)  # of its decisions so far
    windows: Mapped[int]  # decisions in it
    seconds: Mapped[float] = mapped_column(_DOUBLE)  # that they took
    began_at: Mapped[datetime]
    began_by: Mapped[str] = mapped_column(_ACTOR)
    note: Mapped[str | None] = mapped_column(String(200))
    commissioned_at: Mapped[datetime | None]  # None: it still grows
    problem: Mapped[str | None] = mapped_column(String(WORDS_CHARS))  # why it is whole and yet judges nothing
    unsteady: Mapped[str | None] = mapped_column(String(WORDS_CHARS))  # how its halves differ, if they do


class DriftVerdict(Base):
    """What a decision said of a kind of drift."""

    __tablename__ = "drift_verdict"
    __table_args__ = (Index(None, "tenant", "decided_at"),)

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    task: Mapped[str] = mapped_column(Name, primary_key=True)
    contestant: Mapped[str] = mapped_column(Name, primary_key=True)
    kind: Mapped[str] = mapped_column(_KIND, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # of the decision
    identity: Mapped[str] = mapped_column(_IDENTITY)
    distance: Mapped[float | None] = mapped_column(_DOUBLE)  # U; None: it is of the baseline, or could not be judged
    threshold: Mapped[float | None] = mapped_column(_DOUBLE)  # None: it could not be judged, and exceeds nothing
    exceeded: Mapped[bool]
    commissioning: Mapped[bool]  # it is of the baseline
    decided_at: Mapped[datetime]
