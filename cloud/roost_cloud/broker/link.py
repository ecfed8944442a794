"""The cloud's own connection to a broker, for roles that work in plain threads.

    link = BrokerLink(LinkSettings(url="mqtt://127.0.0.1", client_id="roost-cloud-ingest-1", subscriptions=…))
    link.start()
    for batch in link.batches(max_items=500):  # ends after `finish`
        ...  # store them
        link.acknowledge(batch)

A thread of its own keeps the connection, for ever, and makes the subscriptions anew each time. A message is
acknowledged when its role says so, after having stored it: what a crash leaves unacknowledged comes again where the
broker keeps a session or the message is retained. So messages may come twice. Nothing is read while as many wait as
may; the rest waits at the broker.

A role that must answer at once can do so in the link's own thread, where no message waits for another thread to wake:
it gives `between`, which is called after each look at the network, and there calls `take` and `post`.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from paho.mqtt.client import MQTTMessage

from roost_cloud.broker.faults import NotConnectedError, UnconfirmedError
from roost_cloud.broker.inbox import Inbox
from roost_cloud.broker.message import Message
from roost_cloud.broker.session import BrokerSession
from roost_cloud.broker.settings import LinkSettings
from roost_cloud.broker.waker import Waker
from roost_shared.backoff import Backoff
from roost_shared.chance import CHANCE
from roost_shared.clock import MS, SECOND, Clock, SystemClock
from roost_shared.complaints import Complaints
from roost_shared.errors import TransportError
from roost_shared.mqtt.address import parse_broker_url
from roost_shared.mqtt.dialect import Dialect
from roost_shared.mqtt.faults import (
    UNSUPPORTED_VERSION,
    BrokerLostError,
    BrokerRefusedError,
    BrokerSilentError,
    BrokerUnreachableError,
    BrokerUnreadableError,
)
from roost_shared.mqtt.tls import client_context

__all__ = ["BrokerLink", "LinkCounters"]

_FIRST_WAIT_NS: Final = 500 * MS
_LONGEST_WAIT_NS: Final = 30 * SECOND
_STEADY_NS: Final = 10 * SECOND  # a connection that lived this long was a success: the waits start over
_STEP_S: Final = 0.5  # how often the keep-alive is looked at
_GOODBYE_S: Final = 1.0


@dataclass
class LinkCounters:
    """Since the start; written by the link's thread alone."""

    connections: int = 0
    received: int = 0
    published: int = 0


_Command = Callable[[BrokerSession | None], None]


class BrokerLink:
    """One client at one broker. Its methods may be called from any thread.

    Args:
        settings: what it is told.
        clock: for the moments of receipt.
        draw: randomness for the waits, evenly in 0…1.
        between: called in the link's thread after each look at the network while there is a connection; returns for
            how long the next look may wait for something to happen, in seconds: 0 if there is more to do.

    Raises:
        BrokerUrlError: the settings hold no usable address.
        BrokerFileError: a certificate or key file cannot be used.
    """

    def __init__(
        self,
        settings: LinkSettings,
        *,
        clock: Clock | None = None,
        draw: Callable[[], float] = CHANCE.random,
        between: Callable[[], float] | None = None,
    ) -> None:
        self.counters = LinkCounters()
        self._settings = settings
        self._address = parse_broker_url(settings.url)
        files = (settings.cafile, settings.certfile, settings.keyfile)
        self._tls = client_context(*files, ca_pem=settings.ca_pem) if self._address.tls else None
        self._clock = clock or SystemClock()
        self._complaints = Complaints(self._clock)
        self._draw = draw
        self._between = between
        self._dialect = Dialect(settings.version)
        self._backoff = Backoff(_FIRST_WAIT_NS, _LONGEST_WAIT_NS)
        self._thread = threading.Thread(target=self._run, name=f"link-{settings.client_id}", daemon=True)
        self._waker = Waker()
        self._inbox = Inbox()
        self._commands: deque[_Command] = deque()
        self._stop_by_s: float | None = None  # monotonic
        self._attempt = 0  # number of the attempt or connection
        self._session: BrokerSession | None = None  # set and used by the link's thread only
        self._problem: str | None = "not connected yet"

    @property
    def connected(self) -> bool:
        """Whether messages can be published."""
        return self._problem is None

    @property
    def problem(self) -> str | None:
        """Why there is no connection, in a line; None if there is one."""
        return self._problem

    @property
    def subscribed(self) -> bool:
        """Whether the broker has answered all subscriptions of this connection: from then on nothing passes us by."""
        session = self._session
        return session is not None and session.accepted and not session.subscribing

    @property
    def waiting(self) -> int:
        """Messages received and not yet taken."""
        return len(self._inbox)

    def start(self) -> None:
        """Begin to connect, and keep at it until stopped."""
        self._thread.start()

    def batches(self, max_items: int, max_wait_s: float = 0) -> Iterator[list[Message]]:
        """Messages in order of receipt; ends after `finish`, leaving what was not yet taken unacknowledged.

        Args:
            max_items: in a batch, at most.
            max_wait_s: for more to come, once there is one; 0 takes what there is. A broker that waits for
                acknowledgements sends no more, so waiting may be in vain.
        """
        while (batch := self._inbox.next_batch(max_items, max_wait_s)) is not None:
            self.wake()  # there is room again
            yield batch

    def take(self) -> list[Message]:
        """All that has come and was not taken, in order of receipt; does not wait."""
        return self._inbox.take()

    def acknowledge(self, messages: Iterable[Message]) -> None:
        """Tell the broker that messages are stored; right at any time, and once their connection is gone in vain."""
        mids = [(message.connection, message.mid) for message in messages if message.qos]

        def command(session: BrokerSession | None) -> None:
            for connection, mid in mids:
                if session is not None and connection == self._attempt:
                    session.acknowledge(mid)

        self._do(command)

    def send(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> Future[None]:
        """Publish without waiting.

        Returns:
            Done once the message is handed to the socket, or at QoS 1 confirmed by the broker; else it has a
            `NotConnectedError` (the broker may have the message even so), `OutgoingFullError` or
            `PublishRefusedError`.
        """
        future: Future[None] = Future()

        def command(session: BrokerSession | None) -> None:
            if session is None:
                future.set_exception(NotConnectedError(f"there is no connection to the broker: {self._problem}"))
            else:
                self.counters.published += 1
                session.publish(topic, payload, qos=qos, retain=retain, future=future)

        self._do(command)
        return future

    def post(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 0, at once where the link's own thread asks; lost if there is no connection."""
        if threading.get_ident() == self._thread.ident:
            self._post(self._session, topic, payload)
        else:
            self._do(lambda session: self._post(session, topic, payload))

    def wake(self) -> None:
        """Have `between` called soon."""
        if not self._waker.wake():
            self._run_commands(None)  # stopped: nobody else will

    def unsubscribe(self) -> Future[None]:
        """Ask the broker to send no more.

        Returns:
            Done once all that it had sent before is here; has a `NotConnectedError` if there is no connection.
        """
        future: Future[None] = Future()

        def command(session: BrokerSession | None) -> None:
            if session is None:
                future.set_exception(NotConnectedError(f"there is no connection to the broker: {self._problem}"))
            else:
                session.unsubscribe(future)

        self._do(command)
        return future

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, timeout_s: float = 10
    ) -> None:
        """Publish, and wait for the broker's confirmation.

        Raises:
            UnconfirmedError: it did not come in `timeout_s`.
            TransportError: see `send`.
        """
        try:
            self.send(topic, payload, qos=qos, retain=retain).result(timeout_s)
        except TimeoutError as error:
            raise UnconfirmedError(f"the broker confirmed no message to {topic} in {timeout_s} s") from error

    def finish(self) -> None:
        """Hand out no more batches; what is in hand can still be acknowledged."""
        self._inbox.finish()

    def stop(self, timeout_s: float = 5) -> None:
        """Let what was published be confirmed, for at most `timeout_s`; say goodbye; end the thread."""
        self.finish()
        self._stop_by_s = time.monotonic() + timeout_s
        self.wake()
        if self._thread.ident is not None:
            self._thread.join()
        self._waker.close()
        self._run_commands(None)

    # What follows runs in the link's thread, but for `_do`.

    @property
    def _stopping(self) -> bool:
        return self._stop_by_s is not None

    def _do(self, command: _Command) -> None:
        self._commands.append(command)
        self.wake()

    def _run(self) -> None:
        while self._stop_by_s is None:
            began_ns = self._clock.now_ns()
            self._attempt += 1
            session = BrokerSession(self._settings, self._address, self._tls, self._dialect.version, self._arrived)
            error = self._live(session)
            self._session = None
            self._problem = str(error)
            session.close(error)
            self._run_commands(None)
            if not self._stopping:
                self._rest(session, error, began_ns)
        self._run_commands(None)

    def _live(self, session: BrokerSession) -> TransportError:
        """One connection, to its end."""
        try:
            session.open()
        except (OSError, UnicodeError) as error:
            return BrokerUnreachableError(f"{self._address.host}:{self._address.port}: {error}")
        greet_by_s = time.monotonic() + self._settings.connect_timeout_s
        pause_s = _STEP_S
        while not session.ended:
            if self._stop_by_s is not None:
                return self._say_goodbye(session, self._stop_by_s)
            session.step(self._waker.reader, pause_s, read=len(self._inbox) < self._settings.incoming_limit)
            self._waker.drain()
            if session.accepted and self._session is None:
                self._up(session)
            elif not session.accepted and time.monotonic() > greet_by_s:
                return session.error or BrokerSilentError(
                    f"the broker sent no CONNACK in {self._settings.connect_timeout_s} s"
                )
            self._run_commands(self._session)
            if self._between is not None and self._session is not None:
                pause_s = self._between()
            for refusal in session.refused_subscriptions:
                self._complaints.note(refusal.code, str(refusal))
            session.refused_subscriptions.clear()
        return session.error or BrokerLostError(None, "it ended")

    def _up(self, session: BrokerSession) -> None:
        session.subscribe()
        self._session = session
        self._problem = None
        self.counters.connections += 1

    def _say_goodbye(self, session: BrokerSession, by_s: float) -> TransportError:
        self._run_commands(self._session)
        while not session.ended and session.unconfirmed and time.monotonic() < by_s:
            session.step(self._waker.reader, _STEP_S / 5, read=True)
            self._waker.drain()
            self._run_commands(self._session)
        session.leave()
        by_s = time.monotonic() + _GOODBYE_S
        while not session.ended and time.monotonic() < by_s:
            session.step(self._waker.reader, _STEP_S / 5, read=True)
        return session.error or BrokerLostError(None, "we left")

    def _post(self, session: BrokerSession | None, topic: str, payload: bytes) -> None:
        if session is not None and session.post(topic, payload):
            self.counters.published += 1

    def _arrived(self, received: MQTTMessage) -> None:
        self.counters.received += 1
        self._inbox.put(Message.of(received, self._attempt, self._clock))

    def _run_commands(self, session: BrokerSession | None) -> None:
        while self._commands:
            self._commands.popleft()(session)

    def _may_retry_at_once(self, error: TransportError) -> bool:
        return (
            isinstance(error, BrokerRefusedError)
            and error.reason == UNSUPPORTED_VERSION
            and self._dialect.unsupported()
        )

    def _rest(self, session: BrokerSession, error: TransportError, began_ns: int) -> None:
        """Wait before the next attempt, as long as the last one deserves."""
        if self._may_retry_at_once(error):
            return
        self._complaints.note(error.code, str(error))
        steady = session.accepted and self._clock.now_ns() - began_ns >= _STEADY_NS
        self._dialect.ended(unreadable=isinstance(error, BrokerUnreadableError), steady=steady)
        if steady:
            self._backoff.reset()
        until_s = time.monotonic() + self._backoff.next_ns(self._draw()) / SECOND
        while not self._stopping and (left_s := until_s - time.monotonic()) > 0:
            if self._waker.wait(left_s):
                self._run_commands(None)
