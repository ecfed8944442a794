"""One HTTP connection's socket on the reactor: reads a piece at a time, writes what fits, and waits with a limit.

Nobody may hold a connection by being slow: a head has ten seconds, a body those and what it takes at 16 KiB/s, a
response ten seconds without being taken. A client that ends its stream before it has its answer is gone.
"""

import socket
from collections.abc import Callable
from typing import Final, Literal

from roost_edge.http.messages import Request, Response
from roost_edge.http.talk import HttpTalk, Stage
from roost_edge.loop.reactor import Reactor, Timer
from roost_edge.loop.socket_watch import SocketWatch
from roost_shared.clock import SECOND

__all__ = ["HttpConnection", "Sent"]

READ_BYTES: Final = 64 << 10  # at a time; then others have their turn
IDLE_NS: Final = 60 * SECOND
HEAD_NS: Final = 10 * SECOND
SLOWEST_BODY: Final = 16 << 10  # bytes per second
SEND_NS: Final = 10 * SECOND
# After a refusal the client may still be sending. Closing now would throw the refusal away with what it sends.
LINGER_NS: Final = 2 * SECOND

Sent = Literal["handed", "queued", "gone"]  # the socket has it; it will go when there is room; nobody is there


class HttpConnection:
    """A client that is connected, and the way back to it.

    Args:
        sock: connected, not blocking.
        talk: what is said on it.
        reactor: the loop it lives in.
        handle: called with each whole request and this connection; answers by `respond`, now or later.
        ended: called once it is closed.
    """

    def __init__(
        self,
        sock: socket.socket,
        talk: HttpTalk,
        reactor: Reactor,
        *,
        handle: Callable[[Request, "HttpConnection"], None],
        ended: Callable[["HttpConnection"], None],
    ) -> None:
        self._sock = sock
        self._talk = talk
        self._reactor = reactor
        self._handle = handle
        self._ended = ended
        self._unsent = bytearray()
        self._closed = False
        self._shut = False
        self._watch = SocketWatch(reactor, self._on_readable, self._on_writable)
        self._waits_for: tuple[Stage, bool] | None = None
        self._due_ns: int | None = None
        self._timer: Timer | None = None
        self._go_on()

    @property
    def stage(self) -> Stage:
        """What it waits for."""
        return self._talk.stage

    @property
    def kept_bytes(self) -> int:
        """Of a body that is coming in."""
        return self._talk.kept_bytes

    def can_send(self) -> bool:
        """Whether a response given now would be handed to the socket."""
        return not (self._closed or self._unsent)

    def respond(self, response: Response) -> Sent:
        """Answer the request that is being served."""
        if self._closed:
            return "gone"
        self._talk.respond(response)
        if not self._flush():
            return "gone"
        if self._talk.has_more:
            self._reactor.call_soon(self._resume)
        self._go_on()
        return "queued" if self._unsent else "handed"

    def refuse(self, status: int, code: str, message: str) -> None:
        """End it, saying why."""
        self._talk.refuse(status, code, message)
        self._flush()
        self._go_on()

    def close(self) -> None:
        """End it at once. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._watch.end(self._sock)
        self._sock.close()
        self._ended(self)

    # ---- reading

    def _on_readable(self) -> None:
        try:
            data = self._sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if self._talk.stage == "closing":
            if not data:
                self.close()
        elif self._talk.stage == "answering" and not data:
            self.close()
        else:
            self._serve(self._talk.receive(data))

    def _resume(self) -> None:
        if not self._closed:
            self._serve(self._talk.resume())

    def _serve(self, request: Request | None) -> None:
        if self._flush() and request is not None:
            self._handle(request, self)
        self._go_on()

    # ---- writing

    def _flush(self) -> bool:
        """Send what there is to send and fits; False if that has ended the connection."""
        self._unsent += self._talk.outgoing()
        try:
            if self._unsent:
                del self._unsent[: self._sock.send(self._unsent)]
            if self._talk.stage == "closing" and not self._unsent and not self._shut:
                self._shut = True
                self._sock.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass  # it will be writable again
        except OSError:
            self.close()
        return not self._closed

    def _on_writable(self) -> None:
        self._flush()
        self._go_on()

    # ---- waiting

    def _go_on(self) -> None:
        """Watch what there is to wait for, with its limit."""
        if self._closed:
            return
        self._watch.want(
            self._sock,
            # What it pipelines waits with the client.
            reading=self._talk.stage != "answering" or not self._talk.has_more,
            writing=bool(self._unsent),
        )
        waits_for = (self._talk.stage, bool(self._unsent))
        if waits_for != self._waits_for:
            self._waits_for = waits_for
            self._set_limit(self._patience_ns())

    def _patience_ns(self) -> int | None:
        if self._unsent:
            return SEND_NS
        match self._talk.stage:
            case "idle":
                return IDLE_NS
            case "head":
                return HEAD_NS
            case "body":
                return HEAD_NS + self._talk.body_bytes * SECOND // SLOWEST_BODY
            case "answering":
                return None  # the deadline of what is asked
            case "closing":
                return LINGER_NS

    def _set_limit(self, patience_ns: int | None) -> None:
        """Wait no longer than that. A timer that would ring earlier is left to, and sees then: most never matter."""
        if patience_ns is None:
            self._due_ns = None
            return
        self._due_ns = self._reactor.now_ns() + patience_ns
        if self._timer is not None and self._timer.when_ns > self._due_ns:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._reactor.call_at(self._due_ns, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._due_ns is None:
            return
        if self._reactor.now_ns() < self._due_ns:
            self._timer = self._reactor.call_at(self._due_ns, self._on_timer)
        elif self._talk.stage in ("head", "body") and not self._unsent:
            self.refuse(408, "http.too_slow", "the request did not come in time")
        else:
            self.close()
