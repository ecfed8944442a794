"""One paho client, without its threads and without its reconnecting; the only file that knows paho.

paho's callbacks run in the midst of its own work, with a lock held, where publishing would not reach the socket
and closing would deadlock. So the callbacks here only note what happened, and each call returns the notes: the
owner acts on them once paho is done. `open` blocks (name, TCP, TLS) and belongs in a thread that owns the link
until it returns; everything else belongs to one thread and does not block.
"""

import socket
import ssl
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, cast

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties as PahoProperties
from paho.mqtt.reasoncodes import ReasonCode

from roost_edge.mqtt.message import Properties, Will
from roost_edge.mqtt.notes import Accepted, Arrived, Confirmed, Ended, Granted, Note, Refused
from roost_edge.mqtt.settings import BrokerSettings, Subscription
from roost_shared.mqtt import paho_reading
from roost_shared.mqtt.address import BrokerAddress
from roost_shared.mqtt.dialect import Version
from roost_shared.mqtt.prompt_sending import send_at_once

__all__ = ["Link"]

_MQTT5: Final = 5
_KEEP_ALIVE_TIMEOUT: Final = 0x8D
_PROTOCOL_ERROR: Final = 0x82

paho_reading.mend()


class Link:
    """One client for one protocol version; may be opened again after it ended.

    Args:
        settings: of the connection.
        address: where to go.
        tls: what to verify the broker with; None for plain TCP.
        version: 5 or 4 (3.1.1).
        window: QoS 1 messages of ours that may be unacknowledged at a time.
        on_closing: called with a socket right before it is closed.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        address: BrokerAddress,
        tls: ssl.SSLContext | None,
        *,
        version: Version,
        window: int,
        on_closing: Callable[[socket.socket], None],
    ) -> None:
        self.version = version
        self.window = window
        self._notes: list[Note] = []
        self._on_closing = on_closing
        self._settings = settings
        self._address = address
        self._client = _new_client(settings, address, tls, version)
        self._client.max_inflight_messages = window
        self._client.on_connect = self._note_connect
        self._client.on_disconnect = self._note_disconnect
        self._client.on_subscribe = self._note_subscribe
        self._client.on_message = self._note_message
        self._client.on_publish = self._note_publish
        self._client.on_socket_open = send_at_once
        self._client.on_socket_close = self._closing
        self._prepare()

    @property
    def socket(self) -> socket.socket | None:
        """The socket to watch, None when there is no connection."""
        return cast("socket.socket | None", self._client.socket())  # a websocket's wrapper is never asked for

    @property
    def wants_write(self) -> bool:
        """Whether bytes wait for the socket."""
        return self._client.want_write()

    def set_will(self, will: Will | None) -> None:
        """Set what the broker shall say of us if it loses the connection opened next."""
        if will is None:
            self._client.will_clear()
        else:
            self._client.will_set(will.topic, will.payload, qos=1, retain=True)

    def open(self) -> None:
        """Connect and send CONNECT; blocks.

        Raises:
            OSError: the name, the network or TLS failed.
            UnicodeError: the host's name cannot be one.
        """
        self._client.reconnect()

    @property
    def has_notes(self) -> bool:
        """Whether something happened that nobody has taken note of."""
        return bool(self._notes)

    def take_notes(self) -> list[Note]:
        """What happened since the last call."""
        notes, self._notes = self._notes, []
        return notes

    def read(self) -> None:
        """Read what the socket has: a packet or a few. With TLS, also what it has decrypted ahead."""
        self._client.loop_read()
        while isinstance(sock := self._client.socket(), ssl.SSLSocket) and sock.pending():
            self._client.loop_read()

    def write(self) -> None:
        """Write what waits for the socket, as far as it takes it."""
        self._client.loop_write()

    def tick(self) -> None:
        """Send a ping if it is time, end the connection if an answer to one is overdue."""
        self._client.loop_misc()

    def subscribe(self, subscriptions: tuple[Subscription, ...]) -> int | None:
        """Subscribe; return the packet id the `Granted` note will carry, None if the connection has ended."""
        filters: list[tuple[str, int]] = [(each.topic, each.qos) for each in subscriptions]
        return self._client.subscribe(filters)[1]

    def publish(
        self, topic: str, payload: bytes, *, qos: int, retain: bool, properties: Properties | None
    ) -> int | None:
        """Publish, writing at once what the socket takes; return the packet id, None if it was not taken."""
        packed = _pack(properties) if properties is not None and self.version == _MQTT5 else None
        # At QoS 0 paho would only report that it wrote, which we see ourselves, and build objects for 45 us to do so.
        self._client.on_publish = self._note_publish if qos else None
        info = self._client.publish(topic, payload, qos, retain, packed)
        self._client.on_publish = self._note_publish
        kept = qos > 0 and info.rc != MQTTErrorCode.MQTT_ERR_QUEUE_SIZE  # the connection may end in writing
        return info.mid if kept or info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def acknowledge(self, mid: int) -> None:
        """Send PUBACK."""
        self._client.ack(mid, 1)

    def disconnect(self) -> None:
        """Say goodbye: the broker drops the will. The socket closes once that is written."""
        self._client.disconnect()

    def abort(self) -> None:
        """Close without a word: the broker publishes the will. Leaves no note."""
        self._prepare()

    def _prepare(self) -> None:
        """Tell paho where to go. Doing so again is its one public way to close a socket at once."""
        self._client.connect_async(
            self._address.host,
            self._address.port,
            keepalive=self._settings.keep_alive_s,
            clean_start=not self._settings.persistent,
            properties=_connect_properties(self._settings) if self.version == _MQTT5 else None,
        )

    def _note_connect(
        self, _client: Client, _data: Any, flags: ConnectFlags, reason: ReasonCode, properties: PahoProperties | None
    ) -> None:
        if reason.is_failure:
            self._notes.append(Refused(reason.value, str(reason)))
        else:
            self._notes.append(
                Accepted(
                    session_present=flags.session_present,
                    receive_maximum=getattr(properties, "ReceiveMaximum", None),
                    maximum_packet_bytes=getattr(properties, "MaximumPacketSize", None),
                )
            )

    def _note_disconnect(
        self,
        _client: Client,
        _data: Any,
        flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: PahoProperties | None,
    ) -> None:
        from_broker = flags.is_disconnect_packet_from_server
        self._notes.append(
            Ended(
                reason.value if from_broker else None,
                str(reason),
                silent=not from_broker and reason.value == _KEEP_ALIVE_TIMEOUT,
                unreadable=not from_broker and reason.value == _PROTOCOL_ERROR,
            )
        )

    def _note_subscribe(
        self, _client: Client, _data: Any, mid: int, reasons: list[ReasonCode], _properties: PahoProperties | None
    ) -> None:
        self._notes.append(Granted(mid, tuple(reason.value for reason in reasons)))

    def _note_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        self._notes.append(
            Arrived(
                topic=topic,
                payload=bytes(message.payload),  # bytes already: no copy
                qos=message.qos,
                retain=bool(message.retain),
                dup=bool(message.dup),
                mid=message.mid,
                properties=None if message.properties is None else _unpack(message.properties),
            )
        )

    def _note_publish(
        self, _client: Client, _data: Any, mid: int, reason: ReasonCode, _properties: PahoProperties | None
    ) -> None:
        self._notes.append(Confirmed(mid, reason.value))

    def _closing(self, _client: Client, _data: Any, sock: Any) -> None:
        self._on_closing(sock)


def _new_client(
    settings: BrokerSettings, address: BrokerAddress, tls: ssl.SSLContext | None, version: Version
) -> Client:
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=settings.client_id,
        clean_session=None if version == _MQTT5 else not settings.persistent,
        protocol=MQTTProtocolVersion.MQTTv5 if version == _MQTT5 else MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,  # paho would reconnect, and block, inside a read
        manual_ack=True,
    )
    client.connect_timeout = settings.connect_timeout_s
    if address.username is not None:
        client.username_pw_set(address.username, address.password)
    if tls is not None:
        client.tls_set_context(tls)
    return client


def _new_properties(packet_type: int) -> PahoProperties:
    return PahoProperties(packet_type)  # type: ignore[no-untyped-call]  # paho left this class untyped


def _connect_properties(settings: BrokerSettings) -> PahoProperties:
    """What CONNECT says; no Maximum Packet Size, for an input that is too large must be answered too."""
    properties = _new_properties(PacketTypes.CONNECT)
    properties.ReceiveMaximum = settings.in_flight
    if settings.persistent:
        properties.SessionExpiryInterval = settings.session_expiry_s
    return properties


@lru_cache(maxsize=64)  # most answers carry the same ones, and paho takes long to make them
def _pack(properties: Properties) -> PahoProperties:
    packed = _new_properties(PacketTypes.PUBLISH)
    if properties.content_type is not None:
        packed.ContentType = properties.content_type
    if properties.response_topic is not None:
        packed.ResponseTopic = properties.response_topic
    if properties.correlation_data is not None:
        packed.CorrelationData = properties.correlation_data
    if properties.user_properties:
        packed.UserProperty = list(properties.user_properties)
    if properties.expiry_s is not None:
        packed.MessageExpiryInterval = properties.expiry_s
    return packed


def _unpack(properties: PahoProperties) -> Properties:
    """Make plain: paho sets an attribute for each property the message has, and none for the others."""
    given = properties.__dict__
    correlation = given.get("CorrelationData")
    return Properties(
        content_type=given.get("ContentType"),
        response_topic=given.get("ResponseTopic"),
        correlation_data=None if correlation is None else bytes(correlation),  # a view until here
        user_properties=tuple(given.get("UserProperty", ())),
        expiry_s=given.get("MessageExpiryInterval"),
    )
