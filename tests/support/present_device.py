"""A device that only says that it is there: a driven connection with an announcer."""

from collections.abc import Iterable
from typing import Any

from roost_edge.mqtt import Received, Will
from roost_edge.mqtt.announcer import Announcer
from roost_edge.uplink.presence import Presence
from roost_shared.errors import TransportError
from tests.support.driven import DrivenConnection

__all__ = ["PresentDevice"]


class PresentDevice(DrivenConnection):
    """Announces itself on `topic`, and subscribes to that and to `more`."""

    def __init__(
        self, url: str, *, boot: str, topic: str = "state", more: Iterable[str] = (), **arguments: Any
    ) -> None:
        super().__init__(url, topic, *more, **arguments)
        self.presence = Presence(boot=boot)
        self.announcer = Announcer(topic, self.presence, self.connection, self.reactor, draw=lambda: 0.1)

    def connecting(self, number: int) -> Will | None:
        super().connecting(number)
        return self.announcer.will()

    def connected(self, *, session_present: bool) -> None:
        super().connected(session_present=session_present)
        self.announcer.connected()

    def received(self, message: Received) -> None:
        super().received(message)
        self.announcer.seen(message)

    def disconnected(self, error: TransportError) -> None:
        super().disconnected(error)
        self.announcer.disconnected(error)

    def kill(self) -> None:
        """End as by a power cut: without a word."""
        self.connection.hold_off(10**15)

    def close(self) -> None:
        self.announcer.say_stopped()
        super().close()
