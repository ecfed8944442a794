"""Tenants, the tokens people and programs come with, and the sessions that people have ended."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from roost_cloud.db.base import Base, Name

__all__ = ["ApiToken", "EndedSession", "Tenant"]


class Tenant(Base):
    """A customer, a department, a household: whoever must never see another's things."""

    __tablename__ = "tenant"

    name: Mapped[str] = mapped_column(Name, primary_key=True)
    created_at: Mapped[datetime]


class ApiToken(Base):
    """What somebody proves who they are with; the secret itself is not kept."""

    __tablename__ = "api_token"
    __table_args__ = (CheckConstraint("role IN ('viewer', 'operator', 'admin')", name="role"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    tenant: Mapped[str | None] = mapped_column(ForeignKey("tenant.name"), index=True)  # None: the platform's
    name: Mapped[str] = mapped_column(String(200))  # for people
    role: Mapped[str] = mapped_column(String(16))
    secret_sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(100))
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]  # to the minute


class EndedSession(Base):
    """A dashboard session that was signed out of, kept while its cookie would be good. Those that last are nowhere."""

    __tablename__ = "ended_session"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
