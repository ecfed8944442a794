"""What the kernel still holds of what we wrote to a socket: the only place that knows whether it has left.

A `send` that succeeds has moved bytes into a buffer of megabytes. See tcp(7), SIOCOUTQ, and SIOCOUTQNSD in the
kernel's `linux/sockios.h`; with TLS the bytes are those of the cipher.
"""

import fcntl
import socket
import struct
from typing import Final, NamedTuple

__all__ = ["NOTHING", "Unsent", "kernel_queue"]

_SIOCOUTQ: Final = 0x5411
_SIOCOUTQNSD: Final = 0x894B


class Unsent(NamedTuple):
    """Bytes on their way out of this machine."""

    unsent_bytes: int  # not given to the network yet
    unacknowledged_bytes: int  # those, and what the other end has not confirmed to have: it may be lost on the way


NOTHING: Final = Unsent(0, 0)


def kernel_queue(sock: socket.socket) -> Unsent:
    """What waits in the kernel of a TCP socket; nothing, if it is no TCP socket or has ended."""
    try:
        return Unsent(_read(sock, _SIOCOUTQNSD), _read(sock, _SIOCOUTQ))
    except OSError:
        return NOTHING


def _read(sock: socket.socket, request: int) -> int:
    count: int = struct.unpack("i", fcntl.ioctl(sock, request, struct.pack("i", 0)))[0]
    return count
