"""A fault of our own in a role's round: the loop goes on, says so, and works again once the fault is gone."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event

from roost_cloud.db import Database
from roost_cloud.roles import ROLE_NAMES
from roost_cloud.services import Services, open_services
from roost_cloud.workers import make_workers
from tests.support.cloud import settings_for
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import until

# Of each role that is no HTTP server, the loops that look into the database by themselves.
LOOPS = {
    ("assignments", "assignments"),
    ("director", "direct-rollouts"),
    ("events", "events-0"),
    ("monitor", "monitor"),
    ("scorer", "librarian"),
    ("trainer", "rounds"),
    ("trainer", "trainer-1"),
}


class Unsound:
    """Makes a database raise at each statement what nobody expects of one."""

    def __init__(self, database: Database) -> None:
        self.raises = True
        for engine in (database._engine, database._writer):
            event.listen(engine, "before_cursor_execute", self._execute)

    def _execute(self, *_: Any) -> None:
        if self.raises:
            raise ZeroDivisionError("nobody meant this")


@pytest.fixture
def services(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Services]:
    settings = msgspec.structs.replace(settings_for(tmp_path), role=ROLE_NAMES, broker_url=mosquitto.url)
    with open_services(settings) as services:
        yield services


def rounds(services: Services, outcome: str) -> set[tuple[str, str]]:
    """The loops of which a round ended so, each with its role."""
    text = generate_latest(services.metrics).decode()
    return {
        (family.name.removeprefix("roost_").removesuffix("_rounds"), sample.labels["loop"])
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if family.name.endswith("_rounds") and sample.name.endswith("_total") and sample.labels["outcome"] == outcome
    }


def test_no_role_s_loop_ends_by_a_fault_of_its_own(services: Services) -> None:
    unsound = Unsound(services.database)
    workers = make_workers(services)
    with ExitStack() as stack:
        for worker in workers.values():
            worker.start()
            stack.callback(worker.stop)
        until(lambda: rounds(services, "role.fault") >= LOOPS, "every loop has met with the fault")
        telling = ("monitor", "director", "trainer", "scorer")
        assert all("role.fault" in str(workers[name].problem) for name in telling)
        assert not rounds(services, "done") & LOOPS
        unsound.raises = False
        until(lambda: rounds(services, "done") >= LOOPS, "every loop works again")
        until(lambda: not any(workers[name].problem for name in telling), "no role complains")
