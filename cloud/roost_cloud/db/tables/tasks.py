"""Tasks whose contestants the cloud runs."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from roost_cloud.db.base import Base, Name

__all__ = ["CloudTask"]


class CloudTask(Base):
    """A task's document as it stands; what it was before is in the audit's record."""

    __tablename__ = "cloud_task"

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    name: Mapped[str] = mapped_column(Name, primary_key=True)
    document: Mapped[dict[str, Any]]
    version: Mapped[int] = mapped_column(Integer)  # one more with each change
    updated_at: Mapped[datetime]
    updated_by: Mapped[str] = mapped_column(String(100))
