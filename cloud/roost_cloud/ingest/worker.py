"""The role: a thread for what devices are, one for what they tell of their work, each with a connection of its own.

So a flood of records holds up no births and wills, and what waits in memory is bounded for each by itself.
"""

import random
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import prometheus_client

from roost_cloud.broker.link import BrokerLink, Message
from roost_cloud.broker.settings import Subscription
from roost_cloud.db import Database
from roost_cloud.ingest.records import TELEMETRY_TOPICS, record_kind, shared_telemetry
from roost_cloud.ingest.states import STATE_TOPICS, read_report, store_reports
from roost_cloud.ingest.stream import Kind, Stream
from roost_cloud.ingest.tally import RecordTally
from roost_cloud.services import Services
from roost_shared.clock import Clock
from roost_shared.complaints import Complaints
from roost_shared.messages import MessageError

__all__ = ["RECORDS_WAITING", "Ingest", "make_ingest"]

RECORDS_WAITING: Final = 128  # batches received and not yet stored, of at most 128 KiB each
_STATES: Final = 500  # to a transaction


class Ingest:
    """The role.

    Args:
        states: subscribed to `STATE_TOPICS`, and not started yet.
        records: subscribed to `TELEMETRY_TOPICS`, shared or not, and not started yet.
        database: where to.
        clock: for the moments of receipt.
        metrics: where its numbers are registered.
        tally: counts records.
        draw: randomness for the waits, evenly in 0…1.

    Attributes:
        outcomes: of births and wills, counted.
    """

    def __init__(
        self,
        states: BrokerLink,
        records: BrokerLink,
        database: Database,
        *,
        clock: Clock,
        metrics: prometheus_client.CollectorRegistry,
        tally: RecordTally,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.outcomes: Counter[str] = Counter()
        self._complaints = Complaints(clock)
        self._counter = prometheus_client.Counter(
            "roost_ingest_messages", "Births and wills of devices taken in.", ["outcome"], registry=metrics
        )
        kind = Kind("ingest-states", _STATES, read_report, self._refuse, store_reports, self._count)
        self._streams: tuple[Stream[Any, Any], ...] = (
            Stream(states, database, kind, clock=clock, draw=draw),
            Stream(records, database, record_kind(records, tally), clock=clock, draw=draw),
        )
        waiting = prometheus_client.Gauge(
            "roost_ingest_waiting", "Messages received and not yet stored.", registry=metrics
        )
        waiting.set_function(lambda: states.waiting + records.waiting)

    @property
    def problem(self) -> str | None:
        """Why something is not taken in just now, in a line; None if all is."""
        return next((stream.problem for stream in self._streams if stream.problem is not None), None)

    def start(self) -> None:
        """Begin."""
        for stream in self._streams:
            stream.start()

    def stop(self) -> None:
        """Store and acknowledge what is in hand, if that works at once, and end."""
        for stream in self._streams:
            stream.stop()

    def _refuse(self, message: Message, error: MessageError) -> None:
        self._count(Counter(unreadable=1))
        self._complaints.note(error.code, f"{message.topic[:255]}: {error}")

    def _count(self, outcomes: Counter[str]) -> None:
        for outcome, count in outcomes.items():
            self.outcomes[outcome] += count
            self._counter.labels(outcome).inc(count)


def make_ingest(services: Services) -> Ingest:
    """The role of a deployment.

    Raises:
        ConfigError: there is no broker.
        ContentError: its address or certificates cannot be used.
    """
    # The embedded broker knows no shared subscriptions, and serves one process.
    telemetry = TELEMETRY_TOPICS if services.settings.embedded else shared_telemetry(services.token_key)
    client_id = f"roost-cloud-ingest-{secrets.token_hex(4)}"  # any number of workers
    states = services.link_settings(client_id, Subscription(STATE_TOPICS, 1))
    records = services.link_settings(f"{client_id}-records", Subscription(telemetry, 1))
    return Ingest(
        BrokerLink(states, clock=services.clock),
        BrokerLink(replace(records, incoming_limit=RECORDS_WAITING), clock=services.clock),
        services.database,
        clock=services.clock,
        metrics=services.metrics,
        tally=services.record_tally,
    )
