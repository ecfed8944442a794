"""The messages of a connection, in and out; outlives the single connection, as the broker's session does."""

from roost_edge.mqtt.acknowledgements import Acknowledgements
from roost_edge.mqtt.backlog import Backlog
from roost_edge.mqtt.events import Counters
from roost_edge.mqtt.kernel_queue import NOTHING, Unsent, kernel_queue
from roost_edge.mqtt.link import Link
from roost_edge.mqtt.message import Properties, Received
from roost_edge.mqtt.notes import Accepted, Arrived, Confirmed, is_refusal
from roost_edge.mqtt.outgoing import Outcome, Outgoing, Published

__all__ = ["Traffic"]

_REMEMBERED = 2048  # acknowledged messages; a site's broker queues 1000, and may have all of them under way
_HEADER_BYTES = 13  # of a PUBLISH, at most: type and length 5, topic's length 2, packet id 2, properties' length 4
_DIGESTED_BYTES = 64 << 10  # of each end of a large payload
_LARGE_BYTES = 1 << 20
_NAMES_PER_LINK = 1 << 16  # packet ids
_NO_PROPERTIES = Properties()


class Traffic:
    """What came and was not acknowledged, what went and was not confirmed.

    Args:
        in_flight: unacknowledged messages the broker may have under way to us.
        outgoing_limit_bytes: what may wait to leave us, in bytes.
        counters: of the connection.
    """

    def __init__(self, in_flight: int, outgoing_limit_bytes: int, counters: Counters) -> None:
        self._in_flight = in_flight
        self._counters = counters
        self._acknowledgements = Acknowledgements(_REMEMBERED)
        self._backlog = Backlog()
        self._outgoing = Outgoing(outgoing_limit_bytes)
        self._maximum_packet_bytes: int | None = None
        self._first_name = 0  # a new link begins its packet ids anew, and `Published.mid` must not

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

    def unsent(self, link: Link) -> Unsent:
        """What we were given to send and has not left us, QoS 1 messages that wait for their turn left out."""
        if link.socket is None:
            return NOTHING
        unsent_bytes, unacknowledged_bytes = kernel_queue(link.socket)
        unwritten_bytes = self._outgoing.unwritten_bytes
        return Unsent(unwritten_bytes + unsent_bytes, unwritten_bytes + unacknowledged_bytes)

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

    def link_given_up(self) -> list[int]:
        """The link is replaced by another; the QoS 1 messages it kept go with it: return their `Published.mid`."""
        dropped = [self._first_name + mid for mid in self._outgoing.clear()]
        self._counters.publishes_dropped += len(dropped)
        self._first_name += _NAMES_PER_LINK
        return dropped

    def look_at_backlog(self, now_ns: int) -> int | None:
        """See whether the backlog is over; return when to look again, None if it is."""
        return self._backlog.look(free=not self.full, now_ns=now_ns)

    def arrived(self, note: Arrived, *, connection_number: int, read_ns: int) -> Received:
        """Take a message in."""
        self._counters.received += 1
        receipt, redelivered = None, False
        if note.qos:
            receipt, redelivered = self._acknowledgements.received(note.mid, _digest(note), dup=note.dup)
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
        message_bytes = _packet_bytes(topic, payload, properties)
        outcome = self._obstacle(message_bytes, link)
        if outcome is not None:
            return self._refuse(outcome)
        window_is_full = self._window_is_full(link, qos)
        mid = link.publish(topic, payload, qos=qos, retain=retain, properties=properties)
        if mid is None:
            return self._refuse(Outcome.FULL if link.socket is not None else Outcome.NOT_CONNECTED)
        written = link.socket is not None and not link.wants_write
        self._outgoing.took(mid, message_bytes, qos=qos, written=written)
        outcome = Outcome.HANDED if written and not window_is_full else Outcome.WAITING
        return Published(outcome, self._first_name + mid if qos else None)

    def can_hand(self, link: Link, qos: int) -> bool:
        """Whether a message published now would reach the socket now, as far as that has room."""
        return link.socket is not None and not link.wants_write and not self._window_is_full(link, qos)

    def wants_word(self, link: Link) -> bool:
        """Whether the broker's word on ours is to be read soon: half a window waits for it, and answers shall not."""
        return 2 * self._outgoing.unconfirmed >= link.window

    def confirmed(self, note: Confirmed) -> int | None:
        """The broker answered a QoS 1 message, which no longer waits; return its `Published.mid`."""
        if not self._outgoing.confirmed(note.mid):
            return None  # a QoS 0 message, for which paho reports that it was written
        if is_refusal(note.reason):
            self._counters.publishes_rejected += 1
        return self._first_name + note.mid

    def written(self) -> None:
        """The socket has taken all there was."""
        self._outgoing.written()

    def _obstacle(self, message_bytes: int, link: Link) -> Outcome | None:
        if link.socket is None:
            return Outcome.NOT_CONNECTED
        limit = self._maximum_packet_bytes
        if limit is not None and message_bytes > limit:
            return Outcome.TOO_LARGE
        return None if self._outgoing.has_room(message_bytes) else Outcome.FULL

    def _window_is_full(self, link: Link, qos: int) -> bool:
        return qos > 0 and self._outgoing.unconfirmed >= link.window

    def _refuse(self, outcome: Outcome) -> Published:
        self._counters.publishes_refused += 1
        return Published(outcome)


def _digest(note: Arrived) -> int:
    """What tells a message from another that had its packet id; of a large payload, only its size and its ends.

    Hashing 64 MB takes 20 ms, in which nobody is answered. The hash is keyed anew in each process:
    nobody can make two collide.
    """
    payload = note.payload
    if len(payload) > _LARGE_BYTES:
        return hash((note.topic, len(payload), payload[:_DIGESTED_BYTES], payload[-_DIGESTED_BYTES:]))
    return hash((note.topic, payload))


def _packet_bytes(topic: str, payload: bytes, properties: Properties | None) -> int:
    """The size of a PUBLISH packet, or a few bytes more; MQTT 5, section 3.3."""
    message_bytes = _HEADER_BYTES + len(topic.encode()) + len(payload)
    if properties is None:
        return message_bytes
    for text in (properties.content_type, properties.response_topic):
        if text is not None:
            message_bytes += 3 + len(text.encode())  # what it is, and its length
    if properties.correlation_data is not None:
        message_bytes += 3 + len(properties.correlation_data)
    for name, value in properties.user_properties:
        message_bytes += 5 + len(name.encode()) + len(value.encode())
    return message_bytes + (5 if properties.expiry_s is not None else 0)
