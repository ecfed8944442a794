"""Listens, and takes connections up to a limit. What fails it tries again: it never ends the agent."""

import errno
import socket
from collections.abc import Callable
from typing import Any, Final

from roost_edge.http.connection import HttpConnection
from roost_edge.http.messages import Head, Request, Response
from roost_edge.http.talk import HttpTalk
from roost_edge.loop.reactor import Reactor
from roost_edge.settings.listen_address import ListenAddress
from roost_shared.clock import SECOND
from roost_shared.complaints import Complaints

__all__ = ["HttpServer"]

RETRY_NS: Final = 2 * SECOND
ACCEPTED_AT_ONCE: Final = 16  # then others have their turn
WAITING: Final = 128  # in the system's queue
REFUSED_AT_ONCE: Final = 64  # connections beyond the limit that are told so; more are just ended
TOO_MANY: Final = "http.too_many_connections"


class HttpServer:
    """An HTTP/1.1 server on the agent's loop.

    Args:
        address: where to listen.
        reactor: the loop.
        complaints: where faults are counted.
        admit: judges a request by its head, see `HttpTalk`.
        handle: answers a whole request, see `HttpConnection`.
        connections: at a time; for one more an idle one is ended, else it is refused.
        body_bytes: of requests that are coming in, all together.
    """

    def __init__(
        self,
        address: ListenAddress,
        reactor: Reactor,
        complaints: Complaints,
        *,
        admit: Callable[[Head], Response | None],
        handle: Callable[[Request, HttpConnection], None],
        connections: int,
        body_bytes: int,
    ) -> None:
        self.address: ListenAddress | None = None  # where it listens now
        self._wanted = address
        self._reactor = reactor
        self._complaints = complaints
        self._admit = admit
        self._handle = handle
        self._most_connections = connections
        self._most_body_bytes = body_bytes
        self._connections: dict[HttpConnection, None] = {}  # the oldest first
        self._taken = 0
        self._socket: socket.socket | None = None
        self._stopped = False

    def start(self) -> None:
        """Begin to listen; where that cannot be had, try again until it can."""
        if self._stopped:
            return
        try:
            self._socket = _listen(self._wanted)
        except OSError as error:
            self._complaints.note("http.cannot_listen", f"{self._wanted}: {error.strerror or error}")
            self._reactor.call_after(RETRY_NS, self.start)
            return
        self.address = ListenAddress(*self._socket.getsockname()[:2])
        self._reactor.watch(self._socket, self._accept)

    def stop(self) -> None:
        """Take no more connections; those there are go on. Idempotent."""
        self._stopped = True
        self.address = None
        if self._socket is not None:
            self._reactor.unwatch(self._socket)
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """Stop, and end all connections."""
        self.stop()
        for connection in list(self._connections):
            connection.close()

    def describe(self) -> dict[str, Any]:
        """Its part of the status document."""
        return {
            "address": None if self.address is None else str(self.address),
            "connections": len(self._connections),
            "connections_taken": self._taken,
        }

    # ---- taking connections

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            if self._socket is None:
                return
            try:
                sock, peer = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                self._accept_failed(error)
                return
            self._take(sock, str(peer[0]))

    def _accept_failed(self, error: OSError) -> None:
        """A client that has gone again is none; where descriptors or memory are short, it would fail at once again."""
        if error.errno in (errno.ECONNABORTED, errno.EPROTO) or self._socket is None:
            return
        self._complaints.note("http.cannot_accept", error.strerror or str(error))
        self._reactor.unwatch(self._socket)
        self._reactor.call_after(RETRY_NS, self._accept_again)

    def _accept_again(self) -> None:
        if self._socket is not None:
            self._reactor.watch(self._socket, self._accept)

    def _take(self, sock: socket.socket, host: str) -> None:
        if len(self._connections) >= self._most_connections:
            self._end_an_idle_one()
        too_many = len(self._connections) - self._most_connections
        if too_many >= REFUSED_AT_ONCE:
            self._complaints.note(TOO_MANY, f"{host}: not even told so")
            sock.close()
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        talk = HttpTalk(host, admit=self._admit, room=self._has_room, note=self._complaints.note)
        connection = HttpConnection(sock, talk, self._reactor, handle=self._handle, ended=self._forget)
        self._connections[connection] = None
        self._taken += 1
        if too_many >= 0:
            connection.refuse(503, TOO_MANY, f"{self._most_connections} clients are connected; try again later")

    def _forget(self, connection: HttpConnection) -> None:
        del self._connections[connection]

    def _end_an_idle_one(self) -> None:
        for connection in self._connections:
            if connection.stage == "idle":
                connection.close()
                return

    def _has_room(self, more_bytes: int) -> bool:
        kept = sum(connection.kept_bytes for connection in self._connections)
        return kept + more_bytes <= self._most_body_bytes


def _listen(address: ListenAddress) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(WAITING)
    except OSError:
        sock.close()
        raise
    return sock
