"""One connection to a broker, from opening to end: a paho client without its threads and its reconnecting.

All of it belongs to one thread. paho's callbacks run in the midst of its own work, so they only note; the owner acts
on what they noted between two steps.
"""

import select
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from roost_cloud.broker.faults import NotConnectedError, OutgoingFullError, PublishRefusedError
from roost_cloud.broker.paho_client import connect_properties, new_client
from roost_cloud.broker.settings import LinkSettings, Subscription
from roost_shared.errors import TransportError
from roost_shared.mqtt import paho_reading
from roost_shared.mqtt.address import BrokerAddress
from roost_shared.mqtt.dialect import Version
from roost_shared.mqtt.faults import (
    BrokerLostError,
    BrokerRefusedError,
    BrokerSilentError,
    BrokerUnreadableError,
    SubscriptionRefusedError,
    not_taken_in,
)

__all__ = ["BrokerSession", "OnArrived"]

OnArrived = Callable[[MQTTMessage], None]

_REFUSAL: Final = 0x80  # MQTT reason codes from here on are refusals
_KEEP_ALIVE_TIMEOUT: Final = 0x8D
_PROTOCOL_ERROR: Final = 0x82
_READ_AHEAD: Final = 100  # packets read before something else has its turn

paho_reading.mend()


class BrokerSession:
    """One connection.

    Args:
        settings: what it is told.
        address: where to go.
        tls: what to verify the broker with; None for plain TCP.
        version: the protocol level to speak.
        on_arrived: called for each message received.

    Attributes:
        accepted: the broker took us.
        error: why it has ended; None while it has not.
        refused_subscriptions: since the last look.
    """

    def __init__(
        self,
        settings: LinkSettings,
        address: BrokerAddress,
        tls: ssl.SSLContext | None,
        version: Version,
        on_arrived: OnArrived,
    ) -> None:
        self.accepted = False
        self.error: TransportError | None = None
        self.refused_subscriptions: list[SubscriptionRefusedError] = []
        self._settings = settings
        self._version = version
        self._tls = tls is not None
        self._subscriptions: dict[int, Subscription] = {}  # asked for, by packet id
        self._pending: dict[int, tuple[str, Future[None]]] = {}  # QoS 1, by packet id
        self._leaving: dict[int, Future[None]] = {}  # subscriptions given up, by packet id
        self._arrivals = 0
        self._on_arrived = on_arrived
        self._client = new_client(settings, address, tls, version)
        self._client.on_connect = self._note_connect
        self._client.on_disconnect = self._note_disconnect
        self._client.on_subscribe = self._note_subscribe
        self._client.on_message = self._note_message
        self._client.on_unsubscribe = self._note_unsubscribe
        self._client.on_publish = self._note_publish
        self._client.connect_async(
            address.host,
            address.port,
            keepalive=settings.keep_alive_s,
            clean_start=settings.session_expiry_s == 0,
            properties=connect_properties(settings, version),
        )

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to come."""
        return self.error is not None

    @property
    def unconfirmed(self) -> int:
        """QoS 1 messages of ours that the broker has not confirmed."""
        return len(self._pending)

    @property
    def subscribing(self) -> bool:
        """Whether the broker has yet to say something to a subscription."""
        return bool(self._subscriptions)

    def open(self) -> None:
        """Connect and send CONNECT; blocks.

        Raises:
            OSError: the name, the network or TLS failed.
            UnicodeError: the host's name cannot be one.
        """
        self._client.reconnect()

    def step(self, wake: socket.socket, timeout_s: float, *, read: bool) -> None:
        """Wait until there is something to do, and do it.

        Args:
            wake: ends the waiting when it can be read.
            timeout_s: the longest wait, in seconds.
            read: whether to take what the broker sent; what we leave waits at its end.
        """
        sock = self._client.socket()
        if not isinstance(sock, socket.socket):
            self._end(BrokerLostError(None, "the socket is closed"))
            return
        decrypted = read and isinstance(sock, ssl.SSLSocket) and sock.pending()
        poll = select.poll()  # unlike select, it takes descriptors beyond 1024
        poll.register(wake, select.POLLIN)
        events = (select.POLLIN if read else 0) | (select.POLLOUT if self._client.want_write() else 0)
        if events:
            poll.register(sock, events)
        happened = dict(poll.poll(0 if decrypted else timeout_s * 1000)).get(sock.fileno(), 0)
        if decrypted or (read and happened & ~select.POLLOUT):  # errors too are read
            self._read()
        if happened & select.POLLOUT:
            self._client.loop_write()
        self._client.loop_misc()

    def subscribe(self) -> None:
        """Ask for all subscriptions."""
        for subscription in self._settings.subscriptions:
            _, mid = self._client.subscribe(subscription.topic, subscription.qos)
            if mid is not None:
                self._subscriptions[mid] = subscription

    def unsubscribe(self, future: Future[None]) -> None:
        """Give up all subscriptions; `future` is done once the broker sends no more, and has sent all it had."""
        topics = [subscription.topic for subscription in self._settings.subscriptions]
        _, mid = self._client.unsubscribe(topics)
        if mid is None:
            future.set_exception(NotConnectedError("there is no connection to the broker"))
        else:
            self._leaving[mid] = future

    def post(self, topic: str, payload: bytes) -> bool:
        """Publish at QoS 0; whether it was handed to the socket, or to what waits for it."""
        if not self.accepted or self.ended:
            return False
        return self._client.publish(topic, payload, 0).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool, future: Future[None]) -> None:
        """Publish; `future` is done once the message is handed to the socket, or at QoS 1 confirmed."""
        if not self.accepted or self.ended:
            future.set_exception(NotConnectedError("there is no connection to the broker"))
            return
        if len(self._pending) >= self._settings.outgoing_limit:
            future.set_exception(OutgoingFullError(f"{len(self._pending)} messages wait for the broker already"))
            return
        info = self._client.publish(topic, payload, qos, retain)
        if qos == 0 and info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
            future.set_result(None)
        elif qos == 0:
            future.set_exception(NotConnectedError(f"the message could not be sent: {info.rc.name}"))
        else:
            self._pending[info.mid] = (topic, future)

    def acknowledge(self, mid: int) -> None:
        """Tell the broker that a QoS 1 message of this connection is ours now."""
        self._client.ack(mid, 1)

    def leave(self) -> None:
        """Say goodbye."""
        self._client.disconnect()

    def close(self, error: TransportError) -> None:
        """Let go of the socket, and fail what was not confirmed."""
        self._end(error)
        for future in (*(future for _, future in self._pending.values()), *self._leaving.values()):
            future.set_exception(NotConnectedError(f"the broker did not confirm: {error}"))
        self._pending.clear()
        self._leaving.clear()
        # paho closes its sockets when it is forgotten, for which nothing may go round in a circle.
        client = self._client
        client.on_connect = client.on_disconnect = client.on_subscribe = client.on_message = client.on_publish = None
        client.on_unsubscribe = None
        client.connect_async("localhost")  # its one public way to close a socket at once

    def _read(self) -> None:
        for _ in range(_READ_AHEAD):
            before = self._arrivals
            self._client.loop_read()
            if self._arrivals == before:
                return

    def _end(self, error: TransportError) -> None:
        if self.error is None:
            self.error = error

    def _note_connect(
        self, _client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._end(BrokerRefusedError(reason.value, str(reason)))
        else:
            self.accepted = True

    def _note_disconnect(
        self, _client: Client, _data: Any, flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            self._end(BrokerLostError(reason.value, str(reason)))
        elif reason.value == _KEEP_ALIVE_TIMEOUT:
            self._end(BrokerSilentError(f"no word from the broker in {2 * self._settings.keep_alive_s} s"))
        elif reason.value == _PROTOCOL_ERROR:
            self._end(BrokerUnreadableError(f"the broker sent what we cannot read: {reason}"))
        elif self.accepted:
            self._end(BrokerLostError(None, str(reason)))
        else:
            has_certificate = self._settings.certfile is not None
            self._end(not_taken_in(None, str(reason), tls=self._tls, has_certificate=has_certificate))

    def _note_subscribe(
        self, _client: Client, _data: Any, mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        subscription = self._subscriptions.pop(mid, None)
        if subscription is not None and reasons[0].value >= _REFUSAL:
            self.refused_subscriptions.append(SubscriptionRefusedError(subscription.topic, reasons[0].value))

    def _note_unsubscribe(
        self, _client: Client, _data: Any, mid: int, _reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        future = self._leaving.pop(mid, None)
        if future is not None:
            future.set_result(None)

    def _note_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._arrivals += 1
        self._on_arrived(message)

    def _note_publish(
        self, _client: Client, _data: Any, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        topic, future = self._pending.pop(mid, ("", None))
        if future is None:
            return
        if reason.value >= _REFUSAL:
            future.set_exception(PublishRefusedError(topic, reason.value))
        else:
            future.set_result(None)
