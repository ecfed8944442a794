"""uvicorn's HTTP/1.1, for clients that say nothing or say it byte by byte: each has so long for a request's head.

uvicorn waits for the head of a connection's first request for ever, and for that of each later one as long as a byte
comes now and then. What it thereby keeps open counts against everybody's connections.
"""

import asyncio
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["ImpatientProtocol"]


class ImpatientProtocol(H11Protocol):
    """A connection that ends unless a request's head comes in time; its body's time is its route's affair."""

    head_timeout_s: ClassVar[float] = 20.0

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Begin to wait."""
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request, which may be here already."""
        self._await_request()
        super().on_response_complete()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Wait no more: the head is here, and no other will come."""
        self._stop_waiting()
        super().handle_websocket_upgrade(event)

    def _await_request(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(self.head_timeout_s, self._give_up, self.cycle)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()

    def _give_up(self, previous: object) -> None:
        if self.cycle is previous:  # no request has come since
            self.transport.close()
