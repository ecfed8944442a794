"""A broker connection driven by a test: records what it is told, runs the loop until something is so."""

from collections.abc import Callable
from typing import Any

from roost_edge.loop.reactor import Reactor
from roost_edge.mqtt import BrokerConnection, BrokerSettings, Received, Subscription, Will
from roost_shared.clock import MS, SECOND, SystemClock
from roost_shared.errors import TransportError
from roost_shared.mqtt.faults import SubscriptionRefusedError

__all__ = ["DrivenConnection", "run_until"]


def run_until(reactor: Reactor, condition: Callable[[], object], what: str, timeout_s: float = 15) -> None:
    """Run the loop until `condition` holds."""
    give_up_ns = reactor.now_ns() + round(timeout_s * SECOND)

    def check() -> None:
        if condition() or reactor.now_ns() > give_up_ns:
            reactor.stop()
        else:
            reactor.call_after(5 * MS, check)

    reactor.call_soon(check)
    reactor.run()
    assert condition(), f"waited {timeout_s} s in vain for: {what}"


class DrivenConnection:
    """Settles every message at once unless `hold` is set. Has a loop of its own unless given one."""

    def __init__(
        self,
        url: str,
        *subscriptions: str,
        client_id: str = "cam-01",
        reactor: Reactor | None = None,
        **settings: Any,
    ) -> None:
        self.messages: list[Received] = []
        self.errors: list[TransportError] = []
        self.refusals: list[SubscriptionRefusedError] = []
        self.sessions: list[bool] = []
        self.confirmed_mids: list[int] = []
        self.dropped_mids: list[int] = []
        self.will: Will | None = None
        self.hold = False
        self.on_received: Callable[[Received], None] | None = None
        self._shares_reactor = reactor is not None
        self.reactor = reactor or Reactor(SystemClock())
        self.connection = BrokerConnection(
            BrokerSettings(
                url=url,
                client_id=client_id,
                subscriptions=tuple(Subscription(topic, 1) for topic in subscriptions),
                **settings,
            ),
            self.reactor,
            self,
            draw=lambda: 0.1,
        )

    def start(self) -> None:
        """Connect, and wait for it."""
        sessions = len(self.sessions)
        self.connection.start()
        self.until(lambda: len(self.sessions) > sessions, "connected")

    def until(self, condition: Callable[[], object], what: str, timeout_s: float = 15) -> None:
        run_until(self.reactor, condition, what, timeout_s)

    def close(self) -> None:
        stopped: list[bool] = []
        self.connection.stop(2 * SECOND, lambda: stopped.append(True))
        self.until(lambda: stopped, "stopped")
        if not self._shares_reactor:
            self.reactor.close()

    def connecting(self, number: int) -> Will | None:
        assert number == self.connection.number
        return self.will

    def connected(self, *, session_present: bool) -> None:
        self.sessions.append(session_present)

    def received(self, message: Received) -> None:
        self.messages.append(message)
        if self.on_received is not None:
            self.on_received(message)
        if message.receipt is not None and not self.hold:
            self.connection.settle(message.receipt)

    def dropped(self, mid: int) -> None:
        self.dropped_mids.append(mid)

    def confirmed(self, mid: int) -> None:
        self.confirmed_mids.append(mid)

    def disconnected(self, error: TransportError) -> None:
        self.errors.append(error)

    def subscription_refused(self, error: SubscriptionRefusedError) -> None:
        self.refusals.append(error)
