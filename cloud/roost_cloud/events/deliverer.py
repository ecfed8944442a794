"""Threads that tell: each takes what is due of a hook, tells it, and notes what became of it. Any number may run.

No two are at one hook, so that a slow receiver holds up nobody but itself, until there are as many as threads.
"""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import prometheus_client
import structlog

from roost_cloud.broker.link import BrokerLink
from roost_cloud.db import Database
from roost_cloud.events import queue
from roost_cloud.events.queue import Due, HookKey
from roost_cloud.events.signature import HEADER, secret_of, signature
from roost_cloud.events.telling import body_of, topic_of
from roost_cloud.events.webhook import Webhook, WebhookGoneError
from roost_cloud.guard import Guard, RoleFaultError, typed
from roost_shared.chance import CHANCE
from roost_shared.clock import Clock
from roost_shared.errors import ContentError, TransportError

__all__ = ["Deliverer", "NoBrokerError"]

log = structlog.get_logger(__name__)

_EVERY_S: Final = 1.0
_THREADS: Final = 4
_TAKEN: Final = 3  # at once: tellings of a slow receiver, one after another, end within their lease
_FORGET_EVERY: Final = 3600  # rounds


class NoBrokerError(TransportError):
    """There is no broker to tell by."""

    code = "hook.no_broker"


class Deliverer:
    """Tells hooks of events.

    Args:
        database: where both are.
        webhook: tells by HTTPS.
        link: tells by MQTT; None: there is no broker. Started and stopped by us.
        key: the deployment's own; hooks' secrets follow from it.
        clock: tells the time.
        metrics: where its numbers are registered.
        every_s: how often to look.
        draw: randomness for the waits, evenly in 0…1.
    """

    def __init__(
        self,
        database: Database,
        webhook: Webhook,
        link: BrokerLink | None,
        *,
        key: bytes,
        clock: Clock,
        metrics: prometheus_client.CollectorRegistry,
        every_s: float = _EVERY_S,
        draw: Callable[[], float] = CHANCE.random,
    ) -> None:
        self._database = database
        self._webhook = webhook
        self._link = link
        self._key = key
        self._clock = clock
        self._every_s = every_s
        self._draw = draw
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(number,), name=f"events-{number}") for number in range(_THREADS)
        ]
        self._lock = threading.Lock()
        self._in_hand: set[HookKey] = set()  # hooks that a thread is at
        self._guard = Guard("events", metrics, draw=draw)
        self._counter = prometheus_client.Counter(
            "roost_hook_tellings", "Tries to tell hooks of events.", ["way", "outcome"], registry=metrics
        )

    @property
    def problem(self) -> str | None:
        """Why hooks are not told just now, in a line; None if they are."""
        return self._guard.problem

    def start(self) -> None:
        """Begin."""
        if self._link is not None:
            self._link.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the tellings in hand, and end."""
        self._stopping.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        if self._link is not None:
            self._link.stop()

    def _run(self, number: int) -> None:
        loop, rounds = f"events-{number}", 0
        while not self._stopping.is_set():
            forgets = number == 0 and rounds % _FORGET_EVERY == 0  # one of them does
            rounds += 1
            if not self._guard.run(loop, partial(self._go_round, forgets=forgets), otherwise=0):
                self._stopping.wait(self._guard.rest_s(loop, self._every_s))

    def _go_round(self, *, forgets: bool) -> int:
        told = self.tell()
        if forgets:
            with self._database.begin() as session:
                queue.forget(session, self._clock.wall())
        return told

    def tell(self) -> int:
        """Tell a hook that no other thread is at what is due, a few at most.

        Returns:
            How many were tried.

        Raises:
            DatabaseUnavailableError: the database is away.
        """
        with self._database.read() as session:  # which waits for no writer, and mostly there is nothing
            if not queue.is_any_due(session, self._clock.wall()):
                return 0
        taken, hook = self._take()
        try:
            for due in taken:
                self._tell(due)
        finally:
            with self._lock:
                self._in_hand -= hook
        return len(taken)

    def _take(self) -> tuple[Sequence[Due], set[HookKey]]:
        """What to tell, and the hook that is now in hand."""
        with self._lock, self._database.begin() as session:
            taken = queue.take(session, self._clock.wall(), limit=_TAKEN, but=self._in_hand)
            hook = {(due.hook.tenant, due.hook.id) for due in taken}
            self._in_hand |= hook
        return taken, hook

    def _tell(self, due: Due) -> None:
        try:
            self._send(due)
        except Exception as raised:
            error = typed(raised, tenant=due.hook.tenant, hook=due.hook.id)
            if not isinstance(error, (TransportError, ContentError, RoleFaultError)):
                raise
            with self._database.begin() as session:
                is_final = isinstance(error, WebhookGoneError)
                now, text = self._clock.wall(), f"{error.code}: {error}"
                given_up = queue.put_off(session, due, text, now, draw=self._draw(), is_final=is_final)
            self._counter.labels(due.hook.way, "given_up" if given_up else error.code).inc()
            log.warning("hook.not_told", tenant=due.hook.tenant, hook=due.hook.id, problem=text, given_up=given_up)
            return
        with self._database.begin() as session:
            queue.accept(session, due)
        self._counter.labels(due.hook.way, "accepted").inc()

    def _send(self, due: Due) -> None:
        body = body_of(due.event)
        if due.hook.way == "mqtt":
            if self._link is None:
                raise NoBrokerError("there is no broker to tell by: set broker_url")
            self._link.publish(topic_of(due.event), body)
            return
        secret = secret_of(self._key, due.hook.tenant, due.hook.id)
        headers = {
            HEADER: signature(secret, body, int(self._clock.wall().timestamp())),
            "Roost-Event": due.event.kind,
            "Roost-Event-Id": due.event.id,
        }
        self._webhook.post(due.hook.url or "", body, headers)
