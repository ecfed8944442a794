"""Whether anybody is at an address at all: one TCP connection, no TLS and not a byte of HTTP."""

import socket
from typing import Final
from urllib.parse import urlsplit

__all__ = ["can_connect"]

_PATIENCE_S: Final = 3.0
_PORTS: Final = {"http": 80, "https": 443}


def can_connect(url: str) -> bool:
    """Whether the host of an http(s) URL takes connections, within a few seconds."""
    try:
        parts = urlsplit(url)
        address = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
        socket.create_connection(address, _PATIENCE_S).close()
    except (OSError, ValueError):  # ValueError: a store's URL that is none
        return False
    return True
