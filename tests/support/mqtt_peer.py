"""A synchronous MQTT client for tests: a sensor, an operator, a clone."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

__all__ = ["MqttPeer"]

TIMEOUT_S = 10.0


class MqttPeer:
    """Connects in the constructor; keeps all it receives in `messages`.

    Args:
        will: topic and payload, retained, at QoS 1.
        tls: whom to trust, and what to show; None: no TLS.

    Raises:
        ConnectionRefusedError: the broker said no.
    """

    def __init__(
        self,
        port: int,
        *,
        client_id: str = "",
        version: int = 5,
        clean: bool = True,
        username: str | None = None,
        password: str | None = None,
        will: tuple[str, bytes] | None = None,
        keep_alive_s: int = 30,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        five = version == 5
        self.messages: list[MQTTMessage] = []
        self.disconnects: list[int] = []
        self._changed = threading.Condition()
        self._connected = False
        self._refusals: list[str] = []
        self._granted: dict[int, list[int]] = {}
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if five else clean,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        if username is not None:
            self._client.username_pw_set(username, password)
        if tls is not None:
            self._client.tls_set_context(tls)
        if will is not None:
            self._client.will_set(*will, qos=1, retain=True)
        self._client.on_connect = self._note_connect
        self._client.on_message = self._note_message
        self._client.on_subscribe = self._note_subscribe
        self._client.on_disconnect = self._note_disconnect
        properties = None
        if five and not clean:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho left it untyped
            properties.SessionExpiryInterval = 3600
        if five:
            self._client.connect("127.0.0.1", port, keepalive=keep_alive_s, clean_start=clean, properties=properties)
        else:
            self._client.connect("127.0.0.1", port, keepalive=keep_alive_s)
        self._client.loop_start()
        self.wait(lambda: self._connected or bool(self._refusals), "connected")
        for refusal in self._refusals:
            self.close()
            raise ConnectionRefusedError(refusal)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def subscribe(self, topic: str, qos: int = 1) -> list[int]:
        """Subscribe, wait for the broker's word, and return it."""
        _, mid = self._client.subscribe(topic, qos)
        assert mid is not None
        self.wait(lambda: mid in self._granted, f"subscribed to {topic}")
        return self._granted[mid]

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        wait: bool = True,
        **properties: Any,
    ) -> None:
        """Publish; `properties` by paho's names (`ResponseTopic=…`)."""
        packed = None
        if properties:
            packed = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho left it untyped
            for name, value in properties.items():
                setattr(packed, name, value)
        info = self._client.publish(topic, payload, qos, retain, packed)
        if wait:
            info.wait_for_publish(TIMEOUT_S)
            assert info.is_published()

    def next(self, count: int = 1) -> list[MQTTMessage]:
        """Wait until `count` messages are there, and take them."""
        self.wait(lambda: len(self.messages) >= count, f"{count} messages")
        taken, self.messages[:] = self.messages[:count], self.messages[count:]
        return taken

    def wait(self, condition: Callable[[], bool], what: str, timeout_s: float = TIMEOUT_S) -> None:
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not condition():
                left_s = deadline - time.monotonic()
                assert left_s > 0, f"waited {timeout_s} s in vain for: {what}"
                self._changed.wait(min(left_s, 0.05))

    def freeze(self) -> None:
        """Fall silent; the connection stays open."""
        self._client.loop_stop()

    def vanish(self) -> None:
        """End the connection without a goodbye."""
        self._client.loop_stop()
        sock = self._client.socket()
        assert isinstance(sock, socket.socket)
        sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        # paho closes its last sockets when it is forgotten, for which nothing may go round in a circle.
        self._client.on_connect = self._client.on_message = None
        self._client.on_subscribe = self._client.on_disconnect = None

    def _note_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        with self._changed:
            self._connected = not reason.is_failure
            if reason.is_failure:
                self._refusals.append(str(reason))
            self._changed.notify_all()

    def _note_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        with self._changed:
            self.disconnects.append(reason.value)
            self._changed.notify_all()

    def _note_subscribe(self, _client: Any, _data: Any, mid: int, reasons: Any, _properties: Any) -> None:
        with self._changed:
            self._granted[mid] = [reason.value for reason in reasons]
            self._changed.notify_all()

    def _note_message(self, _client: Any, _data: Any, message: MQTTMessage) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()
