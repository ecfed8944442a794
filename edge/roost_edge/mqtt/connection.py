"""Keeps a connection to a broker, for ever, in the agent's loop.

    IDLE ──▶ OPENING ──▶ GREETING ──▶ UP ──▶ STOPPING ──▶ STOPPED
     ▲     (in a thread)  (CONNACK?)   │
     └────────── pause ◀───────────────┘

All happens in the loop's thread, and no call here blocks; what blocks of opening a link runs in a thread
(`opener.py`). A broker that says it does not speak MQTT 5 gets a new 3.1.1 link at once (`roost_shared.mqtt.dialect`).

What this does not do: keep messages while the broker is away. `publish` says so, and the caller decides. (QoS 1
messages taken before the connection ended are sent again on the next, unless the broker turns out to want another
link than theirs: then they are dropped, and that is told.)
"""

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from roost_edge.loop.reactor import Reactor
from roost_edge.loop.socket_watch import SocketWatch
from roost_edge.loop.timers import Timers
from roost_edge.mqtt.endings import fault_of
from roost_edge.mqtt.events import ConnectionEvents, Counters, describe_connection
from roost_edge.mqtt.kernel_queue import Unsent
from roost_edge.mqtt.link import Link
from roost_edge.mqtt.message import Properties
from roost_edge.mqtt.notes import Accepted, Arrived, Confirmed, Ended, Granted, Note, Refused, is_refusal
from roost_edge.mqtt.opener import Opener
from roost_edge.mqtt.outgoing import Outcome, Published
from roost_edge.mqtt.pauses import Pauses
from roost_edge.mqtt.settings import BrokerSettings
from roost_edge.mqtt.traffic import Traffic
from roost_shared.chance import CHANCE
from roost_shared.clock import SECOND
from roost_shared.errors import TransportError
from roost_shared.mqtt.dialect import Dialect, Version
from roost_shared.mqtt.faults import (
    UNSUPPORTED_VERSION,
    BrokerLostError,
    BrokerSilentError,
    BrokerUnreachableError,
    BrokerUnreadableError,
    SubscriptionRefusedError,
)

__all__ = ["BrokerConnection"]

_TICK_NS: Final = SECOND // 2  # how often the keep-alive is looked at
_WINDOW: Final = 20  # QoS 1 messages of ours unconfirmed at a time, as many as Mosquitto takes by default


class _State(Enum):
    IDLE = "idle"
    OPENING = "opening"
    GREETING = "greeting"
    UP = "up"
    STOPPING = "stopping"
    STOPPED = "stopped"


_LIVE: Final = frozenset({_State.GREETING, _State.UP, _State.STOPPING})


class BrokerConnection:
    """One client at one broker.

    Args:
        settings: what it is told.
        reactor: the loop that drives it; all methods are for its thread.
        events: whom it tells.
        draw: randomness for the pauses, evenly in 0…1.

    Raises:
        BrokerUrlError: the settings hold no usable address.
        BrokerFileError: a certificate or key file cannot be used.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        reactor: Reactor,
        events: ConnectionEvents,
        *,
        draw: Callable[[], float] = CHANCE.random,
    ) -> None:
        self.counters = Counters()
        self.number = 0  # of the attempt or connection; counts from 1
        self._settings = settings
        self._address = settings.address()
        self._tls = settings.tls_context() if self._address.tls else None
        self._reactor = reactor
        self._events = events
        self._state = _State.IDLE
        self._dialect = Dialect(settings.version)
        self._watch = SocketWatch(reactor, self._readable, self._writable)
        self._link = self._new_link(window=_WINDOW)
        self._link_is_stale = False  # made by settings that are no longer ours
        self._opener = Opener(reactor, self._opened)
        self._traffic = Traffic(settings.in_flight, settings.outgoing_limit_bytes, self.counters)
        self._pauses = Pauses(draw)
        self._timers = Timers(reactor)
        self._since_ns = 0  # when the state GREETING, then UP, began
        self._refusal: Refused | None = None
        self._subscribe_mid: int | None = None
        self._is_subscribed = False
        self._held: deque[tuple[Arrived, int]] = deque()  # with the moment each was read; see `_hold`
        self._handling_is_due = False
        self._on_stopped: Callable[[], None] | None = None

    @property
    def connected(self) -> bool:
        """Whether messages can be published."""
        return self._state is _State.UP

    @property
    def subscribed(self) -> bool:
        """Whether the broker has heard what we want, so that what is published from now on comes here."""
        return self.connected and self._is_subscribed

    @property
    def version(self) -> Version:
        """The MQTT protocol level in use, or tried next: 5, or 4 for 3.1.1."""
        return self._link.version

    @property
    def unacknowledged(self) -> int:
        """QoS 1 messages of the broker that wait for our acknowledgement on this connection."""
        return self._traffic.unacknowledged

    def describe(self) -> dict[str, Any]:
        """Its part of the status document."""
        return describe_connection(self.version, self.counters, connected=self.connected, subscribed=self.subscribed)

    def start(self) -> None:
        """Begin to connect, and keep at it until stopped."""
        self._attempt()

    def can_hand(self, qos: int) -> bool:
        """Whether a message published now at this QoS would be handed to the socket, and not wait for its turn.

        One that is larger than the socket has room for may still wait for its last bytes.
        """
        return self._state is _State.UP and self._traffic.can_hand(self._link, qos)

    def unsent(self) -> Unsent:
        """What was published and has not left this machine, or not reached the broker's."""
        return self._traffic.unsent(self._link)

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 0,
        retain: bool = False,
        properties: Properties | None = None,
    ) -> Published:
        """Publish, and say whether the message was handed to the socket just now.

        Args:
            topic: where to.
            payload: what.
            qos: 0 or 1. At 1, `ConnectionEvents.confirmed` follows, over however many connections it takes.
            retain: whether the broker shall keep it for those who subscribe later.
            properties: left out where the broker speaks MQTT 3.1.1.
        """
        if self._state is not _State.UP:
            self.counters.publishes_refused += 1
            return Published(Outcome.NOT_CONNECTED)
        published = self._traffic.publish(self._link, topic, payload, qos=qos, retain=retain, properties=properties)
        self._follow_link()
        return published

    def settle(self, receipt: int) -> None:
        """Let a QoS 1 message be acknowledged: now, or once those received before it are settled too.

        Right at any time, however often, and whatever became of the connection it came on.
        """
        self._traffic.settle(self._link, receipt, self._reactor.now_ns())
        self._follow_link()

    def hold_off(self, wait_ns: int) -> None:
        """End the connection, if there is one, without a word, and make no attempt for `wait_ns`."""
        self._pauses.hold_off(self._reactor.now_ns() + wait_ns)
        if self._state in _LIVE:
            self._leave()
        if self._state is _State.IDLE:
            self._wait()

    def remake(self, settings: BrokerSettings) -> None:
        """End the connection, if there is one, without a word, and make another by other settings.

        QoS 1 messages of ours that the broker had not confirmed are dropped, and that is told.

        Args:
            settings: with other credentials, or another address; all else stays as it was.

        Raises:
            BrokerUrlError, BrokerFileError: they cannot be used, and nothing has changed.
        """
        address = settings.address()
        self._tls = settings.tls_context() if address.tls else None
        self._settings, self._address = settings, address
        self._link_is_stale = True
        self._pauses.start_over()
        if self._state in (_State.GREETING, _State.UP):
            self._fail(BrokerLostError(None, "we leave, to come back by other settings"))
        elif self._state is _State.IDLE:
            self._wait()

    def stop(self, timeout_ns: int, on_stopped: Callable[[], None]) -> None:
        """Let what was published reach the broker, for at most `timeout_ns`; say goodbye; call `on_stopped`."""
        self._on_stopped = on_stopped
        if self._state is _State.UP:
            self._state = _State.STOPPING
            self._held.clear()
            self._follow_link()
            self._timers.call_after(timeout_ns, self._say_goodbye)
            self._reactor.call_soon(self._say_goodbye_if_idle)
        else:
            self._opener.abandon()
            self._reactor.call_soon(self._finish)

    # From nothing to a connection

    def _new_link(self, *, window: int) -> Link:
        return Link(
            self._settings,
            self._address,
            self._tls,
            version=self._dialect.version,
            window=window,
            on_closing=self._watch.end,
        )

    def _attempt(self) -> None:
        if self._link_is_stale:
            self._replace_link(window=_WINDOW)
        self._state = _State.OPENING
        self.number += 1
        self._link.set_will(self._events.connecting(self.number))
        self._opener.open(self._link)

    def _opened(self, fault: OSError | UnicodeError | None) -> None:
        now_ns = self._reactor.now_ns()
        if self._state is _State.STOPPED:
            self._link.abort()
        elif self._pauses.held_off(now_ns) or self._link_is_stale:
            self._leave()
            self._wait()
        elif fault is not None:
            self._fail(BrokerUnreachableError(f"{self._address.host}:{self._address.port}: {fault}"))
        else:
            self._state = _State.GREETING
            self._since_ns = now_ns
            self._refusal = None
            self._timers.call_after(round(self._settings.connect_timeout_s * SECOND), self._no_greeting)
            self._timers.call_after(_TICK_NS, self._tick)
            self._follow_link()

    def _no_greeting(self) -> None:
        self._fail(BrokerSilentError(f"the broker sent no CONNACK in {self._settings.connect_timeout_s} s"))

    def _accepted(self, note: Accepted) -> None:
        if note.receive_maximum is not None and note.receive_maximum < self._link.window:
            self._leave()
            self._replace_link(window=note.receive_maximum)
            self._attempt()
            return
        now_ns = self._reactor.now_ns()
        self._timers.cancel(self._no_greeting)
        self._state = _State.UP
        self.counters.connections += 1
        look_at_ns = self._traffic.connected(note, round_trip_ns=now_ns - self._since_ns, now_ns=now_ns)
        if look_at_ns is not None:
            self._timers.call_after(look_at_ns - now_ns, self._look_at_backlog)
        self._since_ns = now_ns
        self._is_subscribed = not self._settings.subscriptions
        if self._settings.subscriptions:
            self._subscribe_mid = self._link.subscribe(self._settings.subscriptions)
        self._events.connected(session_present=note.session_present)

    def _replace_link(self, *, window: int) -> None:
        """What this broker wants of us was not known when the link was made: go again, differently."""
        dropped = self._traffic.link_given_up()
        self._link = self._new_link(window=window)
        self._link_is_stale = False
        for mid in dropped:
            self._events.dropped(mid)

    # While there is a connection

    def _follow_link(self) -> None:
        """After any use of the link: watch what it waits for, and see soon to what it has noted."""
        sock = self._link.socket
        wants_write = sock is not None and self._link.wants_write
        if not wants_write:
            self._traffic.written()
        if sock is not None:
            # Held messages are reason not to read, unless answers may come to wait for its word on earlier ones.
            reading = wants_write or not self._held or self._traffic.wants_word(self._link)
            self._watch.want(sock, reading=reading, writing=wants_write)
        has_more = self._link.has_notes or (self._held and not self._traffic.full)
        if has_more and not self._handling_is_due:
            self._handling_is_due = True
            self._reactor.call_soon(self._handle_due_notes)

    def _readable(self) -> None:
        read_ns = self._reactor.now_ns()
        self._link.read()
        self._handle_notes(read_ns)

    def _writable(self) -> None:
        self._link.write()
        self._follow_link()
        self._say_goodbye_if_idle()

    def _tick(self) -> None:
        self._timers.call_after(_TICK_NS, self._tick)
        if self._held:
            self._readable()  # or the keep-alive would take our not reading for the broker's silence
        self._link.tick()
        self._follow_link()

    def _look_at_backlog(self) -> None:
        now_ns = self._reactor.now_ns()
        look_at_ns = self._traffic.look_at_backlog(now_ns)
        if look_at_ns is not None:
            self._timers.call_after(look_at_ns - now_ns, self._look_at_backlog)

    def _handle_due_notes(self) -> None:
        self._handling_is_due = False
        self._handle_notes(self._reactor.now_ns())

    def _handle_notes(self, read_ns: int) -> None:
        link = self._link
        for note in link.take_notes() if self._state in _LIVE else ():
            if self._link is not link or self._state not in _LIVE:
                return  # an earlier note, or what someone made of it, ended this connection
            self._handle(note, read_ns)
        while self._held and not self._traffic.full:
            self._hand_on(*self._held.popleft())
        if self._state in _LIVE:
            self._follow_link()
            self._say_goodbye_if_idle()

    def _handle(self, note: Note, read_ns: int) -> None:
        match note:
            case Arrived():
                if note.qos and (self._held or self._traffic.full) and self._state is _State.UP:
                    self._hold(note, read_ns)
                else:
                    self._hand_on(note, read_ns)
            case Confirmed():
                mid = self._traffic.confirmed(note)
                if mid is not None:
                    self._events.confirmed(mid)
            case Accepted():
                self._accepted(note)
            case Granted():
                self._granted(note)
            case Refused():
                self._refusal = note  # the link ends next
            case Ended():
                self._ended(note)

    def _hold(self, note: Arrived, read_ns: int) -> None:
        """Keep back a message that the broker sent beyond our Receive Maximum, and read no further for now.

        Mosquitto 2.0 does that when messages wait: each acknowledgement makes it send two. What we leave in the
        socket waits at its end, as it should have, and not in our memory.
        """
        self._held.append((note, read_ns))

    def _hand_on(self, note: Arrived, read_ns: int) -> None:
        received = self._traffic.arrived(note, connection_number=self.number, read_ns=read_ns)
        self._events.received(received)

    def _granted(self, note: Granted) -> None:
        if note.mid != self._subscribe_mid:
            return
        self._is_subscribed = True
        for subscription, reason in zip(self._settings.subscriptions, note.reasons, strict=False):
            if is_refusal(reason):
                self._events.subscription_refused(SubscriptionRefusedError(subscription.topic, reason))

    # From a connection to nothing

    def _ended(self, note: Ended) -> None:
        refusal = self._refusal
        if refusal is not None and refusal.reason == UNSUPPORTED_VERSION and self._dialect.unsupported():
            self._leave()
            self._replace_link(window=self._link.window)
            self._attempt()
        else:
            greeted, tls = self._state is not _State.GREETING, self._tls is not None
            self._fail(fault_of(note, refusal, self._settings, greeted=greeted, tls=tls))

    def _fail(self, error: TransportError) -> None:
        """The attempt or the connection is over; tell, and try again."""
        state, since_ns = self._state, self._since_ns
        self._leave()
        if state is _State.STOPPING:
            self._finish()
            return
        if state is _State.UP:
            self.counters.losses += 1
            steady = self._pauses.lasted(self._reactor.now_ns() - since_ns)
            self._dialect.ended(unreadable=isinstance(error, BrokerUnreadableError), steady=steady)
            if self._dialect.version != self._link.version:
                self._replace_link(window=self._link.window)
        else:
            self.counters.failed_attempts += 1
        self._wait()
        self._events.disconnected(error)

    def _leave(self) -> None:
        """Close the link and forget what belonged to this connection."""
        self._state = _State.IDLE
        self._link.abort()
        self._link.take_notes()
        self._traffic.disconnected()
        self._held.clear()  # never acknowledged: the broker sends them again
        self._timers.cancel_all()

    def _wait(self) -> None:
        self._timers.call_after(self._pauses.next_ns(self._reactor.now_ns()), self._attempt)

    def _say_goodbye_if_idle(self) -> None:
        if self._state is _State.STOPPING and self._traffic.idle:
            self._say_goodbye()

    def _say_goodbye(self) -> None:
        self._link.disconnect()
        self._finish()

    def _finish(self) -> None:
        if self._state is not _State.OPENING:  # the opener's thread has the link still, and closes it itself
            self._leave()
        self._state = _State.STOPPED
        on_stopped, self._on_stopped = self._on_stopped, None
        if on_stopped is not None:
            on_stopped()
