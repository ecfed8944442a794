"""Inputs that devices have uploaded: which shard of the object store holds each, and where in it."""

from datetime import datetime

from sqlalchemy import BigInteger, Float, String
from sqlalchemy.orm import Mapped, mapped_column

from roost_cloud.db.base import Base, Name

__all__ = ["SampleInput"]


class SampleInput(Base):
    """A sample's input, byte for byte as received, within a committed shard."""

    __tablename__ = "sample_input"

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    sample: Mapped[str] = mapped_column(String(85), primary_key=True)
    shard: Mapped[str] = mapped_column(String(64))
    offset: Mapped[int] = mapped_column(BigInteger)  # of the payload in the shard's tar
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    media_type: Mapped[str] = mapped_column(String(100))
    probability: Mapped[float] = mapped_column(Float(53))  # the final one
    committed_at: Mapped[datetime]
