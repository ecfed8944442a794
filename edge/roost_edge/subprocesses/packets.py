"""Messages between the agent and a process of its own, over one AF_UNIX SOCK_SEQPACKET socket pair, whatever they say.

A message is a packet, and descriptors may ride on it. One that is larger than a packet rides in a descriptor of its
own, the last one.
"""

import os
import socket
from typing import Final

from roost_shared.errors import DeviceError

__all__ = ["PacketError", "receive", "send"]

_PACKET_BYTES: Final = 64 * 1024  # more rides in a descriptor
_MESSAGE_BYTES: Final = 64 * 1024 * 1024  # an embedding's record is large; more is no message of ours
_DESCRIPTORS: Final = 2  # an input, and a large message
_CUT: Final = int(socket.MSG_TRUNC) | int(socket.MSG_CTRUNC)
_LARGE: Final = b"\xc1"  # what no MessagePack begins with: the message is in the last descriptor


class PacketError(DeviceError):
    """The other end sent what is no message."""

    code = "packet.invalid"


def send(sock: socket.socket, data: bytes, descriptors: list[int]) -> None:
    """Send a message.

    Args:
        sock: our end.
        data: the message.
        descriptors: that ride on it; still the caller's.

    Raises:
        BlockingIOError: `sock` does not block, and there is no room just now.
        OSError: the other end is gone, or no descriptor is left.
    """
    if len(data) <= _PACKET_BYTES:
        socket.send_fds(sock, [data], descriptors)
        return
    large = os.memfd_create("roost-message", os.MFD_CLOEXEC)
    try:
        with open(large, "wb", buffering=0, closefd=False) as file:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
        socket.send_fds(sock, [_LARGE], [*descriptors, large])
    finally:
        os.close(large)


def receive(sock: socket.socket) -> tuple[bytes, list[int]]:
    """The next message and what rode on it, now the caller's; no bytes at all once the other end is gone.

    Raises:
        BlockingIOError: `sock` does not block, and there is none just now.
        PacketError: it was cut short, or larger than any message.
    """
    try:
        packet, descriptors, flags, _ = socket.recv_fds(sock, _PACKET_BYTES, _DESCRIPTORS)
    except ConnectionResetError:
        return b"", []
    cut = bool(flags & _CUT)
    is_large = packet == _LARGE
    if is_large and not cut:
        packet = _read_large(descriptors)
    if cut or (is_large and not packet):
        for descriptor in descriptors:
            os.close(descriptor)
        raise PacketError("what came is more than a packet, or a large message without its bytes")
    return packet, descriptors


def _read_large(descriptors: list[int]) -> bytes:
    """The message in the last descriptor, which is taken off; nothing if it is none."""
    if not descriptors:
        return b""
    large = descriptors.pop()
    try:
        return os.pread(large, min(os.fstat(large).st_size, _MESSAGE_BYTES), 0)
    finally:
        os.close(large)
