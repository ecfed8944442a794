"""What passes between the device and the cloud by MQTT, whichever connection carries it.

Birth and will; questions to cloud contestants, and their scores; records, and the cloud's watermarks; what the cloud
desires of the device, and what the device reports of itself.

It rides on a connection of its own (`connection.py`) or on that of inputs and answers (`intake/site_connection.py`);
whoever carries it passes on what the connection tells.
"""

from typing import Final, NamedTuple, Protocol

from roost_edge.asking.link import CloudLink
from roost_edge.asking.sender import AskCarrier
from roost_edge.changeover.traffic import AssignmentTraffic
from roost_edge.loop.reactor import Reactor
from roost_edge.mqtt import Received, Subscription, Will
from roost_edge.mqtt.announcer import Announcer
from roost_edge.mqtt.announcer import Carrier as AnnounceCarrier
from roost_edge.uplink.presence import Presence
from roost_edge.uplink.telemetry import Telemetry
from roost_shared import __version__
from roost_shared.complaints import Complaints
from roost_shared.errors import TransportError
from roost_shared.topics import DeviceTopics

__all__ = ["Carrier", "CloudTraffic", "Riders", "cloud_subscriptions"]

_CLONE: Final = "another device uses our name; we stand down for a while"


def cloud_subscriptions(topics: DeviceTopics, *, records: bool, assigned: bool) -> list[Subscription]:
    """What to subscribe to where the cloud's traffic is carried; no session shall keep scores for later.

    Args:
        topics: the device's.
        records: some are sent.
        assigned: the cloud may say what the device shall run.
    """
    wanted = [Subscription(topics.state, 1), Subscription(topics.score, 0)]
    wanted += [Subscription(topics.watermark, 1)] if records else []
    return [*wanted, Subscription(topics.desired, 1)] if assigned else wanted


class Riders(NamedTuple):
    """Who says and hears what, beside the birth and the will.

    Attributes:
        link: asks cloud contestants.
        telemetry: sends records; None: there are none.
        assignment: hears what is desired, and reports; None: nobody does.
    """

    link: CloudLink
    telemetry: Telemetry | None = None
    assignment: AssignmentTraffic | None = None


class Carrier(AnnounceCarrier, AskCarrier, Protocol):
    """What the traffic needs of the connection: `BrokerConnection`, or what wraps one."""


class CloudTraffic:
    """The device's side of it.

    Args:
        topics: the device's.
        boot: unique to this start of the agent.
        carrier: the connection.
        riders: have their say over it.
        reactor: the connection's.
        complaints: hears of faults.
    """

    def __init__(
        self,
        topics: DeviceTopics,
        boot: str,
        carrier: Carrier,
        riders: Riders,
        reactor: Reactor,
        complaints: Complaints,
    ) -> None:
        self._announcer = Announcer(topics.state, Presence(boot=boot, version=__version__), carrier, reactor)
        self._reactor = reactor
        self._complaints = complaints
        self._away_since_ns: int | None = reactor.now_ns()
        self._link, self._telemetry, self._assignment = riders
        for rider in riders:
            if rider is not None:
                rider.ride(carrier)

    @property
    def away_ns(self) -> int:
        """For how long no broker has carried it."""
        return 0 if self._away_since_ns is None else self._reactor.now_ns() - self._away_since_ns

    @property
    def problem(self) -> str | None:
        """`duplicate_identity` while another device uses our name, else None."""
        return self._announcer.problem

    def will(self) -> Will:
        """What the broker shall publish if it loses us in the coming connection."""
        return self._announcer.will()

    def connected(self) -> None:
        """The broker took us."""
        self._away_since_ns = None
        self._announcer.connected()
        self._link.connected()
        for rider in (self._telemetry, self._assignment):
            if rider is not None:
                rider.connected()

    def received(self, message: Received) -> bool:
        """Take a message if it is the cloud's traffic; says whether it is. The carrier settles it."""
        if message.topic == self._announcer.topic:
            self._announcer.seen(message)
        elif message.topic == self._link.topic:
            self._link.received(message)
        elif self._telemetry is not None and message.topic == self._telemetry.topic:
            self._telemetry.received(message)
        elif self._assignment is not None and message.topic == self._assignment.topic:
            self._assignment.received(message)
        else:
            return False
        return True

    def disconnected(self, error: TransportError) -> None:
        """The connection ended, or did not come about."""
        if self._away_since_ns is None:
            self._away_since_ns = self._reactor.now_ns()
        self._announcer.disconnected(error)
        self._link.disconnected()
        for rider in (self._telemetry, self._assignment):
            if rider is not None:
                rider.disconnected()
        if self._announcer.problem is not None:
            self._complaints.note(self._announcer.problem, _CLONE)

    def say_stopped(self) -> None:
        """Leave a graceful farewell; stopping the connection then waits until the broker has it."""
        self._announcer.say_stopped()
