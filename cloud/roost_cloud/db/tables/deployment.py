"""Whose database this is."""

from datetime import datetime

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from roost_cloud.db.base import Base

__all__ = ["Deployment"]


class Deployment(Base):
    """The deployment: one row, written at its first start."""

    __tablename__ = "deployment"
    __table_args__ = (CheckConstraint("id = 1", name="id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    root_fingerprint: Mapped[str] = mapped_column(String(71))  # "sha256:" and hex, as enrolment tokens carry it
    begun_at: Mapped[datetime]
