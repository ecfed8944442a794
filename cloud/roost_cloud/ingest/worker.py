"""Takes messages from the broker, has them stored, and acknowledges what is stored.

A database that is away is waited for, with the batch in hand and nothing acknowledged: the broker keeps the rest. What
cannot be read is counted, named in the log once a minute, and acknowledged: it would be no better next time.
"""

import random
import secrets
import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

import prometheus_client

from roost_cloud.broker.link import BrokerLink, Message
from roost_cloud.broker.settings import Subscription
from roost_cloud.db import Database
from roost_cloud.ingest.states import STATE_TOPICS, Report, read_report, store_reports
from roost_cloud.services import Services
from roost_shared.backoff import Backoff
from roost_shared.clock import MS, SECOND, Clock
from roost_shared.complaints import Complaints
from roost_shared.errors import RoostError
from roost_shared.messages import MessageError

__all__ = ["Ingest", "make_ingest"]

_BATCH: Final = 500  # messages to a transaction
_FIRST_WAIT_NS: Final = 200 * MS
_LONGEST_WAIT_NS: Final = 10 * SECOND


class Ingest:
    """The role.

    Args:
        link: subscribed to `STATE_TOPICS`, and not started yet.
        database: where to.
        clock: for the moments of receipt.
        metrics: where its numbers are registered.
        draw: randomness for the waits, evenly in 0…1.
    """

    def __init__(
        self,
        link: BrokerLink,
        database: Database,
        *,
        clock: Clock,
        metrics: prometheus_client.CollectorRegistry,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.outcomes: Counter[str] = Counter()
        self._link = link
        self._database = database
        self._complaints = Complaints(clock)
        self._draw = draw
        self._backoff = Backoff(_FIRST_WAIT_NS, _LONGEST_WAIT_NS)
        self._stopping = threading.Event()
        self._storing_fails: str | None = None
        self._thread = threading.Thread(target=self._work, name="ingest")
        self._counter = prometheus_client.Counter(
            "roost_ingest_messages", "Messages of devices taken in.", ["outcome"], registry=metrics
        )
        waiting = prometheus_client.Gauge(
            "roost_ingest_waiting", "Messages received and not yet stored.", registry=metrics
        )
        waiting.set_function(lambda: link.waiting)

    @property
    def problem(self) -> str | None:
        """Why nothing is taken in just now, in a line; None if it is."""
        return self._storing_fails or self._link.problem

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self._link.start()

    def stop(self) -> None:
        """Store and acknowledge the batch in hand, if that works at once, and end."""
        self._stopping.set()
        self._link.finish()
        if self._thread.ident is not None:
            self._thread.join()
        self._link.stop()

    def _work(self) -> None:
        for batch in self._link.batches(_BATCH):
            reports = self._read(batch)
            if not self._store(reports):
                return  # unacknowledged, and it comes again
            self._link.acknowledge(batch)

    def _read(self, batch: list[Message]) -> list[Report]:
        reports = []
        for message in batch:
            try:
                reports.append(read_report(message))
            except MessageError as error:
                self._count("unreadable", 1)
                self._complaints.note(error.code, f"{message.topic[:255]}: {error}")
        return reports

    def _store(self, reports: list[Report]) -> bool:
        """Store; whether that was done before we were stopped."""
        while True:
            try:
                with self._database.begin() as session:
                    outcomes = store_reports(session, reports)
            except RoostError as error:
                self._storing_fails = str(error)
                self._complaints.note(error.code, str(error))
                if self._stopping.wait(self._backoff.next_ns(self._draw()) / SECOND):
                    return False
            else:
                self._storing_fails = None
                self._backoff.reset()
                for outcome, count in outcomes.items():
                    self._count(outcome, count)
                return True

    def _count(self, outcome: str, count: int) -> None:
        self.outcomes[outcome] += count
        self._counter.labels(outcome).inc(count)


def make_ingest(services: Services) -> Ingest:
    """The role of a deployment.

    Raises:
        ConfigError: there is no broker.
        ContentError: its address or certificates cannot be used.
    """
    client_id = f"roost-cloud-ingest-{secrets.token_hex(4)}"  # any number of workers
    link = BrokerLink(services.link_settings(client_id, Subscription(STATE_TOPICS, 1)), clock=services.clock)
    return Ingest(link, services.database, clock=services.clock, metrics=services.metrics)
