"""The roots of tenants' trust."""

from sqlalchemy import ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from roost_cloud.db.base import Base

__all__ = ["TrustRepository"]


class TrustRepository(Base):
    """That a tenant has a TUF repository; its row's lock is who changes it. The files are in the object store."""

    __tablename__ = "trust_repository"

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    root_version: Mapped[int] = mapped_column(Integer)  # the newest
    root_digest: Mapped[str] = mapped_column(String(71))
    seal: Mapped[str] = mapped_column(String(64))  # shows that the three above are as we wrote them
