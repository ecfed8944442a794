"""Messages over several connections."""

from typing import cast

from roost_edge.mqtt.events import Counters
from roost_edge.mqtt.link import Link
from roost_edge.mqtt.message import Received
from roost_edge.mqtt.notes import Accepted, Arrived
from roost_edge.mqtt.traffic import Traffic

QUEUED = 1000  # as many as site.conf has a broker keep


class DeafLink:
    """Takes acknowledgements; none arrives."""

    def acknowledge(self, mid: int) -> None:
        pass


def test_all_that_a_broker_had_under_way_is_recognised_when_it_comes_again() -> None:
    """Mosquitto sends two for each acknowledgement: in the end it may have all that waited under way, and lose it."""
    traffic, link = Traffic(20, 1 << 20, Counters()), cast("Link", DeafLink())

    def connect() -> None:
        accepted = Accepted(session_present=True, receive_maximum=20, maximum_packet_bytes=None)
        traffic.connected(accepted, round_trip_ns=1, now_ns=0)

    def receive(mid: int, *, dup: bool) -> Received:
        note = Arrived("in/a", b"%d" % mid, qos=1, retain=False, dup=dup, mid=mid, properties=None)
        received = traffic.arrived(note, connection_number=1, read_ns=0)
        assert received.receipt is not None
        traffic.settle(link, received.receipt, now_ns=0)
        return received

    connect()
    receipts = [receive(mid, dup=False).receipt for mid in range(1, QUEUED + 1)]
    traffic.disconnected()
    connect()
    assert [receive(mid, dup=True).redelivery_of for mid in range(1, QUEUED + 1)] == receipts
