"""How long a page of 100 devices out of 10,000 takes, chosen by label, and how that grows from 1,000."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from fastapi.testclient import TestClient
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from roost_cloud.app import create_app
from roost_cloud.db.tables import Certificate, Device, DeviceLabel
from roost_cloud.logs import configure_logs
from roost_cloud.people import tenants, tokens
from roost_cloud.services import Services, open_services
from roost_cloud.settings import load_settings
from scripts.roost_bench.bench import Goal, Options, Result
from tests.support.postgres import Postgres

GOALS = (
    Goal("sqlite_ms", at_most=50, unit="ms"),
    Goal("postgresql_ms", at_most=50, unit="ms"),
    Goal("growth_1k_to_10k", at_most=1.5),
    Goal("two_labels_and_state_ms", at_most=50, unit="ms"),
)
COMPARED_WITH = (
    "nothing: absolute; GET /api/v1/devices?label=site=s3 of the real application, called in this process (ASGI, no "
    "socket), with its token and its JSON, median over pages from all of the fleet, the database's statistics up to "
    "date; growth and two labels are the worse database's, both fleets measured in turn"
)

FEW: Final = 1_000
MANY: Final = 10_000
PAGE: Final = 100
SITES: Final = 4  # each label chooses a quarter of the fleet, 250 devices or 2,500
ONE_LABEL: Final = "label=site=s3"
NARROW: Final = "label=model=pi-5&label=site=s3&state=online"  # the first of them chooses every device


class Times(NamedTuple):
    """Milliseconds for a page, medians."""

    few: float
    many: float
    many_narrow: float

    @property
    def growth(self) -> float:
        """From the small fleet to the great one."""
        return self.many / self.few


def run(options: Options) -> Result:
    """Measure both databases."""
    configure_logs("warning", "json")
    rounds = 10 if options.quick else 60
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sqlite = _measure(f"sqlite:///{folder / 'few.db'}", f"sqlite:///{folder / 'many.db'}", folder, rounds)
        cluster = Postgres()
        try:
            cluster.start()
            few, many = (cluster.url(cluster.new_database()) for _ in (FEW, MANY))
            postgresql = _measure(few, many, folder, rounds)
        finally:
            cluster.remove()
    return {
        "sqlite_ms": sqlite.many,
        "postgresql_ms": postgresql.many,
        "growth_1k_to_10k": max(sqlite.growth, postgresql.growth),
        "two_labels_and_state_ms": max(sqlite.many_narrow, postgresql.many_narrow),
        "sqlite": {"growth": sqlite.growth, **sqlite._asdict()},
        "postgresql": {"growth": postgresql.growth, **postgresql._asdict()},
    }


def _measure(few_url: str, many_url: str, folder: Path, rounds: int) -> Times:
    with _fleet(few_url, folder, FEW) as few, _fleet(many_url, folder, MANY) as many:
        pages = (few(ONE_LABEL), many(ONE_LABEL), many(NARROW))
        for each in pages:
            next(each)  # fills caches
        taken_ms = [[next(each) for each in pages] for _ in range(rounds)]
    return Times(*(statistics.median(column) for column in zip(*taken_ms, strict=True)))


@contextmanager
def _fleet(url: str, folder: Path, devices: int) -> Iterator[Callable[[str], Iterator[float]]]:
    """A fleet; gives for a query the milliseconds that page after page of its answer takes, over and over."""
    settings = load_settings(None, environment={}, overrides={"data_dir": folder / "data", "database_url": url})
    with open_services(settings) as services:
        headers = {"Authorization": f"Bearer {_stock(services, devices)}"}
        with TestClient(create_app(services)) as client:
            yield lambda query: _pages(client, headers, query)


def _pages(client: TestClient, headers: dict[str, str], query: str) -> Iterator[float]:
    after = ""
    while True:
        begun_ns = time.perf_counter_ns()
        response = client.get(f"/api/v1/devices?{query}&limit={PAGE}{after}", headers=headers)
        taken_ms = (time.perf_counter_ns() - begun_ns) / 1e6
        page = response.json()
        after = f"&after={page['next']}" if page["next"] else ""
        if len(page["items"]) == PAGE:  # the last page of a round may be shorter
            yield taken_ms


def _stock(services: Services, devices: int) -> str:
    """Fill the database; return a viewer's token."""
    now = services.now()
    with services.database.begin() as session:
        tenants.create(session, "acme", actor="bench", now=now)
        names = [f"cam-{number:05}" for number in range(devices)]
        _insert(session, Device, [{"name": name, "enrolled_at": now, "state": "online"} for name in names])
        labels = [
            {"device": name, "key": key, "value": value}
            for number, name in enumerate(names)
            for key, value in {"site": f"s{number % SITES}", "line": f"l{number % 7}", "model": "pi-5"}.items()
        ]
        _insert(session, DeviceLabel, labels)
        certificate = {"public_key": b"k" * 91, "public_key_sha256": "sha256:", "issued_at": now, "not_after": now}
        _insert(
            session,
            Certificate,
            [{"serial": f"{number:x}", "device": name, **certificate} for number, name in enumerate(names)],
        )
        issued = tokens.issue(
            session, tenant="acme", name="bench", role="viewer", lifetime=None, actor="bench", now=now
        )
    with services.database.begin() as session:
        session.execute(text("ANALYZE"))  # PostgreSQL does it by itself within a minute
    return issued.text


def _insert(session: Session, table: type[Device | DeviceLabel | Certificate], rows: list[dict[str, Any]]) -> None:
    session.execute(insert(table), [{"tenant": "acme", **row} for row in rows])
