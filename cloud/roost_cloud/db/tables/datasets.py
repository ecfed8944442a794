"""Dataset snapshots: their documents are objects; here is which there are, and which samples they hold on to."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from roost_cloud.db.base import Base, Name
from roost_cloud.db.tables.shards import SAMPLE_CHARS

__all__ = ["Dataset", "DatasetSample"]

_DIGEST = String(71)  # "sha256:" and 64 hex digits
_WHO = String(100)


class Dataset(Base):
    """A snapshot, for ever the same."""

    __tablename__ = "dataset"
    __table_args__ = (Index(None, "tenant", "created_at", "digest"),)

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    digest: Mapped[str] = mapped_column(_DIGEST, primary_key=True)  # of its document
    task: Mapped[str] = mapped_column(Name)
    incumbent: Mapped[str] = mapped_column(_DIGEST)  # of the bundle's manifest
    split: Mapped[str] = mapped_column(String(8))
    items: Mapped[int]
    size_bytes: Mapped[int] = mapped_column(BigInteger)  # of its inputs
    document_bytes: Mapped[int] = mapped_column(BigInteger)
    summary: Mapped[dict[str, Any]]  # how many of what, what was left out and why
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(_WHO)
    held_until: Mapped[datetime]  # until then its samples do not expire


class DatasetSample(Base):
    """A sample that a snapshot holds; goes with the sample."""

    __tablename__ = "dataset_sample"
    __table_args__ = (
        ForeignKeyConstraint(["tenant", "dataset"], ["dataset.tenant", "dataset.digest"]),
        Index(None, "tenant", "device", "sample"),
    )

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    dataset: Mapped[str] = mapped_column(_DIGEST, primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    sample: Mapped[str] = mapped_column(String(SAMPLE_CHARS), primary_key=True)
