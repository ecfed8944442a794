"""An HTTP relay on a free port that answers in the server's place, resets half-way or loses answers: a bad cloud.

Every request is read whole, noted and passed on, unless a `Trouble` says otherwise.
"""

import re
import socket
import struct
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

import urllib3

__all__ = ["HttpRelay", "Trouble"]

_NOT_PASSED_ON = frozenset({"connection", "date", "host", "keep-alive", "server", "transfer-encoding"})


@dataclass
class Trouble:
    """What goes wrong with the next requests that match.

    Args:
        what: of a request's method and path, a regular expression.
        how: a status to answer with instead of asking the server; `cut`: read half of the request, and reset;
            `lost`: carry it out, and reset instead of answering; `half`: do so after half of the answer.
        times: so often.
    """

    what: str
    how: int | Literal["cut", "lost", "half"]
    times: int = 1


class HttpRelay:
    """Passes on what comes to 127.0.0.1:`port`; a context manager.

    Args:
        target_port: where to, on this machine; 0 where that is said later.

    Attributes:
        port: where from.
        troubles: that are still to happen.
        seen: method and path of every request, also of those that met trouble.
        bodies: of all of them, as far as they were read.
        answered_bytes: of all answers, headers too.
    """

    def __init__(self, target_port: int = 0) -> None:
        self.troubles: list[Trouble] = []
        self.seen: list[str] = []
        self.bodies: list[bytes] = []
        self.answered_bytes = 0
        self.lead_to(target_port)
        self._pool = urllib3.PoolManager(maxsize=16, retries=False)
        self._lock = threading.Lock()
        self._server = _Server(self)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
        self._pool.clear()

    def lead_to(self, target_port: int) -> None:
        """Pass on to another port from now on."""
        self._target = f"http://127.0.0.1:{target_port}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def still_to_come(self) -> list[Trouble]:
        """What has not gone wrong yet."""
        return [one for one in self.troubles if one.times]

    def count(self, what: str) -> int:
        """How many requests that match have come."""
        return sum(re.search(what, one) is not None for one in list(self.seen))

    def count_answer(self, size_bytes: int) -> None:
        """Note an answer."""
        with self._lock:
            self.answered_bytes += size_bytes

    def meet(self, asked: str) -> Trouble | None:
        """Note a request; what is to go wrong with it."""
        with self._lock:
            self.seen.append(asked)
            found = next((one for one in self.troubles if one.times and re.search(one.what, asked)), None)
            if found is not None:
                found.times -= 1
            return found

    def pass_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> urllib3.BaseHTTPResponse:
        return self._pool.request(method, self._target + path, body=body, headers=headers, timeout=60, redirect=False)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, relay: HttpRelay) -> None:
        self.relay = relay
        super().__init__(("127.0.0.1", 0), _Handler)

    def shutdown_request(self, request: Any) -> None:
        self.close_request(request)  # a reset is no goodbye

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away in the middle: of that, this is full."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_DELETE(self) -> None:
        self._relay()

    def do_GET(self) -> None:
        self._relay()

    def do_HEAD(self) -> None:
        self._relay()

    def do_POST(self) -> None:
        self._relay()

    def do_PUT(self) -> None:
        self._relay()

    def _relay(self) -> None:
        relay = self.server.relay
        trouble = relay.meet(f"{self.command} {self.path.partition('?')[0]}")
        how = None if trouble is None else trouble.how
        size_bytes = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size_bytes // 2 if how == "cut" else size_bytes)
        relay.bodies.append(body)
        if how == "cut":
            self._reset()
        elif isinstance(how, int):
            self._say(how, {}, b"")
        else:
            self._answer(body, how)

    def _answer(self, body: bytes, how: str | None) -> None:
        try:
            said = self.server.relay.pass_on(self.command, self.path, _kept(self.headers.items()), body)
        except urllib3.exceptions.HTTPError:
            self._reset()  # nobody is there
            return
        if how == "lost":
            self._reset()
            return
        self._say(said.status, _kept(said.headers.items()), said.data, half=how == "half")
        if how == "half":
            self._reset()

    def _say(self, status: int, headers: dict[str, str], body: bytes, *, half: bool = False) -> None:
        body, size_bytes = body[: len(body) // 2] if half else body, len(body)
        self.send_response_only(status)
        sent = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        sent["Content-Length"] = headers.get("Content-Length", "0") if self.command == "HEAD" else str(size_bytes)
        for name, value in sent.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        head_bytes = sum(len(f"{name}: {value}\r\n") for name, value in sent.items())
        self.server.relay.count_answer(len("HTTP/1.1 200 OK\r\n\r\n") + head_bytes + len(body))

    def _reset(self) -> None:
        # Lingering for no time makes close send RST.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


def _kept(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers if name.lower() not in _NOT_PASSED_ON}
