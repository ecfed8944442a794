"""Records on their way: when the spooler may send, and what it hears of the cloud."""

from roost_edge.mqtt import Outcome, Published, Received
from roost_edge.uplink.telemetry import Telemetry
from roost_shared.clock import SECOND, SystemClock
from roost_shared.complaints import Complaints
from roost_shared.records import Watermark, encode_msgpack
from roost_shared.topics import DeviceTopics
from tests.support.virtual_reactor import VirtualReactor

TOPICS = DeviceTopics("acme", "cam-01")


class FakeOutbox:
    def __init__(self) -> None:
        self.links: list[bool] = []
        self.watermarks: list[Watermark] = []

    def link(self, *, up: bool) -> None:
        self.links.append(up)

    def covered(self, watermark: Watermark) -> None:
        self.watermarks.append(watermark)


class FakeCarrier:
    def __init__(self) -> None:
        self.outcome = Outcome.HANDED
        self.published: list[tuple[str, bytes, int]] = []

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> Published:
        assert not retain
        self.published.append((topic, payload, qos))
        return Published(self.outcome)


class Site:
    def __init__(self) -> None:
        self.reactor = VirtualReactor()
        self.outbox = FakeOutbox()
        self.carrier = FakeCarrier()
        self.complaints = Complaints(SystemClock())
        self.telemetry = Telemetry(TOPICS, self.outbox, self.reactor.as_reactor(), self.complaints)
        self.telemetry.ride(self.carrier)


def heard(payload: bytes) -> Received:
    return Received(
        topic=TOPICS.watermark,
        payload=payload,
        qos=1,
        retain=False,
        dup=False,
        mid=1,
        receipt=1,
        redelivery_of=None,
        backlog=False,
        connection_number=1,
        received_ns=0,
    )


def test_a_batch_goes_out_at_qos_1_while_there_is_a_way() -> None:
    site = Site()
    site.telemetry.connected()
    site.telemetry.publish(b"batch")
    assert site.carrier.published == [("roost/1/acme/d/cam-01/telemetry", b"batch", 1)]
    assert site.outbox.links == [True]


def test_a_connection_that_takes_no_more_is_left_alone_for_a_moment() -> None:
    site = Site()
    site.telemetry.connected()
    site.carrier.outcome = Outcome.FULL
    site.telemetry.publish(b"1")
    site.telemetry.publish(b"2")
    assert site.outbox.links == [True, False]
    site.reactor.advance(1 * SECOND)
    assert site.outbox.links == [True, False, True]


def test_a_connection_that_takes_another_s_place_is_a_new_link() -> None:
    """A renewed identity has it made anew, and nobody says that the one before is gone."""
    site = Site()
    site.telemetry.connected()
    site.telemetry.connected()
    assert site.outbox.links == [True, False, True]


def test_a_pause_does_not_outlive_the_connection() -> None:
    site = Site()
    site.telemetry.connected()
    site.carrier.outcome = Outcome.FULL
    site.telemetry.publish(b"1")
    site.telemetry.disconnected()
    site.reactor.advance(5 * SECOND)
    assert site.outbox.links[-1] is False


def test_without_a_connection_nothing_is_published() -> None:
    site = Site()
    site.telemetry.publish(b"1")
    assert not site.carrier.published


def test_watermarks_are_handed_on_and_garbage_is_counted() -> None:
    site = Site()
    watermark = Watermark(boot="b1", sequence=7)
    site.telemetry.received(heard(encode_msgpack(watermark)))
    site.telemetry.received(heard(b"\xff"))
    assert site.outbox.watermarks == [watermark]
    assert site.complaints.counts["watermark.unreadable"] == 1
