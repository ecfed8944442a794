"""A load of so many questions outstanding, alike for HTTP and MQTT: `load KIND PORT PICTURE OUTSTANDING SECONDS`.

One process, one thread, as many connections as are outstanding, each written to again as soon as its answer is there,
nothing parsed that need not be. KIND is `raw` or `mosec` (HTTP, the picture is the body), `json` (HTTP, the picture in
base64) or `mqtt`. Prints JSON: answers a second, and milliseconds at the 50th and 99th percentile, of the last nine
tenths of the time.
"""

import base64
import json
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from roost_shared.questions import CloudScore, Question, decode_msgpack, encode_msgpack

TASK = "bench"
CONTESTANT = "big"
_PATIENCE_S = 20.0
_CONNECT, _CONNACK, _PUBLISH, _SUBSCRIBE, _SUBACK = 0x10, 0x20, 0x30, 0x82, 0x90  # of MQTT


class Talk(Protocol):
    """One connection, asked one question at a time."""

    sock: socket.socket

    def ask(self) -> None:
        """Send a question."""
        ...

    def is_answered(self, data: bytes) -> bool:
        """Whether these bytes end the answer."""
        ...


class HttpTalk:
    """A kept-alive connection."""

    def __init__(self, port: int, path: str, kind: str, body: bytes) -> None:
        self.sock = _connect(port)
        head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        self._request = head.encode() + body
        self._buffer = b""

    def ask(self) -> None:
        """Send a question."""
        self.sock.sendall(self._request)

    def is_answered(self, data: bytes) -> bool:
        """Whether the whole body is there."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return False
        lowered = head.lower()
        if b" 200 " not in lowered.split(b"\r\n", 1)[0] + b" ":
            raise RuntimeError(f"the server says {self._buffer[:500]!r}")
        length = int(lowered.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) < length:
            return False
        self._buffer = b""
        return True


class MqttTalk:
    """A device of MQTT 3.1.1, its questions and scores at QoS 0."""

    def __init__(self, port: int, number: int, payload: bytes) -> None:
        self.sock = _connect(port)
        self._ask_topic = f"roost/1/acme/d/bench-{number}/ask/{TASK}"
        self._payload = payload
        self._buffer = b""
        self._asked = 0
        name = f"bench-{number}".encode()
        self.sock.sendall(_packet(_CONNECT, _text(b"MQTT") + b"\x04\x02\x02\x58" + _text(name)))
        self._until(_CONNACK)
        topic = f"roost/1/acme/d/bench-{number}/score".encode()
        self.sock.sendall(_packet(_SUBSCRIBE, b"\x00\x01" + _text(topic) + b"\x00"))
        self._until(_SUBACK)

    def ask(self) -> None:
        """Send a question."""
        self._asked += 1
        question = Question(
            id=str(self._asked), contestants=[CONTESTANT], remaining_ms=10_000.0, payload=self._payload
        )
        self.sock.sendall(_packet(_PUBLISH, _text(self._ask_topic.encode()) + encode_msgpack(question)))

    def is_answered(self, data: bytes) -> bool:
        """Whether the score of the last question is there."""
        self._buffer += data
        packet = self._next()
        if packet is None:
            return False
        kind, body = packet
        if kind != _PUBLISH:
            raise RuntimeError(f"a packet of kind {kind:#x} came")
        score = decode_msgpack(body[2 + int.from_bytes(body[:2], "big") :], CloudScore)
        if score.error is not None:
            raise RuntimeError(f"the scorer says {score.error}")
        return score.id == str(self._asked)

    def _until(self, kind: int) -> None:
        while (packet := self._next()) is None:
            self._buffer += self.sock.recv(65536)
        if packet[0] != kind:
            raise RuntimeError(f"a packet of kind {packet[0]:#x} came, not {kind:#x}")

    def _next(self) -> tuple[int, bytes] | None:
        length, shift, place = 0, 0, 1
        while True:
            if len(self._buffer) <= place:
                return None
            byte = self._buffer[place]
            length |= (byte & 0x7F) << shift
            shift, place = shift + 7, place + 1
            if not byte & 0x80:
                break
        if len(self._buffer) < place + length:
            return None
        packet = self._buffer[0], self._buffer[place : place + length]
        self._buffer = self._buffer[place + length :]
        return packet


def measure(talks: list[Talk], seconds: float) -> dict[str, float]:
    """Keep one question outstanding on each connection."""
    began_ns: dict[int, int] = {}
    took_ms: list[tuple[float, float]] = []  # when, how long
    with selectors.DefaultSelector() as selector:
        for talk in talks:
            talk.sock.setblocking(True)
            selector.register(talk.sock, selectors.EVENT_READ, talk)
            began_ns[id(talk)] = time.perf_counter_ns()
            talk.ask()
        start = time.perf_counter()
        silent_since = start
        while (now := time.perf_counter()) - start < seconds:
            for key, _ in selector.select(1):
                talk = key.data
                data = talk.sock.recv(262144)
                if not data:
                    raise RuntimeError("the server closed the connection")
                if talk.is_answered(data):
                    ended_ns = time.perf_counter_ns()
                    took_ms.append((now - start, (ended_ns - began_ns[id(talk)]) / 1e6))
                    silent_since = now
                    began_ns[id(talk)] = time.perf_counter_ns()
                    talk.ask()
            if now - silent_since > _PATIENCE_S:
                raise RuntimeError("no answer comes")
    warm = [ms for when, ms in took_ms if when > seconds / 10]
    warm.sort()
    return {
        "rps": len(warm) / (seconds * 0.9),
        "p50_ms": warm[len(warm) // 2],
        "p99_ms": warm[min(len(warm) - 1, int(len(warm) * 0.99))],
    }


def _connect(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _text(data: bytes) -> bytes:
    return struct.pack("!H", len(data)) + data


def _packet(kind: int, body: bytes) -> bytes:
    length, left = b"", len(body)
    while True:
        left, byte = left >> 7, left & 0x7F
        length += bytes([byte | 0x80 if left else byte])
        if not left:
            return bytes([kind]) + length + body


def _talks(kind: str, port: int, payload: bytes, outstanding: int) -> list[Talk]:
    make: dict[str, Callable[[int], Talk]] = {
        "raw": lambda _: HttpTalk(port, "/score", "image/jpeg", payload),
        "mosec": lambda _: HttpTalk(port, "/inference", "image/jpeg", payload),
        "json": lambda _: HttpTalk(
            port, "/predict", "application/json", json.dumps({"payload": base64.b64encode(payload).decode()}).encode()
        ),
        "mqtt": lambda number: MqttTalk(port, number, payload),
    }
    return [make[kind](number) for number in range(outstanding)]


def main() -> None:
    """Measure, and print."""
    kind, port, picture, outstanding, seconds = sys.argv[1:]
    talks = _talks(kind, int(port), Path(picture).read_bytes(), int(outstanding))
    print(json.dumps(measure(talks, float(seconds))))


if __name__ == "__main__":
    main()
