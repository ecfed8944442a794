"""What devices are assigned, and what they report of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from roost_cloud.db.base import Base, Name

__all__ = ["AssignedBundle", "AssignmentVersion", "DeviceAssignment", "DeviceReport"]

PROBLEM_CHARS = 500
CODE_CHARS = 100
WORD_CHARS = 32
_UNTOLD = text("told <> change")


class AssignmentVersion(Base):
    """One version of what a device was assigned. It outlives the device's row: its number is never given again."""

    __tablename__ = "assignment"

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    document: Mapped[dict[str, Any]]  # as people wrote it
    envelope: Mapped[bytes]  # what it came to, signed, as it goes to the device
    issued_at: Mapped[datetime]
    issued_by: Mapped[str] = mapped_column(String(100))


class DeviceAssignment(Base):
    """What a device's `desired` topic shall hold, and whether the broker has been told.

    A row whose `told` is not its `change` has to be published. It stays until a topic that shall be empty is.
    """

    __tablename__ = "device_assignment"
    __table_args__ = (
        Index("ix_device_assignment_untold", "tenant", "device", sqlite_where=_UNTOLD, postgresql_where=_UNTOLD),
    )

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)  # the newest; 0: none any more
    change: Mapped[int] = mapped_column(BigInteger)  # one more whenever there is something to publish
    told: Mapped[int] = mapped_column(BigInteger)  # the `change` that the broker confirmed last
    told_at: Mapped[datetime | None]


class AssignedBundle(Base):
    """A bundle that the newest assignment of a device names, so that nobody deletes it."""

    __tablename__ = "assigned_bundle"
    __table_args__ = (Index(None, "tenant", "name", "version"),)

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    name: Mapped[str] = mapped_column(Name, primary_key=True)
    version: Mapped[str] = mapped_column(String(128), primary_key=True)


class DeviceReport(Base):
    """The last that a device said of what it runs."""

    __tablename__ = "device_report"
    __table_args__ = (
        ForeignKeyConstraint(["tenant", "device"], ["device.tenant", "device.name"], ondelete="CASCADE"),
    )

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    boot: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(BigInteger)  # in force; 0 for none
    desired: Mapped[int] = mapped_column(BigInteger)  # the newest that it has believed
    confirmed: Mapped[bool]
    trust: Mapped[str] = mapped_column(String(WORD_CHARS))
    problem_code: Mapped[str | None] = mapped_column(String(CODE_CHARS))
    problem: Mapped[str | None] = mapped_column(String(PROBLEM_CHARS))
    received_at: Mapped[datetime]  # by our clock
    document: Mapped[bytes]  # whole, as it came
