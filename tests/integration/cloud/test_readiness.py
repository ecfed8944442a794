"""`/readyz`: what each part's trouble is by its code, and no word to strangers on where anything is."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from roost_cloud.app import create_app
from roost_cloud.objects.errors import ObjectNotFoundError, StoreUnavailableError
from roost_cloud.services import Services, open_services
from tests.support.cloud import ManualClock, settings_for

SECRET = "10.1.2.3:1883: Connection refused"


class Store:
    """An object store that counts who asks, and is away at times."""

    def __init__(self) -> None:
        self.away = False
        self.asked = 0

    def head(self, key: str) -> None:
        self.asked += 1
        raise StoreUnavailableError(SECRET) if self.away else ObjectNotFoundError(key)


class Unable:
    """A role that cannot work, and says where it tried."""

    problem = SECRET

    def start(self) -> None: ...

    def stop(self) -> None: ...


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def services(tmp_path: Path, clock: ManualClock) -> Iterator[Services]:
    with open_services(settings_for(tmp_path), clock=clock) as services:
        yield services


def ask(client: TestClient) -> tuple[int, dict[str, Any]]:
    answer = client.get("/readyz")
    assert "10.1.2.3" not in answer.text
    return answer.status_code, answer.json()["parts"]


def test_a_role_shows_its_code_and_the_log_its_words(services: Services) -> None:
    client = TestClient(create_app(services, {"ingest": Unable()}))
    with capture_logs() as logged:
        assert ask(client) == (503, {"ingest": "role.unable", "database": "ok", "objects": "ok"})
    assert [(event["role"], event["message"]) for event in logged if event["event"] == "not_ready"] == [
        ("ingest", SECRET)
    ]


def test_the_object_store_is_asked_once_in_a_while(services: Services, clock: ManualClock) -> None:
    store: Any = Store()
    client = TestClient(create_app(replace(services, objects=store)))
    assert [ask(client)[0] for _ in range(3)] == [200, 200, 200]
    assert store.asked == 1
    store.away = True
    clock.advance(timedelta(seconds=6))
    for _ in range(2):
        assert ask(client) == (503, {"database": "ok", "objects": "objects.unavailable"})
    assert store.asked == 2
    store.away = False
    clock.advance(timedelta(seconds=6))
    assert ask(client)[0] == 200
