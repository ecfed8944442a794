"""Where a device finds the broker, and how it is let in: by its certificate, or by a password at the embedded one."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from roost_cloud.db.tables import Device
from roost_cloud.fleet.devices import locked
from roost_cloud.secret_text import digest_of, new_secret
from roost_cloud.settings import CloudSettings
from roost_shared.enrolment import common_name, parse_common_name

__all__ = ["BrokerAccess", "grant", "known_address", "password_digest"]


@dataclass(frozen=True)
class BrokerAccess:
    """What a device is told.

    Attributes:
        url: `mqtt://` or `mqtts://`.
        username: None where its certificate is who it is.
        password: shown once; None likewise.
    """

    url: str
    username: str | None = None
    password: str | None = None


def known_address(settings: CloudSettings) -> BrokerAccess | None:
    """What a device is told that has been let in before; None if what it knows is to stay."""
    return None if settings.embedded else _address(settings)


def grant(session: Session, tenant: str, device: str, settings: CloudSettings) -> BrokerAccess | None:
    """Let a device into the broker; None if there is no broker.

    At the embedded broker that takes a new password, which ends the old one's life.
    """
    address = _address(settings)
    if address is None or not settings.embedded:
        return address
    password = new_secret()
    row = locked(session, tenant, device)
    row.broker_secret_sha256 = digest_of(password)
    return BrokerAccess(address.url, common_name(tenant, device), password)


def password_digest(session: Session, username: str) -> str | None:
    """The SHA-256, in hex, of a device's password at the embedded broker; None if it is unknown or revoked.

    Args:
        session: to read with.
        username: `{tenant}/d/{device}`.
    """
    key = parse_common_name(username)
    row = None if key is None else session.get(Device, key)
    return None if row is None else row.broker_secret_sha256


def _address(settings: CloudSettings) -> BrokerAccess | None:
    if settings.device_broker_url is not None:
        return BrokerAccess(settings.device_broker_url)
    if settings.broker_url is None:
        return None
    # The cloud's own user and password, where it has one, are not for devices.
    url = urlsplit(settings.broker_url)
    return BrokerAccess(url._replace(netloc=url.netloc.rpartition("@")[2]).geturl())
