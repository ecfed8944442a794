"""Whom a connection tells, and what it counts."""

from dataclasses import asdict, dataclass
from typing import Any, Protocol

from roost_edge.mqtt.message import Received, Will
from roost_shared.errors import TransportError
from roost_shared.mqtt.dialect import Version
from roost_shared.mqtt.faults import SubscriptionRefusedError

__all__ = ["ConnectionEvents", "Counters", "describe_connection"]


class ConnectionEvents(Protocol):
    """Called in the loop's thread, and never from within a call to the connection.

    Each may call the connection: publish, settle, hold off, stop.
    """

    def connecting(self, number: int) -> Will | None:
        """Connection `number` will be tried; return its will."""
        ...

    def connected(self, *, session_present: bool) -> None:
        """The broker took us, and our subscriptions are on their way to it."""
        ...

    def received(self, message: Received) -> None:
        """A message came. At QoS 1, `settle` its receipt once it may be acknowledged."""
        ...

    def confirmed(self, mid: int) -> None:
        """The broker answered a QoS 1 message of ours, by the `mid` of its `Published`: it has it, or refuses it.

        The latter, an access rule mostly, is counted as `publishes_rejected`: sent again, it would fare no better.
        """
        ...

    def dropped(self, mid: int) -> None:
        """A QoS 1 message of ours, by the `mid` of its `Published`, will neither be sent again nor confirmed.

        The broker may have it or not. Told before anything is received on the next connection.
        """
        ...

    def disconnected(self, error: TransportError) -> None:
        """An attempt failed or the connection ended; the next attempt follows by itself."""
        ...

    def subscription_refused(self, error: SubscriptionRefusedError) -> None:
        """The broker does not let us read a topic; the connection stays."""
        ...


@dataclass(slots=True)
class Counters:
    """What happened to a connection since the start; `roost-agent status --json` tells it by these names."""

    connections: int = 0
    failed_attempts: int = 0
    losses: int = 0
    publishes_dropped: int = 0  # taken, then lost together with a link that was given up
    publishes_refused: int = 0  # not taken by us, for any reason
    publishes_rejected: int = 0  # not taken by the broker
    received: int = 0


def describe_connection(
    version: Version | None, counters: Counters, *, connected: bool = False, subscribed: bool = False
) -> dict[str, Any]:
    """A connection's part of the status document; `version` is None where none was ever made."""
    return {"connected": connected, "subscribed": subscribed, "version": version, **asdict(counters)}
