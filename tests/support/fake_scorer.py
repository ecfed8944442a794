"""A scorer for tests that says what a test wants: well, late, twice, nonsense, or nothing. It runs no model.

```python
with FakeScorer(mosquitto.port) as scorer:
    scorer.delay_s = 0.2  # late
    scorer.reply = twice
    scorer.silent = True  # to questions; probes have a switch of their own
```
"""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from roost_shared.questions import CloudScore, Question, decode_msgpack, encode_msgpack
from roost_shared.topics import parse_task_topic

__all__ = ["Asked", "FakeScorer", "Reply", "score_of", "twice", "well"]

TIMEOUT_S = 10.0


class Asked(NamedTuple):
    """A question as it came."""

    task: str
    device: str
    question: Question


Reply = Callable[[Asked], Iterable[CloudScore | bytes]]


def well(asked: Asked) -> Iterator[CloudScore]:
    """A score of each contestant, all sure that it is bright."""
    for contestant in asked.question.contestants:
        yield score_of(asked, contestant)


def twice(asked: Asked) -> Iterator[CloudScore]:
    """The same, and once more."""
    yield from well(asked)
    yield from well(asked)


def score_of(asked: Asked, contestant: str, **more: Any) -> CloudScore:
    """A plain score; `more` replaces or adds fields."""
    score = CloudScore(
        id=asked.question.id,
        contestant=contestant,
        bundle=f"{contestant}:1@sha256:00",
        label="bright",
        confidence=0.99,
        top=[("bright", 0.99), ("dark", 0.01)],
    )
    return msgspec.structs.replace(score, **more)


class FakeScorer:
    """Answers the questions of all devices at a broker.

    Args:
        port: of the broker.
        reply: what it says to a question.
        host: of the broker.
    """

    def __init__(self, port: int, reply: Reply = well, *, host: str = "127.0.0.1") -> None:
        self.reply = reply
        self.silent = False
        self.deaf_to_probes = False
        self.delay_s = 0.0  # before it answers a question
        self.asked: list[Asked] = []
        self.probes = 0
        self._subscribed = threading.Event()
        self._timers: list[threading.Timer] = []
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_socket_open = _send_at_once
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._receive
        self._client.connect(host, port)
        self._client.loop_start()
        assert self._subscribed.wait(TIMEOUT_S), "the fake scorer could not subscribe"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._client.disconnect()
        self._client.loop_stop()
        self._client.on_connect = self._client.on_subscribe = self._client.on_message = None

    def say(self, device: str, message: CloudScore | bytes, *, retain: bool = False, tenant: str = "acme") -> None:
        """Publish something to a device's score topic, asked or not."""
        payload = message if isinstance(message, bytes) else encode_msgpack(message)
        self._client.publish(f"roost/1/{tenant}/d/{device}/score", payload, 0, retain)

    def _subscribe(self, client: Client, *_: Any) -> None:
        client.subscribe("roost/1/+/d/+/ask/+", qos=0)

    def _receive(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        topic = parse_task_topic(message.topic)
        assert topic is not None
        question = decode_msgpack(bytes(message.payload), Question)
        if not question.contestants:
            self.probes += 1
            if not self.deaf_to_probes:
                self.say(topic.device, CloudScore(id=question.id), tenant=topic.tenant)
            return
        asked = Asked(topic.task, topic.device, question)
        self.asked.append(asked)
        if self.silent:
            return
        if not self.delay_s:
            self._answer(asked)
            return
        timer = threading.Timer(self.delay_s, self._answer, [asked])
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def _answer(self, asked: Asked) -> None:
        for score in self.reply(asked):
            self.say(asked.device, score)


def _send_at_once(_client: Client, _data: Any, sock: Any) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
