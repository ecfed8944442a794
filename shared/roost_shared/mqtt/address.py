"""A broker's URL: `mqtt://host:1883` or `mqtts://host:8883`, with `user:password@` if wanted."""

from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from roost_shared.mqtt.faults import BrokerUrlError

__all__ = ["BrokerAddress", "parse_broker_url"]

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


class BrokerAddress(NamedTuple):
    """Where a broker is, and as whom to go there."""

    host: str
    port: int
    tls: bool
    username: str | None
    password: str | None


def parse_broker_url(url: str) -> BrokerAddress:
    """Take a broker's URL apart.

    Raises:
        BrokerUrlError: it is none; says why, and repeats no user and no password.

    >>> parse_broker_url("mqtts://cam:secret@site.example")
    BrokerAddress(host='site.example', port=8883, tls=True, username='cam', password='secret')
    """
    shown = repr(_without_user(url))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        reason = "" if "@" in url else f": {error}"  # which may hold a part of the password
        raise BrokerUrlError(f"{shown} is no address{reason}") from error
    if parts.scheme not in _PORTS:
        raise BrokerUrlError(f"{shown} must start with mqtt:// or mqtts://")
    if not parts.hostname:
        raise BrokerUrlError(f"{shown} names no host")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise BrokerUrlError(f"{shown} has something after the host and port, which means nothing to a broker")
    if port == 0:
        raise BrokerUrlError(f"{shown} names port 0")
    return BrokerAddress(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


def _without_user(url: str) -> str:
    """What may be shown: all of it, or what begins behind the user."""
    return f"…@{url.rpartition('@')[2]}" if "@" in url else url
