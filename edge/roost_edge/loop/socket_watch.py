"""What one connection's socket is watched for; the reactor is told of changes only, for most events make none."""

import socket

from roost_edge.loop.reactor import Callback, Reactor

__all__ = ["SocketWatch"]


class SocketWatch:
    """The watch of one socket at a time.

    Args:
        reactor: watches.
        on_readable: called whenever the socket can be read, while that is wanted.
        on_writable: called whenever it can be written, while that is wanted.
    """

    def __init__(self, reactor: Reactor, on_readable: Callback, on_writable: Callback) -> None:
        self._reactor = reactor
        self._on_readable = on_readable
        self._on_writable = on_writable
        self._wanted = (False, False)  # reading, writing

    def want(self, sock: socket.socket, *, reading: bool, writing: bool) -> None:
        """Watch for this from now on, and for nothing else."""
        if (reading, writing) == self._wanted:
            return
        self._wanted = (reading, writing)
        if reading or writing:
            self._reactor.watch(sock, self._on_readable if reading else None, self._on_writable if writing else None)
        else:
            self._reactor.unwatch(sock)

    def end(self, sock: socket.socket) -> None:
        """Watch no more: the socket is about to be closed. Another may follow."""
        self._reactor.unwatch(sock)
        self._wanted = (False, False)
