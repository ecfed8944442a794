"""Stretches of a device's samples whose inputs people want to see before anything else."""

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from roost_cloud.db.base import Base, Name

__all__ = ["WantedStretch"]


class WantedStretch(Base):
    """Samples of a task on a device, by when the cloud was told of them. It goes with its device."""

    __tablename__ = "wanted_stretch"
    __table_args__ = (
        ForeignKeyConstraint(["tenant", "device"], ["device.tenant", "device.name"], ondelete="CASCADE"),
    )

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    task: Mapped[str] = mapped_column(Name, primary_key=True)
    since: Mapped[datetime] = mapped_column(primary_key=True)  # inclusive
    until: Mapped[datetime] = mapped_column(primary_key=True)  # exclusive
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(String(100))
    served: Mapped[bool]  # it is past, and the device has nothing more of it
