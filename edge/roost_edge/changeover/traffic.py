"""What the cloud desires comes in, what the device reports goes out, over whatever carries the cloud's traffic.

`reported` is retained, and said again on each connection and whenever it has changed, at most once a second: what
happens in between is told together.
"""

from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from roost_edge.loop.reactor import Reactor, Timer
from roost_edge.mqtt import Outcome, Published, Received
from roost_shared.assignment import ASSIGNMENT_LIMIT_BYTES, REPORTED_LIMIT_BYTES, Reported
from roost_shared.clock import SECOND
from roost_shared.complaints import Complaints
from roost_shared.messages import encode_json
from roost_shared.topics import DeviceTopics

__all__ = ["AssignmentListener", "AssignmentTraffic"]

_PAUSE_NS: Final = 1 * SECOND  # between two reports


class _Carrier(Protocol):
    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> Published:
        """Publish, as `BrokerConnection.publish` does."""
        ...


class AssignmentListener(Protocol):
    """Who follows what is desired."""

    def desired(self, envelope: bytes) -> None:
        """The cloud says what this device shall run, signed; empty: it says nothing any more."""
        ...

    def cloud_link(self, *, up: bool) -> None:
        """The cloud can be reached, or no more."""
        ...


class AssignmentTraffic:
    """One device's.

    Args:
        topics: the device's.
        listener: follows.
        report: makes the report.
        reactor: the agent's loop.
        complaints: hears of what is no assignment, and of reports that are too large.
    """

    def __init__(
        self,
        topics: DeviceTopics,
        listener: AssignmentListener,
        report: Callable[[], Reported],
        reactor: Reactor,
        complaints: Complaints,
    ) -> None:
        self.topic = topics.desired
        self._reported = topics.reported
        self._listener = listener
        self._report = report
        self._reactor = reactor
        self._complaints = complaints
        self._carrier: _Carrier | None = None
        self._is_connected = False
        self._told: bytes | None = None  # by this connection
        self._not_before_ns = 0
        self._timer: Timer | None = None

    def ride(self, carrier: _Carrier) -> None:
        """Be carried by this connection."""
        self._carrier = carrier

    def connected(self) -> None:
        """The broker took us."""
        self._is_connected, self._told = True, None
        self._listener.cloud_link(up=True)
        self.changed()

    def disconnected(self) -> None:
        """There is no connection."""
        self._is_connected = False
        self._listener.cloud_link(up=False)

    def received(self, message: Received) -> None:
        """A message on `topic`."""
        if len(message.payload) > ASSIGNMENT_LIMIT_BYTES:
            size = f"{len(message.payload)} bytes; at most {ASSIGNMENT_LIMIT_BYTES}"
            self._complaints.note("assignment.too_large", f"what is desired holds {size}")
            return
        self._listener.desired(message.payload)

    def changed(self) -> None:
        """There may be something to tell."""
        if self._timer is None and self._is_connected:
            when_ns = max(self._reactor.now_ns(), self._not_before_ns)
            self._timer = self._reactor.call_at(when_ns, self._tell)

    def _tell(self) -> None:
        self._timer = None
        if not self._is_connected or self._carrier is None:
            return
        document = self._encoded()
        if document == self._told:
            return
        self._not_before_ns = self._reactor.now_ns() + _PAUSE_NS
        outcome = self._carrier.publish(self._reported, document, qos=1, retain=True).outcome
        if outcome is Outcome.TOO_LARGE:
            self._complaints.note("reported.too_large", f"{len(document)} bytes: the broker takes less")
        if outcome in (Outcome.HANDED, Outcome.WAITING, Outcome.TOO_LARGE):
            self._told = document
        else:
            self.changed()  # after the pause; without a connection, the next one begins with it anyway

    def _encoded(self) -> bytes:
        """The report, without its less needful parts where it would be too large."""
        report = self._report()
        document = encode_json(report)
        if len(document) > REPORTED_LIMIT_BYTES:
            self._complaints.note("reported.too_large", f"{len(document)} bytes: told without what was seen")
            installs = [msgspec.structs.replace(one, evidence={}, error=None) for one in report.installs]
            document = encode_json(msgspec.structs.replace(report, installs=installs))
        if len(document) > REPORTED_LIMIT_BYTES:
            document = encode_json(msgspec.structs.replace(report, installs=[], tasks={}))
        return document
