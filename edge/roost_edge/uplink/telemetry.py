"""The device's records on their way to the cloud by MQTT: batches out, watermarks in.

What the broker has is not yet the cloud's: the spooler keeps a record until a watermark covers it, and decides what is
sent when. Here it only hears whether there is a way, and a connection that takes no more just now is left alone for a
moment.
"""

from typing import Final, Protocol

from roost_edge.loop.reactor import Reactor, Timer
from roost_edge.mqtt import Outcome, Published, Received
from roost_shared.clock import SECOND
from roost_shared.complaints import Complaints
from roost_shared.messages import MessageError
from roost_shared.records import Watermark, decode_msgpack
from roost_shared.topics import DeviceTopics

__all__ = ["Outbox", "Telemetry", "TelemetryCarrier"]

_PAUSE_NS: Final = 1 * SECOND


class TelemetryCarrier(Protocol):
    """What carries it."""

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> Published:
        """Publish, as `BrokerConnection.publish` does."""
        ...


class Outbox(Protocol):
    """Who keeps the records."""

    def link(self, *, up: bool) -> None:
        """Batches can be sent now, or no more."""
        ...

    def covered(self, watermark: Watermark) -> None:
        """The cloud has these records."""
        ...


class Telemetry:
    """One device's records under way.

    Args:
        topics: the device's.
        outbox: keeps the records.
        reactor: the agent's loop.
        complaints: hears of watermarks that cannot be read.
    """

    def __init__(self, topics: DeviceTopics, outbox: Outbox, reactor: Reactor, complaints: Complaints) -> None:
        self.topic = topics.watermark
        self._telemetry = topics.telemetry
        self._outbox = outbox
        self._reactor = reactor
        self._complaints = complaints
        self._carrier: TelemetryCarrier | None = None
        self._is_connected = False
        self._pause: Timer | None = None

    def ride(self, carrier: TelemetryCarrier) -> None:
        """Be carried by this connection from now on."""
        self._carrier = carrier

    def connected(self) -> None:
        """There is a new way to the broker; what went by one that was left without a word may be lost."""
        if self._is_connected:
            self._outbox.link(up=False)
        self._is_connected = True
        self._outbox.link(up=True)

    def disconnected(self) -> None:
        """There is none."""
        self._is_connected = False
        self._outbox.link(up=False)

    def received(self, message: Received) -> None:
        """Hear how far the cloud is."""
        try:
            self._outbox.covered(decode_msgpack(message.payload, Watermark))
        except MessageError as error:
            self._complaints.note("watermark.unreadable", str(error))

    def publish(self, batch: bytes) -> None:
        """Hand a batch to the connection. What it does not take is not covered, and comes again after a moment."""
        outcome = Outcome.NOT_CONNECTED
        if self._carrier is not None and self._is_connected:
            outcome = self._carrier.publish(self._telemetry, batch, qos=1).outcome
        if outcome in (Outcome.HANDED, Outcome.WAITING) or self._pause is not None:
            return
        self._outbox.link(up=False)
        self._pause = self._reactor.call_after(_PAUSE_NS, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        if self._is_connected:
            self._outbox.link(up=True)
