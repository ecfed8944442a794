"""Birth and will on the retained `state` topic: `roost_edge.uplink.presence` acting on a broker connection.

Whoever receives a connection's events passes these on, on the connection that carries `state`, with the topic among
its subscriptions at QoS 1:

    connecting(number)    return announcer.will()
    connected(...)        announcer.connected()
    received(message)     if message.topic == announcer.topic: announcer.seen(message), and settle its receipt
    disconnected(error)   announcer.disconnected(error)

To stop: `announcer.say_stopped()`, then `connection.stop(...)`, which waits until the broker has it.
"""

from collections.abc import Callable
from typing import Protocol

from roost_edge.loop.reactor import Reactor, Timer
from roost_edge.mqtt.message import Received, Will
from roost_edge.mqtt.outgoing import Published
from roost_edge.uplink.presence import Announce, Effect, Presence
from roost_shared.chance import CHANCE
from roost_shared.errors import TransportError
from roost_shared.messages import MessageError, State, decode_json, encode_json
from roost_shared.mqtt.faults import BrokerLostError

__all__ = ["Announcer", "Carrier"]


class Carrier(Protocol):
    """What an announcer needs of the connection it speaks on."""

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> Published:
        """Publish, as `BrokerConnection.publish` does."""
        ...

    def hold_off(self, wait_ns: int) -> None:
        """End the connection without a word, and make no attempt for `wait_ns`."""
        ...


class Announcer:
    """Keeps the `state` topic true.

    Args:
        topic: the device's `state` topic.
        presence: decides.
        connection: carries it out.
        reactor: the connection's.
        draw: randomness for standing down, evenly in 0…1.
    """

    def __init__(
        self,
        topic: str,
        presence: Presence,
        connection: Carrier,
        reactor: Reactor,
        *,
        draw: Callable[[], float] = CHANCE.random,
    ) -> None:
        self.topic = topic
        self.unreadable = 0  # states that were no states
        self._presence = presence
        self._connection = connection
        self._reactor = reactor
        self._draw = draw
        self._wake: Timer | None = None

    @property
    def problem(self) -> str | None:
        """`duplicate_identity` while another device uses our name, else None."""
        return self._presence.problem

    def will(self) -> Will:
        """The will of the coming connection."""
        return Will(topic=self.topic, payload=encode_json(self._presence.next_session()))

    def connected(self) -> None:
        """Be born."""
        self._carry_out(self._presence.connected(self._reactor.now_ns()))

    def seen(self, message: Received) -> None:
        """Take note of what the topic says."""
        state: State | None = None
        try:
            state = decode_json(message.payload, State) if message.payload else None
        except MessageError:
            self.unreadable += 1
        self._carry_out(self._presence.seen(state, self._reactor.now_ns(), self._draw()))

    def disconnected(self, error: TransportError) -> None:
        """Take note of why the connection ended."""
        taken_over = isinstance(error, BrokerLostError) and error.taken_over
        now_ns = self._reactor.now_ns()
        self._carry_out(self._presence.lost(taken_over=taken_over, now_ns=now_ns, random=self._draw()))

    def say_stopped(self) -> None:
        """Leave a graceful farewell; the will does not follow it."""
        self._announce(self._presence.farewell())
        if self._wake is not None:
            self._wake.cancel()

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Announce):
                self._announce(effect.state)
            else:
                self._connection.hold_off(effect.wait_ns)
        if self._wake is not None:
            self._wake.cancel()
        wake_ns = self._presence.wake_ns
        self._wake = None if wake_ns is None else self._reactor.call_at(wake_ns, self._woken)

    def _woken(self) -> None:
        self._carry_out(self._presence.tick(self._reactor.now_ns()))

    def _announce(self, state: State) -> None:
        """Not taken means not connected: the next connection begins with a birth anyway."""
        self._connection.publish(self.topic, encode_json(state), qos=1, retain=True)
