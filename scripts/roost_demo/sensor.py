"""A sensor as it is in the field: MQTT 3.1.1, pictures out, JSON in, no Roost library needed.

MQTT 3.1.1 has nothing to tell which answer belongs to which input, so a sensor has at most one picture under way.
"""

import queue
import socket
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from roost_shared.clock import MS
from roost_shared.messages import Answer, decode_json
from roost_shared.topics import DeviceTopics
from scripts.roost_demo.pictures import Picture

__all__ = ["Sensor"]


class Sensor:
    """The camera beside one device.

    Attributes:
        device: name of the device.
        topics: where its inputs and answers go.
        unexpected: answers that came while no picture was under way; there should be none.
        lens: what it makes of a picture that is before it; None: nothing.
    """

    def __init__(self, port: int, topics: DeviceTopics, task: str) -> None:
        self.device = topics.device
        self.topics = topics
        self.unexpected = 0
        self.lens: Callable[[Picture], Picture] | None = None
        self._task = task
        self._sent_ns: int | None = None
        self._answers: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
        name = f"camera-{self.device}"
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, name, protocol=mqtt.MQTTv311)
        self._client.on_socket_open = _send_at_once
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def look(self, picture: Picture) -> Picture:
        """The picture as the camera sees it."""
        lens = self.lens
        return picture if lens is None else lens(picture)

    def send(self, picture: Picture) -> None:
        """Send a picture. Not while one is under way."""
        self._sent_ns = time.monotonic_ns()
        self._client.publish(self.topics.input(self._task), picture.payload, qos=1)

    def poll(self) -> tuple[Answer, float] | None:
        """The answer to the picture under way and its round trip in milliseconds, None while there is none."""
        try:
            read_ns, payload = self._answers.get_nowait()
        except queue.Empty:
            return None
        if self._sent_ns is None:
            self.unexpected += 1
            return None
        round_trip_ms = (read_ns - self._sent_ns) / MS
        self._sent_ns = None
        return decode_json(payload, Answer), round_trip_ms

    def waited_s(self) -> float:
        """Seconds since the picture under way was sent."""
        return 0.0 if self._sent_ns is None else (time.monotonic_ns() - self._sent_ns) / (1000 * MS)

    def close(self) -> None:
        """Say goodbye to the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe(self.topics.output(self._task), qos=1)

    def _on_message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        read_ns = time.monotonic_ns()
        self._answers.put((read_ns, bytes(message.payload)))


def _send_at_once(_client: mqtt.Client, _userdata: Any, sock: Any) -> None:
    # Otherwise a small publish may wait 40 ms for the acknowledgement of the one before.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
