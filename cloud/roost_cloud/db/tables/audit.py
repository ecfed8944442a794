"""Who changed what, when."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from roost_cloud.db.base import Base, Name

__all__ = ["AuditEntry"]


class AuditEntry(Base):
    """One change, written in the transaction that made it."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index(None, "tenant", "id"),)

    # SQLite counts up by itself only in a column of type INTEGER.
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    tenant: Mapped[str | None] = mapped_column(Name)  # None: the platform's
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(100))  # "token:ID", "device:NAME", "enrolment:ID"
    action: Mapped[str] = mapped_column(String(60))  # "device.revoke"
    subject: Mapped[str] = mapped_column(String(300))  # "cam-01"
    detail: Mapped[dict[str, Any]]
