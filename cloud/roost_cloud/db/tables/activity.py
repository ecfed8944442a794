"""What windows come to by the hour, and how devices are: for whoever looks at a fleet, however great.

No foreign keys here, as in `records`: whoever stores has looked the device up in the same transaction.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, Float, String
from sqlalchemy.orm import Mapped, mapped_column

from roost_cloud.db.base import Base, Name

__all__ = ["LINK_CHARS", "DeviceHealth", "DeviceHour", "TaskHour"]

LINK_CHARS: Final = 16


class DeviceHour(Base):
    """Answers of a task on a device, of windows that came within an hour."""

    __tablename__ = "device_hour"

    # By the hour first: rows are added at the key's end, and the oldest go together.
    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)  # its beginning, by our clock
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    task: Mapped[str] = mapped_column(Name, primary_key=True)
    answers: Mapped[int] = mapped_column(BigInteger)
    reasoned: Mapped[int] = mapped_column(BigInteger)  # answers whose reason was told
    others: Mapped[int] = mapped_column(BigInteger)  # of these, neither `preferred` nor `forced`
    timed: Mapped[int] = mapped_column(BigInteger)  # answers of which it was told whether they met their deadline
    missed: Mapped[int] = mapped_column(BigInteger)  # of these, those that did not


class TaskHour(Base):
    """Scores of a contestant, or a task's answers, on all devices, of windows that came within an hour."""

    __tablename__ = "task_hour"

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    task: Mapped[str] = mapped_column(Name, primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    contestant: Mapped[str] = mapped_column(Name, primary_key=True)  # empty: the task's answers
    lane: Mapped[int] = mapped_column(primary_key=True)  # so that workers seldom wait for each other: they add up
    count: Mapped[int] = mapped_column(BigInteger)
    timed: Mapped[int] = mapped_column(BigInteger)  # as of a device
    missed: Mapped[int] = mapped_column(BigInteger)
    reasons: Mapped[bytes | None]  # each as `roost_shared.sketches` encodes it
    latency: Mapped[bytes | None]
    confidence: Mapped[bytes | None]
    disagreements: Mapped[bytes | None]


class DeviceHealth(Base):
    """How a device last said that it is."""

    __tablename__ = "device_health"

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    received_at: Mapped[datetime]  # by our clock
    temperature_c: Mapped[float | None] = mapped_column(Float(53))
    spool_bytes: Mapped[int | None] = mapped_column(BigInteger)
    spool_limit_bytes: Mapped[int | None] = mapped_column(BigInteger)
    waiting: Mapped[int | None] = mapped_column(BigInteger)
    link: Mapped[str | None] = mapped_column(String(LINK_CHARS))
    round_trip_ms: Mapped[float | None] = mapped_column(Float(53))
