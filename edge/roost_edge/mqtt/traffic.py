"""The messages of a connection, in and out; outlives the single connection, as the broker's session does."""

from roost_edge.mqtt.acknowledgements import Acknowledgements
from roost_edge.mqtt.backlog import Backlog
from roost_edge.mqtt.events import Counters
from roost_edge.mqtt.link import Link
from roost_edge.mqtt.message import Properties, Received
from roost_edge.mqtt.notes import Accepted, Arrived, Confirmed
from roost_edge.mqtt.outgoing import Outcome, Outgoing, Published

__all__ = ["Traffic"]

_REFUSAL = 0x80  # MQTT reason codes from here on are refusals
_OVERHEAD_BYTES = 1024  # what headers and properties may add to topic and payload
_NO_PROPERTIES = Properties()


class Traffic:
    """What came and was not acknowledged, what went and was not confirmed.

    Args:
        in_flight: unacknowledged messages the broker may have under way to us.
        outgoing_limit_bytes: payloads that may wait to leave us, in bytes.
        counters: of the connection.
    """

    def __init__(self, in_flight: int, outgoing_limit_bytes: int, counters: Counters) -> None:
        self._in_flight = in_flight
        self._counters = counters
        self._acknowledgements = Acknowledgements(in_flight)
        self._backlog = Backlog()
        self._outgoing = Outgoing(outgoing_limit_bytes)
        self._maximum_packet_bytes: int | None = None

    @property
    def unacknowledged(self) -> int:
        """Messages of the broker that wait for our acknowledgement on this connection."""
        return self._acknowledgements.unacknowledged

    @property
    def full(self) -> bool:
        """Whether the broker has as many messages under way to us as it may."""
        return self.unacknowledged >= self._in_flight

    @property
    def idle(self) -> bool:
        """Whether nothing waits to leave us or to be confirmed."""
        return self._outgoing.idle

    def connected(self, accepted: Accepted, *, round_trip_ns: int, now_ns: int) -> int | None:
        """A connection begins; return when to `look_at_backlog`, None for never."""
        self._maximum_packet_bytes = accepted.maximum_packet_bytes
        self._acknowledgements.connected(session_present=accepted.session_present)
        return self._backlog.connected(
            session_present=accepted.session_present, round_trip_ns=round_trip_ns, now_ns=now_ns
        )

    def disconnected(self) -> None:
        """The connection ended; what it had not written of QoS 0 is gone. Idempotent."""
        self._acknowledgements.disconnected()
        self._backlog.disconnected()
        self._outgoing.written()

    def link_given_up(self) -> None:
        """The link is replaced by another; the QoS 1 messages it kept for the next connection go with it."""
        self._counters.publishes_dropped += self._outgoing.clear()

    def look_at_backlog(self, now_ns: int) -> int | None:
        """See whether the backlog is over; return when to look again, None if it is."""
        return self._backlog.look(free=not self.full, now_ns=now_ns)

    def arrived(self, note: Arrived, *, connection_number: int, read_ns: int) -> Received:
        """Take a message in."""
        self._counters.received += 1
        receipt, redelivered = None, False
        if note.qos:
            digest = hash((note.topic, note.payload))  # keyed anew in each process: nobody can make two collide
            receipt, redelivered = self._acknowledgements.received(note.mid, digest, dup=note.dup)
        properties = note.properties or _NO_PROPERTIES
        return Received(
            topic=note.topic,
            payload=note.payload,
            qos=note.qos,
            retain=note.retain,
            dup=note.dup,
            mid=note.mid,
            receipt=receipt,
            redelivery_of=receipt if redelivered else None,
            backlog=self._backlog.received(qos=note.qos, dup=note.dup, retain=note.retain, now_ns=read_ns),
            connection_number=connection_number,
            received_ns=read_ns,
            content_type=properties.content_type,
            response_topic=properties.response_topic,
            correlation_data=properties.correlation_data,
            user_properties=properties.user_properties,
            expiry_s=properties.expiry_s,
        )

    def settle(self, link: Link, receipt: int, now_ns: int) -> None:
        """Send the acknowledgements that `receipt` being settled makes due."""
        was_full = self.full
        mids = self._acknowledgements.settle(receipt)
        for mid in mids:
            link.acknowledge(mid)
        if mids and was_full:
            self._backlog.freed(now_ns)

    def publish(
        self, link: Link, topic: str, payload: bytes, *, qos: int, retain: bool, properties: Properties | None
    ) -> Published:
        """Publish on a link that stands."""
        outcome = self._obstacle(len(topic) + len(payload), link)
        if outcome is not None:
            return self._refuse(outcome)
        window_is_full = qos > 0 and self._outgoing.unconfirmed >= link.window
        mid = link.publish(topic, payload, qos=qos, retain=retain, properties=properties)
        if mid is None:
            return self._refuse(Outcome.FULL if link.socket is not None else Outcome.NOT_CONNECTED)
        written = link.socket is not None and not link.wants_write
        self._outgoing.took(mid, len(payload), qos=qos, written=written)
        outcome = Outcome.HANDED if written and not window_is_full else Outcome.WAITING
        return Published(outcome, mid if qos else None)

    def confirmed(self, note: Confirmed) -> bool:
        """The broker answered a QoS 1 message; whether it took it."""
        if not self._outgoing.confirmed(note.mid):
            return False  # a QoS 0 message, for which paho reports that it was written
        if note.reason >= _REFUSAL:
            self._counters.publishes_rejected += 1
            return False
        return True

    def written(self) -> None:
        """The socket has taken all there was."""
        self._outgoing.written()

    def _obstacle(self, message_bytes: int, link: Link) -> Outcome | None:
        if link.socket is None:
            return Outcome.NOT_CONNECTED
        limit = self._maximum_packet_bytes
        if limit is not None and message_bytes + _OVERHEAD_BYTES > limit:
            return Outcome.TOO_LARGE
        return None if self._outgoing.has_room(message_bytes) else Outcome.FULL

    def _refuse(self, outcome: Outcome) -> Published:
        self._counters.publishes_refused += 1
        return Published(outcome)
