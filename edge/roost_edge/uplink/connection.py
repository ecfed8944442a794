"""`[cloud] broker`: a connection of its own, so that nothing the cloud's broker does concerns inputs and answers.

It is made anew when the device's certificate is another, and made later where it cannot be made now.
"""

import logging
from collections.abc import Callable
from typing import Any, Final

from roost_edge.loop.reactor import Reactor
from roost_edge.mqtt import (
    NOTHING,
    BrokerConnection,
    BrokerSettings,
    Counters,
    Outcome,
    Published,
    Received,
    Unsent,
    Will,
    describe_connection,
)
from roost_edge.uplink.traffic import CloudTraffic, Riders
from roost_shared.clock import SECOND
from roost_shared.complaints import Complaints
from roost_shared.errors import RoostError, TransportError
from roost_shared.mqtt.faults import SubscriptionRefusedError
from roost_shared.topics import DeviceTopics

__all__ = ["CloudConnection"]

log = logging.getLogger(__name__)

_GOODBYE_NS: Final = 2 * SECOND


class CloudConnection:
    """The cloud's traffic on its own connection.

    Args:
        settings: reads what the connection is told; asked again whenever the connection is made. What it raises of
            RoostError is complained of, and there is no connection until `remake`.
        reactor: drives it.
        complaints: hears of faults.
        topics: the device's.
        boot: unique to this start of the agent.
        riders: have their say to the cloud.
    """

    def __init__(
        self,
        settings: Callable[[], BrokerSettings],
        reactor: Reactor,
        complaints: Complaints,
        *,
        topics: DeviceTopics,
        boot: str,
        riders: Riders,
    ) -> None:
        self.traffic = CloudTraffic(topics, boot, self, riders, reactor, complaints)
        self._settings = settings
        self._reactor = reactor
        self._complaints = complaints
        self._connection: BrokerConnection | None = None
        self._leaving = False
        self._on_stopped: Callable[[], None] | None = None

    def start(self) -> None:
        """Begin to connect, and keep at it."""
        try:
            self._connection = BrokerConnection(self._settings(), self._reactor, self)
        except RoostError as error:
            self._connection = None
            self._complain(error)
            return
        self._connection.start()

    def remake(self) -> None:
        """Leave, and connect by the settings as they are now."""
        self._leave()

    def stop(self, on_stopped: Callable[[], None]) -> None:
        """Say goodbye and call `on_stopped`."""
        self.traffic.say_stopped()
        self._on_stopped = on_stopped
        self._leave()

    def describe(self) -> dict[str, Any]:
        """Its part of the status document."""
        if self._connection is None:
            return describe_connection(None, Counters())
        return self._connection.describe()

    # ---- what carries the traffic

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> Published:
        """Publish, as `BrokerConnection.publish` does."""
        if self._connection is None:
            return Published(Outcome.NOT_CONNECTED)
        return self._connection.publish(topic, payload, qos=qos, retain=retain)

    def unsent(self) -> Unsent:
        """What was published and has not left this machine, or not reached the broker's."""
        return NOTHING if self._connection is None else self._connection.unsent()

    def hold_off(self, wait_ns: int) -> None:
        """End the connection without a word, and make no attempt for `wait_ns`."""
        if self._connection is not None:
            self._connection.hold_off(wait_ns)

    # ---- what the connection tells

    def connecting(self, number: int) -> Will | None:  # noqa: ARG002 - the presence counts sessions itself
        """Say what the broker shall publish if it loses us."""
        return self.traffic.will()

    def connected(self, *, session_present: bool) -> None:  # noqa: ARG002 - we ask for none
        """The broker took us."""
        log.info("connected to the cloud")
        self.traffic.connected()

    def received(self, message: Received) -> None:
        """Hand a message to the traffic."""
        if not self.traffic.received(message):
            self._complaints.note("topic.unexpected", f"a message on {message.topic!r} from the cloud")
        if message.receipt is not None and self._connection is not None:
            self._connection.settle(message.receipt)

    def confirmed(self, mid: int) -> None:
        """A QoS 1 message of ours is the broker's: a birth, which comes back by itself."""

    def dropped(self, mid: int) -> None:
        """A QoS 1 message of ours went with its link: a birth, which the next connection begins with anyway."""

    def disconnected(self, error: TransportError) -> None:
        """The connection ended, or did not come about; it comes back by itself."""
        self._complain(error)
        self.traffic.disconnected(error)

    def subscription_refused(self, error: SubscriptionRefusedError) -> None:
        """The broker does not let us read a topic."""
        self._complain(error)

    # ----

    def _leave(self) -> None:
        if self._leaving:
            return  # `_left` sees what has changed since
        self._leaving = True
        if self._connection is None:
            self._reactor.call_soon(self._left)
        else:
            self._connection.stop(_GOODBYE_NS, self._left)

    def _left(self) -> None:
        self._leaving = False
        self._connection = None
        if self._on_stopped is None:
            self.start()
            return
        on_stopped, self._on_stopped = self._on_stopped, None
        on_stopped()

    def _complain(self, error: RoostError) -> None:
        """Under a code of its own: the cloud's being away is no fault of the site's."""
        self._complaints.note(f"cloud.{error.code}", str(error))
