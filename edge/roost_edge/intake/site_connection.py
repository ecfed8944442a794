"""`[broker]`: the connection that inputs come by and answers leave by, and who hears what comes.

Where the cloud has no broker of its own, the cloud's traffic rides along.
"""

import logging
from collections.abc import Callable

from roost_edge.identity import Identity
from roost_edge.intake.mqtt import MqttIntake
from roost_edge.loop.reactor import Reactor
from roost_edge.mqtt import BrokerConnection, BrokerSettings, Received, Will
from roost_edge.tasks.injection import Injection
from roost_edge.uplink.traffic import CloudTraffic
from roost_shared.complaints import Complaints
from roost_shared.errors import RoostError, TransportError
from roost_shared.mqtt.faults import SubscriptionRefusedError
from roost_shared.topics import DeviceTopics

__all__ = ["SiteConnection"]

log = logging.getLogger(__name__)


class SiteConnection:
    """Keeps the connection, and hands each message to whom its topic names.

    Args:
        settings: what the connection is told, by the device's identity.
        identity: ours, None if there is none.
        reactor: drives it.
        complaints: hears of faults.
        topics: the device's.
        injection: takes external state.
        intake: makes what takes inputs from the connection.

    Raises:
        ContentError: the broker's address or certificates cannot be used.
    """

    def __init__(
        self,
        settings: Callable[[Identity | None], BrokerSettings],
        identity: Identity | None,
        reactor: Reactor,
        complaints: Complaints,
        *,
        topics: DeviceTopics,
        injection: Injection,
        intake: Callable[[BrokerConnection], MqttIntake],
    ) -> None:
        self._settings = settings
        self._told = settings(identity)
        self.connection = BrokerConnection(self._told, reactor, self)
        self.intake = intake(self.connection)
        self._topics = topics
        self._injection = injection
        self._complaints = complaints
        self._guest: CloudTraffic | None = None
        self._closing = False

    def carry(self, traffic: CloudTraffic) -> None:
        """Carry the cloud's traffic too. Before `start`; its topics are among the settings' subscriptions."""
        self._guest = traffic

    def start(self) -> None:
        """Begin to connect, and keep at it."""
        self.connection.start()

    def identify(self, identity: Identity) -> None:
        """Connect anew if that takes our identity, and it is another now; what cannot be used is complained of."""
        try:
            told = self._settings(identity)
            if told != self._told:
                self.connection.remake(told)
                self._told = told
        except RoostError as error:
            self._complaints.note(error.code, str(error))

    def take_no_more(self) -> None:
        """Leave inputs that come from now on to whoever comes next."""
        self._closing = True

    # ---- what the connection tells

    def connecting(self, number: int) -> Will | None:  # noqa: ARG002 - the presence counts sessions itself
        """Say what the broker shall publish if it loses us."""
        return None if self._guest is None else self._guest.will()

    def connected(self, *, session_present: bool) -> None:
        """The broker took us."""
        log.info("connected%s", "; the broker kept our session" if session_present else "")
        if self._guest is not None:
            self._guest.connected()

    def received(self, message: Received) -> None:
        """Hand a message to whom its topic names."""
        if self._guest is not None and self._guest.received(message):
            self._let_go(message)
            return
        if self._injection.receive(message.topic, message.payload):
            self._let_go(message)
            return
        task = self._topics.task_of_input(message.topic)
        if task is None:
            self._complaints.note("topic.unexpected", f"a message on {message.topic!r}")
            self._let_go(message)
        elif self._closing:
            self._complaints.note("input.stopping", f"{task}: the agent is stopping")  # unsettled: it will come again
        else:
            self.intake.receive(message, task)

    def confirmed(self, mid: int) -> None:
        """A QoS 1 message of ours is the broker's."""
        self.intake.confirmed(mid)

    def dropped(self, mid: int) -> None:
        """A QoS 1 message of ours went with the link that kept it."""
        self.intake.dropped(mid)

    def disconnected(self, error: TransportError) -> None:
        """The connection ended; it comes back by itself."""
        log.info("disconnected: %s: %s", error.code, error)
        self._complaints.note(error.code, str(error))
        if self._guest is not None:
            self._guest.disconnected(error)

    def subscription_refused(self, error: SubscriptionRefusedError) -> None:
        """The broker does not let us read a topic."""
        self._complaints.note(error.code, str(error))

    def _let_go(self, message: Received) -> None:
        if message.receipt is not None:
            self.connection.settle(message.receipt)
