"""Small messages leave at once."""

import socket
from typing import Any

__all__ = ["send_at_once"]


def send_at_once(_client: object, _data: object, sock: Any) -> None:
    """To be paho's `on_socket_open`: turns Nagle's algorithm off.

    With delayed acknowledgements it makes a small QoS 1 round trip cost 44-88 ms; without it 0.3 ms.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
