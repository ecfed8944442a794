"""Devices, their labels and certificates, and the tokens they enrol with."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from roost_cloud.db.base import Base, Name

__all__ = ["Certificate", "Device", "DeviceLabel", "EnrolmentToken", "SpentNonce"]

_LABEL_KEY = String(63)
_LABEL_VALUE = String(255)
_SHA256 = String(64)  # hex
_FINGERPRINT = String(71)  # "sha256:" and hex


class Device(Base):
    """A device: who it is, and what it last said of itself."""

    __tablename__ = "device"
    __table_args__ = (
        CheckConstraint("status IN ('enrolled', 'revoked')", name="status"),
        CheckConstraint("state IN ('never', 'online', 'offline')", name="state"),
        Index(None, "tenant", "state", "name"),
    )

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    name: Mapped[str] = mapped_column(Name, primary_key=True)
    status: Mapped[str] = mapped_column(String(16), default="enrolled")
    enrolled_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    broker_secret_sha256: Mapped[str | None] = mapped_column(_SHA256)  # of its password at the embedded broker
    # From its birth and will:
    state: Mapped[str] = mapped_column(String(16), default="never")
    boot: Mapped[str | None] = mapped_column(String(64))
    session: Mapped[int | None]
    last_seen: Mapped[datetime | None]  # by our clock
    agent_version: Mapped[str | None] = mapped_column(String(64))
    problem: Mapped[str | None] = mapped_column(String(100))


class DeviceLabel(Base):
    """What people call devices together by: `site=north`."""

    __tablename__ = "device_label"
    __table_args__ = (
        ForeignKeyConstraint(["tenant", "device"], ["device.tenant", "device.name"], ondelete="CASCADE"),
        Index(None, "tenant", "key", "value", "device"),
    )

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    key: Mapped[str] = mapped_column(_LABEL_KEY, primary_key=True)
    value: Mapped[str] = mapped_column(_LABEL_VALUE)


class Certificate(Base):
    """A certificate we issued to a device. It outlives the device's row: brokers must refuse it until it expires."""

    __tablename__ = "certificate"
    __table_args__ = (Index(None, "tenant", "device"), Index(None, "revoked_at", "not_after"))

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    serial: Mapped[str] = mapped_column(String(40), primary_key=True)  # hex
    device: Mapped[str] = mapped_column(Name)
    public_key: Mapped[bytes]  # SubjectPublicKeyInfo, DER
    public_key_sha256: Mapped[str] = mapped_column(_FINGERPRINT)
    issued_at: Mapped[datetime]
    not_after: Mapped[datetime]
    used_at: Mapped[datetime | None]  # when its key first signed in at the API
    revoked_at: Mapped[datetime | None]


class EnrolmentToken(Base):
    """A right to become one device, once."""

    __tablename__ = "enrolment_token"
    __table_args__ = (Index(None, "tenant", "created_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"))
    device: Mapped[str] = mapped_column(Name)
    secret_sha256: Mapped[str] = mapped_column(_SHA256)
    labels: Mapped[dict[str, str]]
    replace: Mapped[bool]  # the device may exist: it was lost, and its certificates go
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(100))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    used_public_key_sha256: Mapped[str | None] = mapped_column(_FINGERPRINT)
    revoked_at: Mapped[datetime | None]
    root_version: Mapped[int | None]  # of the root of trust whose digest the token carries


class SpentNonce(Base):
    """A nonce that a device has signed in with, kept while it would be good. Those not yet used are nowhere."""

    __tablename__ = "spent_nonce"

    nonce_sha256: Mapped[str] = mapped_column(_SHA256, primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
