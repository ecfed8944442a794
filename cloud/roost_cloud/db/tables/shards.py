"""Shards: tars of kept inputs that devices brought, and those on their way."""

from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, Float, ForeignKey, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from roost_cloud.db.base import Base, Name

__all__ = ["SAMPLE_CHARS", "SampleInput", "Shard", "ShardUpload"]

SAMPLE_CHARS: Final = 85  # a boot, a dash and a count
_SHA256 = String(64)  # hex


class Shard(Base):
    """A tar in the object store, whole and checked against its list."""

    __tablename__ = "shard"

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)  # it may be gone: what it brought stays
    id: Mapped[str] = mapped_column(_SHA256, primary_key=True)  # digest of the list
    task: Mapped[str] = mapped_column(Name)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    entries: Mapped[int]  # listed; inputs that came in another shard before are counted here too
    created_at: Mapped[datetime]  # when its upload began
    committed_at: Mapped[datetime]


class ShardUpload(Base):
    """A shard on its way; its parts are with the object store.

    While the object is at a shard's place and there is no row of the shard, there is this one.
    """

    __tablename__ = "shard_upload"
    __table_args__ = (UniqueConstraint("id"), Index(None, "touched_at"))

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    shard: Mapped[str] = mapped_column(_SHA256, primary_key=True)
    id: Mapped[str] = mapped_column(String(32))  # another one if it has to begin anew
    listing: Mapped[bytes]  # the shard's list
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    store_upload: Mapped[str] = mapped_column(String(1024))  # the object store's name for it
    created_at: Mapped[datetime]
    touched_at: Mapped[datetime]  # when the device last asked for its URLs


class SampleInput(Base):
    """Where an input lies: in which shard, and at which of its bytes."""

    __tablename__ = "sample_input"
    __table_args__ = (
        ForeignKeyConstraint(["tenant", "device", "shard"], ["shard.tenant", "shard.device", "shard.id"]),
    )

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    sample: Mapped[str] = mapped_column(String(SAMPLE_CHARS), primary_key=True)
    shard: Mapped[str] = mapped_column(_SHA256)
    offset: Mapped[int] = mapped_column(BigInteger)  # of the input in the tar
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(_SHA256)
    media_type: Mapped[str] = mapped_column(String(100))
    probability: Mapped[float] = mapped_column(Float(53))  # with which it was kept in the end
    committed_at: Mapped[datetime]
