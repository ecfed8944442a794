"""What is desired comes in; what is reported goes out when it has changed, at most once a second."""

from typing import Any

import msgspec
import pytest

from roost_edge.changeover.traffic import AssignmentTraffic
from roost_edge.mqtt import Outcome, Published, Received
from roost_shared.assignment import ASSIGNMENT_LIMIT_BYTES, REPORTED_LIMIT_BYTES, Install, Reported
from roost_shared.clock import MS, SECOND, SystemClock
from roost_shared.complaints import Complaints
from roost_shared.topics import DeviceTopics
from tests.support.virtual_reactor import VirtualReactor

TOPICS = DeviceTopics("acme", "cam-01")


class Site:
    """A connection, a follower and a report that a test changes."""

    def __init__(self) -> None:
        self.reactor = VirtualReactor()
        self.complaints = Complaints(SystemClock())
        self.report = Reported(boot="b1", version=1)
        self.outcome = Outcome.HANDED
        self.sent: list[tuple[str, Reported, int, bool]] = []
        self.heard: list[bytes | bool] = []
        self.traffic = AssignmentTraffic(TOPICS, self, lambda: self.report, self.reactor.as_reactor(), self.complaints)
        self.traffic.ride(self)

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> Published:
        assert len(payload) <= REPORTED_LIMIT_BYTES
        self.sent.append((topic, msgspec.json.decode(payload, type=Reported), qos, retain))
        return Published(self.outcome)

    def desired(self, envelope: bytes) -> None:
        self.heard.append(envelope)

    def cloud_link(self, *, up: bool) -> None:
        self.heard.append(up)

    def pass_s(self, seconds: float) -> None:
        self.reactor.advance(self.reactor.now + round(seconds * SECOND))

    def change(self, version: int) -> None:
        self.report = msgspec.structs.replace(self.report, version=version)
        self.traffic.changed()

    @property
    def versions(self) -> list[int]:
        return [report.version for _, report, _, _ in self.sent]


@pytest.fixture
def site() -> Site:
    return Site()


def message(payload: bytes) -> Received:
    fields: dict[str, Any] = dict.fromkeys(("qos", "mid", "connection_number", "received_ns"), 1)
    fields |= dict.fromkeys(("retain", "dup", "backlog"), False) | {"receipt": 1, "redelivery_of": None}
    return Received(topic=TOPICS.desired, payload=payload, **fields)


def test_each_connection_begins_with_a_retained_report(site: Site) -> None:
    site.traffic.changed()
    site.pass_s(1)
    assert site.sent == []
    for _ in range(2):
        site.traffic.connected()
        site.pass_s(2)
        site.traffic.disconnected()
    assert site.sent == 2 * [(TOPICS.reported, site.report, 1, True)]
    assert site.heard == [True, False, True, False]


def test_what_changes_quickly_is_told_together(site: Site) -> None:
    site.traffic.connected()
    site.pass_s(0.1)
    for version in range(2, 20):
        site.change(version)
        site.reactor.advance(site.reactor.now + 10 * MS)
    site.pass_s(2)
    assert site.versions == [1, 19]


def test_what_has_not_changed_is_not_told_again(site: Site) -> None:
    site.traffic.connected()
    site.pass_s(2)
    site.traffic.changed()
    site.pass_s(2)
    assert len(site.sent) == 1


def test_a_report_that_the_connection_had_no_room_for_is_told_after_a_while(site: Site) -> None:
    site.outcome = Outcome.FULL
    site.traffic.connected()
    site.pass_s(0.5)
    site.outcome = Outcome.HANDED
    site.pass_s(1)
    assert site.versions == [1, 1]
    site.pass_s(5)
    assert len(site.sent) == 2


def test_a_report_that_is_too_large_is_told_without_what_is_less_needful(site: Site) -> None:
    install = Install(task="t", contestant="c", bundle="b", phase="active", evidence={"x": "y" * REPORTED_LIMIT_BYTES})
    site.report = msgspec.structs.replace(site.report, installs=[install])
    site.traffic.connected()
    site.pass_s(1)
    assert [one.evidence for one in site.sent[0][1].installs] == [{}]
    assert site.complaints.counts["reported.too_large"] == 1


def test_what_is_desired_is_handed_on_as_it_came(site: Site) -> None:
    site.traffic.received(message(b"signed"))
    site.traffic.received(message(b""))
    site.traffic.received(message(bytes(ASSIGNMENT_LIMIT_BYTES + 1)))
    assert site.heard == [b"signed", b""]
    assert site.complaints.counts["assignment.too_large"] == 1
