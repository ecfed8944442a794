"""The role: a thread each for what devices are, for what they tell of their work, and for what they report to run.

Each has a connection of its own, so a flood of records holds up no births and wills, and what waits in memory is
bounded for each by itself. By the third's, one more thread tells devices what they shall run.
"""

import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import prometheus_client

from roost_cloud.assignments.publisher import DesiredPublisher
from roost_cloud.assignments.reports import REPORTED_TOPICS, read_reported, store_reported
from roost_cloud.broker.link import BrokerLink
from roost_cloud.broker.message import Message
from roost_cloud.broker.settings import Subscription
from roost_cloud.db import Database
from roost_cloud.ingest.records import TELEMETRY_TOPICS, record_kind, shared_telemetry
from roost_cloud.ingest.states import STATE_TOPICS, read_report, store_reports
from roost_cloud.ingest.stream import Kind, Stream
from roost_cloud.ingest.tally import RecordTally
from roost_cloud.services import Services
from roost_shared.chance import CHANCE
from roost_shared.clock import Clock
from roost_shared.complaints import Complaints
from roost_shared.messages import MessageError

__all__ = ["RECORDS_WAITING", "REPORTS_WAITING", "Ingest", "make_ingest"]

RECORDS_WAITING: Final = 128  # batches received and not yet stored, of at most 128 KiB each
REPORTS_WAITING: Final = 64  # reports received and not yet stored, of at most 256 KiB each
_STATES: Final = 500  # to a transaction
_REPORTS: Final = 32  # the same


class Ingest:
    """The role.

    Args:
        states: subscribed to `STATE_TOPICS`, and not started yet.
        records: subscribed to `TELEMETRY_TOPICS`, shared or not, and not started yet.
        reports: subscribed to `REPORTED_TOPICS`, and not started yet.
        database: where to.
        clock: for the moments of receipt.
        metrics: where its numbers are registered.
        tally: counts records.
        draw: randomness for the waits, evenly in 0…1.

    Attributes:
        outcomes: of births and wills, counted.
        reported: outcomes of reports, counted.
    """

    def __init__(
        self,
        states: BrokerLink,
        records: BrokerLink,
        reports: BrokerLink,
        database: Database,
        *,
        clock: Clock,
        metrics: prometheus_client.CollectorRegistry,
        tally: RecordTally,
        draw: Callable[[], float] = CHANCE.random,
    ) -> None:
        self.outcomes: Counter[str] = Counter()
        self.reported: Counter[str] = Counter()
        self._complaints = Complaints(clock)
        self._counter = prometheus_client.Counter(
            "roost_ingest_messages", "Births and wills of devices taken in.", ["outcome"], registry=metrics
        )
        self._reported_counter = prometheus_client.Counter(
            "roost_ingest_reported", "Reports of devices on what they run, taken in.", ["outcome"], registry=metrics
        )
        kind = Kind("ingest-states", _STATES, read_report, self._refuse, store_reports, self._count)
        reported = Kind(
            "ingest-reported", _REPORTS, read_reported, self._refuse_report, store_reported, self._count_reported
        )
        self._streams: tuple[Stream[Any, Any], ...] = (
            Stream(states, database, kind, clock=clock, draw=draw),
            Stream(records, database, record_kind(records, tally), clock=clock, draw=draw),
            Stream(reports, database, reported, clock=clock, draw=draw),
        )
        self._publisher = DesiredPublisher(reports, database, clock=clock, metrics=metrics)
        waiting = prometheus_client.Gauge(
            "roost_ingest_waiting", "Messages received and not yet stored.", registry=metrics
        )
        waiting.set_function(lambda: states.waiting + records.waiting + reports.waiting)

    @property
    def problem(self) -> str | None:
        """Why something is not taken in just now, in a line; None if all is."""
        problems = (*(stream.problem for stream in self._streams), self._publisher.problem)
        return next((problem for problem in problems if problem is not None), None)

    def start(self) -> None:
        """Begin."""
        for stream in self._streams:
            stream.start()
        self._publisher.start()

    def stop(self) -> None:
        """Store and acknowledge what is in hand, if that works at once, and end."""
        self._publisher.stop()
        for stream in self._streams:
            stream.stop()

    def _refuse(self, message: Message, error: MessageError) -> None:
        self._count(Counter(unreadable=1))
        self._complaints.note(error.code, f"{message.topic[:255]}: {error}")

    def _refuse_report(self, message: Message, error: MessageError) -> None:
        self._count_reported(Counter(unreadable=1))
        self._complaints.note(error.code, f"{message.topic[:255]}: {error}")

    def _count_reported(self, outcomes: Counter[str]) -> None:
        for outcome, count in outcomes.items():
            self.reported[outcome] += count
            self._reported_counter.labels(outcome).inc(count)

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
    reports = services.link_settings(f"{client_id}-reported", Subscription(REPORTED_TOPICS, 1))
    return Ingest(
        BrokerLink(states, clock=services.clock),
        BrokerLink(replace(records, incoming_limit=RECORDS_WAITING), clock=services.clock),
        BrokerLink(replace(reports, incoming_limit=REPORTS_WAITING), clock=services.clock),
        services.database,
        clock=services.clock,
        metrics=services.metrics,
        tally=services.record_tally,
    )
