"""What the embedded broker compares a device's password with."""

from sqlalchemy.orm import Session

from roost_cloud.db.tables import Device

__all__ = ["broker_secret"]


def broker_secret(session: Session, username: str) -> str | None:
    """The SHA-256, in hex, of a user's password; None for one that is unknown or revoked.

    Args:
        session: to read with.
        username: `{tenant}/d/{device}`.
    """
    tenant, separator, device = username.partition("/d/")
    row = session.get(Device, (tenant, device)) if separator else None
    return None if row is None else row.broker_secret_sha256
