"""The role `ingest` over a real database, and the rows it fills."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import func, insert, select

from roost_cloud.assignments.reports import REPORTED_TOPICS
from roost_cloud.broker.link import BrokerLink
from roost_cloud.broker.settings import LinkSettings, Subscription
from roost_cloud.db import Database
from roost_cloud.db.tables import Device, Tenant
from roost_cloud.ingest.records import TELEMETRY_TOPICS
from roost_cloud.ingest.states import STATE_TOPICS
from roost_cloud.ingest.tally import RecordTally
from roost_cloud.ingest.worker import RECORDS_WAITING, REPORTS_WAITING, Ingest
from roost_shared.clock import SystemClock
from roost_shared.messages import State, encode_json
from tests.support.waiting import PATIENCE_S, until

__all__ = ["Ingesting", "add_devices", "birth", "count_online", "device_row", "state_topic", "will"]

STATES = Subscription(STATE_TOPICS, 1)


def state_topic(device: str, tenant: str = "acme") -> str:
    return f"roost/1/{tenant}/d/{device}/state"


def birth(boot: str = "b1", session: int = 1) -> bytes:
    return encode_json(State(state="online", boot=boot, session=session, version="1.0"))


def will(boot: str = "b1", session: int = 1) -> bytes:
    return encode_json(State(state="offline", boot=boot, session=session, reason="lost"))


def add_devices(database: Database, names: Iterable[str], tenant: str = "acme") -> None:
    now = datetime.now(UTC)
    with database.begin() as session:
        session.add(Tenant(name=tenant, created_at=now))
        session.flush()
        session.execute(insert(Device), [{"tenant": tenant, "name": name, "enrolled_at": now} for name in names])


def device_row(database: Database, name: str, tenant: str = "acme") -> Device:
    with database.read() as session:
        row = session.get(Device, (tenant, name))
        assert row is not None
        return row


def count_online(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).where(Device.state == "online")) or 0


class Ingesting:
    """Started by the constructor."""

    def __init__(self, url: str, database: Database, *, telemetry: str = TELEMETRY_TOPICS, **settings: Any) -> None:
        settings = {"url": url, "client_id": "roost-cloud-ingest", "subscriptions": (STATES,), **settings}
        self.link = _link(**settings)
        client_id = settings["client_id"]
        settings |= {"client_id": f"{client_id}-records", "incoming_limit": RECORDS_WAITING}
        self.records_link = _link(**{**settings, "subscriptions": (Subscription(telemetry, 1),)})
        settings |= {"client_id": f"{client_id}-reported", "incoming_limit": REPORTS_WAITING}
        self.reports_link = _link(**{**settings, "subscriptions": (Subscription(REPORTED_TOPICS, 1),)})
        self.metrics = CollectorRegistry()
        clock = SystemClock()
        self.role = Ingest(
            self.link,
            self.records_link,
            self.reports_link,
            database,
            clock=clock,
            metrics=self.metrics,
            tally=RecordTally(clock, self.metrics),
            draw=lambda: 0.1,
        )
        self.role.start()
        self._stopped = False

    def counted(self, figure: str, **labels: str) -> int:
        """A figure of `/metrics`."""
        return int(self.metrics.get_sample_value(f"roost_ingest_{figure}_total", labels) or 0)

    def until(self, condition: Callable[[], object], what: str, timeout_s: float = PATIENCE_S) -> None:
        until(condition, what, timeout_s, otherwise=lambda: self.role.outcomes)

    def connected(self) -> None:
        links = (self.records_link, self.reports_link)
        self.until(lambda: self.link.connected and all(link.subscribed for link in links), "connected")

    def outcome(self, name: str, count: int) -> None:
        self.until(lambda: self.role.outcomes[name] >= count, f"{count} {name}")

    def stop(self) -> None:
        if not self._stopped:
            self._stopped = True
            self.role.stop()


def _link(**settings: Any) -> BrokerLink:
    return BrokerLink(LinkSettings(**settings), draw=lambda: 0.1)
