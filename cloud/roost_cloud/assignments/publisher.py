"""Keeps devices' `desired` topics at the broker as they shall be: retained, QoS 1.

A thread that looks for what has changed, twice a second, and goes through all of it whenever it has connected anew: a
broker may have lost what it retained. Several may run, in any number of processes (`desired.py` says how).
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, wait
from typing import Final

import prometheus_client

from roost_cloud.assignments import desired
from roost_cloud.assignments.desired import Due
from roost_cloud.broker.link import BrokerLink
from roost_cloud.db import Database
from roost_cloud.guard import Guard
from roost_shared.clock import Clock
from roost_shared.topics import DeviceTopics

__all__ = ["DesiredPublisher"]

_EVERY_S: Final = 0.5
_AT_ONCE: Final = 100  # topics a round, of a quarter of a MiB each at most: so 200 a second of them all
_CONFIRMED_S: Final = 10.0  # that a broker may take


class DesiredPublisher:
    """A part of the role `ingest`.

    Args:
        link: where to; its owner starts and stops it.
        database: knows what.
        clock: for when, and for complaints.
        metrics: where its numbers are registered.
        every_s: between two looks, in seconds.
    """

    def __init__(
        self,
        link: BrokerLink,
        database: Database,
        *,
        clock: Clock,
        metrics: prometheus_client.CollectorRegistry,
        every_s: float = _EVERY_S,
    ) -> None:
        self._link = link
        self._database = database
        self._clock = clock
        self._guard = Guard("assignments", metrics)
        self._every_s = every_s
        self._counter = prometheus_client.Counter(
            "roost_assignments_published", "Assignments handed to the broker.", ["outcome"], registry=metrics
        )
        self._stopping = threading.Event()
        self._connection = 0  # the one whose broker has been told everything, or is being
        self._place: tuple[str, str] | None = None  # up to where it has been
        self._walking = False
        self._thread = threading.Thread(target=self._work, name="assignments")

    @property
    def problem(self) -> str | None:
        """Why nothing can be published just now, in a line; None if it can. The link's own troubles are the link's."""
        return self._guard.problem

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the round in hand, and end."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        while not self._stopping.wait(self._guard.rest_s("assignments", self._every_s)):
            if self._link.connected:
                self._guard.run("assignments", self._go_round, otherwise=None)

    def _go_round(self) -> None:
        """Publish some of what has changed; and some of everything, after the broker has come back."""
        connection = self._link.counters.connections
        if connection != self._connection:
            self._connection, self._place, self._walking = connection, None, True
        with self._database.read() as session:
            changed = desired.due(session, _AT_ONCE)
            some = desired.every(session, _AT_ONCE, self._place) if self._walking else ()
        topics = {(one.tenant, one.device): one for one in (*some, *changed)}
        if not self._publish(list(topics.values())):
            return  # and the same again next time
        if some:
            self._place = some[-1].tenant, some[-1].device
        self._walking = len(some) == _AT_ONCE

    def _publish(self, topics: Sequence[Due]) -> bool:
        """Whether the broker has confirmed all of it."""
        if not topics:
            return True
        futures: list[Future[None]] = [
            self._link.send(DeviceTopics(one.tenant, one.device).desired, one.payload, retain=True) for one in topics
        ]
        wait(futures, _CONFIRMED_S)
        confirmed = [
            one for one, future in zip(topics, futures, strict=True) if future.done() and future.exception() is None
        ]
        self._counter.labels("confirmed").inc(len(confirmed))
        self._counter.labels("failed").inc(len(topics) - len(confirmed))
        if confirmed:
            with self._database.begin() as session:
                desired.confirm(session, confirmed, self._clock.wall())
        return len(confirmed) == len(topics)
