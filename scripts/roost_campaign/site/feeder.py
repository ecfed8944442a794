"""A sensor that publishes inputs without end, each like no other, and writes down all that it hears of each.

What its broker has not acknowledged when the connection breaks is in doubt: it may have come, and is not sent again.
"""

import hashlib
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from roost_shared.topics import DeviceTopics

__all__ = ["Asked", "Feeder"]

_AGAIN_S: Final = 0.1  # until it connects again
_SESSION_S: Final = 3600


@dataclass
class Asked:
    """An input, and what was heard of it; moments are of the monotonic clock, in seconds.

    Attributes:
        number: its correlation data.
        sha256: of its bytes, hex.
        sent_s: when it was published.
        acknowledged: whether the broker has said that it has it.
        answers: when each came, and its bytes.
    """

    number: int
    sha256: str
    sent_s: float
    acknowledged: bool = False
    answers: list[tuple[float, bytes]] = field(default_factory=list)

    @property
    def distinct(self) -> list[dict[str, Any]]:
        """The answers, without those that MQTT has repeated."""
        return [msgspec.json.decode(data) for data in dict.fromkeys(data for _, data in self.answers)]


class Feeder:
    """Runs from its construction on; `pause` and `resume` as wanted.

    Args:
        port: of the broker.
        topics: whose inputs.
        task: that is asked.
        every_s: seconds between two inputs.
    """

    def __init__(self, port: int, topics: DeviceTopics, task: str, every_s: float) -> None:
        self.asked: dict[int, Asked] = {}
        self._port = port
        self._topic = topics.input(task)
        self._replies = f"replies/{topics.device}"
        self._name = f"feeder-{topics.device}"
        self._every_s = every_s
        self._lock = threading.Lock()
        self._unacknowledged: dict[int, Asked] = {}  # by packet id, of this connection
        self._lost = threading.Event()
        self._feeding = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def resume(self) -> None:
        """Publish."""
        self._feeding.set()

    def pause(self) -> None:
        """Publish no more, and go on listening."""
        self._feeding.clear()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._thread.join(30)

    def since(self, number: int) -> list[Asked]:
        """All from that number on."""
        with self._lock:
            return [one for key, one in self.asked.items() if key >= number]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.asked)

    def _run(self) -> None:
        while not self._stopping.is_set():
            client = self._client()
            try:
                client.connect("127.0.0.1", self._port, keepalive=10, clean_start=False, properties=_lasting())
            except OSError:
                self._stopping.wait(_AGAIN_S)
                continue
            client.loop_start()
            self._feed(client)
            client.loop_stop()
            self._unacknowledged.clear()
            client.on_message = client.on_publish = client.on_disconnect = client.on_connect = None

    def _feed(self, client: Client) -> None:
        while not self._stopping.wait(self._every_s) and not self._lost.is_set():
            if self._feeding.is_set() and client.is_connected():
                self._publish(client)

    def _publish(self, client: Client) -> None:
        number = len(self.asked)
        payload = b"[0.0, %.7f, 9.0]" % (number / 1e7)  # what the bundles call "two", for a million numbers
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho left it untyped
        properties.CorrelationData = b"%d" % number
        properties.ResponseTopic = self._replies
        one = Asked(number, hashlib.sha256(payload).hexdigest(), time.monotonic())
        with self._lock:
            self.asked[number] = one
            info = client.publish(self._topic, payload, 1, retain=False, properties=properties)
            self._unacknowledged[info.mid] = one

    def _client(self) -> Client:
        self._lost.clear()
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._name,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.on_connect = self._connected
        client.on_disconnect = lambda *_: self._lost.set()
        client.on_message = self._heard
        client.on_publish = self._acknowledged
        return client

    def _connected(self, client: Client, _data: Any, _flags: Any, _reason: Any, _properties: Any) -> None:
        client.subscribe(self._replies, 1)

    def _acknowledged(self, _client: Any, _data: Any, mid: int, _reason: Any, _properties: Any) -> None:
        with self._lock:
            one = self._unacknowledged.pop(mid, None)
        if one is not None:
            one.acknowledged = True

    def _heard(self, _client: Any, _data: Any, message: MQTTMessage) -> None:
        number = int(msgspec.json.decode(message.payload)["id"])
        self.asked[number].answers.append((time.monotonic(), bytes(message.payload)))


def _lasting() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho left it untyped
    properties.SessionExpiryInterval = _SESSION_S
    return properties
