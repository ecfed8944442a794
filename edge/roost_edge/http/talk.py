"""One connection's HTTP/1.1 as bytes in and bytes out: no socket and no clock. `h11` knows the grammar.

    idle ─▶ head ─▶ body ─▶ answering ─▶ idle …          any ─▶ closing

A connection serves one request after the other: what a client pipelines waits until its turn. A request's head is
judged before its body is read, so that an input nobody will look at need not cross; a client that asks first
(`Expect: 100-continue`) is told. A body's length is always known beforehand: there is no chunked request.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final, Literal

import h11

from roost_edge.http.messages import Head, Request, Response, refusal

__all__ = ["HttpTalk", "Stage"]

HEAD_BYTES: Final = 16 << 10
HEAD_TOO_LARGE: Final = 431  # the status that h11 hints at then
MAX_QUOTE: Final = 200  # characters of a fault's description, which repeats what the client sent

Stage = Literal["idle", "head", "body", "answering", "closing"]


class HttpTalk:
    """What is said on one connection.

    Args:
        host: the client's address.
        admit: judges a request by its head; a response refuses it, and its body is not read.
        room: whether so many bytes more of a body may be kept.
        note: hears the code and a line of each fault found here.

    Attributes:
        stage: what is waited for: a request, the rest of its head, the rest of its body, its response, the end.
        body_bytes: of the request that is coming in, as its head says.
    """

    def __init__(
        self,
        host: str,
        *,
        admit: Callable[[Head], Response | None],
        room: Callable[[int], bool],
        note: Callable[[str, str], object],
    ) -> None:
        self.stage: Stage = "idle"
        self.body_bytes = 0
        self._host = host
        self._admit = admit
        self._room = room
        self._note = note
        self._grammar = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        self._head: Head | None = None
        self._body = bytearray()
        self._outgoing: list[bytes] = []

    @property
    def kept_bytes(self) -> int:
        """How much of a body that is coming in is kept."""
        return len(self._body)

    @property
    def has_more(self) -> bool:
        """Whether the client has sent beyond the request that is served."""
        return bool(self._grammar.trailing_data[0])

    def outgoing(self) -> bytes:
        """What is to be sent; then it is forgotten here."""
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        return data

    def receive(self, data: bytes) -> Request | None:
        """Take bytes from the client.

        Args:
            data: what came; empty at the end of the stream.

        Returns:
            A request to be answered by `respond`, once it is whole.
        """
        self._grammar.receive_data(data)
        return self.resume()

    def resume(self) -> Request | None:
        """Go on with what came before, after a response; as `receive`."""
        while self.stage not in ("answering", "closing"):
            try:
                event = self._grammar.next_event()
            except h11.RemoteProtocolError as error:
                code = "http.head_too_large" if error.error_status_hint == HEAD_TOO_LARGE else "http.malformed"
                self.refuse(error.error_status_hint, code, str(error)[:MAX_QUOTE])
                return None
            request = self._follow(event)
            if request is not None:
                return request
            if event is h11.NEED_DATA or event is h11.PAUSED:
                break
        return None

    def respond(self, response: Response) -> None:
        """Answer the request that `receive` or `resume` gave."""
        is_head = self._head is not None and self._head.method == "HEAD"
        self._head = None
        headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in response.headers.items()]
        # No Date: a device's wall clock is not to be trusted.
        headers.append((b"content-length", str(len(response.body)).encode("ascii")))
        reason = HTTPStatus(response.status).phrase.encode("ascii")
        self._send(h11.Response(status_code=response.status, headers=headers, reason=reason))
        if not is_head:
            self._send(h11.Data(data=response.body))
        self._send(h11.EndOfMessage())
        if self._grammar.our_state is h11.DONE and self._grammar.their_state is h11.DONE:
            self._grammar.start_next_cycle()
            self.stage = "idle"
        else:
            self.stage = "closing"

    def refuse(self, status: int, code: str, message: str) -> None:
        """Say why this ends here, if that can still be said; nothing is read after it."""
        self._note(code, f"{self._host}: {message}")
        self._end_with(refusal(status, code, message))

    # ---- what the grammar finds

    def _follow(self, event: object) -> Request | None:
        if isinstance(event, h11.Request):
            self._judge(event)
        elif isinstance(event, h11.Data):
            self._keep(event.data)
        elif isinstance(event, h11.EndOfMessage) and self._head is not None:
            self.stage = "answering"
            body, self._body = self._body, bytearray()
            return Request(self._head, body)
        elif isinstance(event, h11.ConnectionClosed):
            self.stage = "closing"
        elif event is h11.NEED_DATA and self.stage == "idle" and self.has_more:
            self.stage = "head"
        return None

    def _judge(self, event: h11.Request) -> None:
        self._head = head = _head(event, self._host)
        if not event.http_version.startswith(b"1."):
            self.refuse(505, "http.version", "HTTP/1.1 is spoken here")
            return
        if "transfer-encoding" in head.headers:
            self.refuse(411, "http.length_required", "state the body's Content-Length; it cannot come in chunks")
            return
        self.body_bytes = int(head.headers.get("content-length", "0"))
        response = self._admit(head)
        if response is None:
            self.stage = "body"
            if self._grammar.they_are_waiting_for_100_continue:
                self._send(h11.InformationalResponse(status_code=100, headers=[]))
        elif self.body_bytes == 0:
            self._grammar.next_event()  # the end of a body that is empty: the connection can go on
            self.respond(response)
        else:
            self._end_with(response)

    def _keep(self, data: bytes) -> None:
        if self._room(len(data)):
            self._body += data
        else:
            self.refuse(503, "http.busy", "too many bytes of requests are coming in; try again later")

    def _end_with(self, response: Response) -> None:
        if self._grammar.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.respond(Response(response.status, {**response.headers, "connection": "close"}, response.body))
        self.stage = "closing"
        self._body = bytearray()

    def _send(self, event: h11.Event) -> None:
        self._outgoing.append(self._grammar.send(event) or b"")


def _head(event: h11.Request, host: str) -> Head:
    headers: dict[str, str] = {}
    for raw_name, raw_value in event.headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Head(event.method.decode("ascii"), event.target.decode("ascii"), headers, host)
