"""Where a cloud may be: at https://, or, on this same machine, at http://."""

import re
from typing import Final
from urllib.parse import urlsplit

from roost_shared.errors import ContentError

__all__ = ["CloudUrlError", "check_cloud_url", "is_loopback"]

_LOOPBACK: Final = re.compile(r"localhost|::1|127(\.\d{1,3}){3}")


class CloudUrlError(ContentError):
    """The text is no address that a cloud may have."""

    code = "cloud.url"


def check_cloud_url(url: str) -> str:
    """Return the address without a slash at its end.

    Raises:
        CloudUrlError: it is none; says why.

    >>> check_cloud_url("https://roost.example:8443/")
    'https://roost.example:8443'
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise CloudUrlError(f"{url!r} is no address: {error}") from error
    if parts.scheme not in ("https", "http") or not host or port == 0:
        raise CloudUrlError(f"{url!r} is no address of a cloud, such as https://HOST:PORT")
    if parts.scheme == "http" and not is_loopback(host):
        raise CloudUrlError(f"{url!r} is not encrypted, and only a cloud on this machine may be at http://")
    if parts.username is not None or parts.query or parts.fragment:
        raise CloudUrlError(f"{url!r} holds more than an address, such as https://HOST:PORT")
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name alone."""
    return _LOOPBACK.fullmatch(host) is not None
