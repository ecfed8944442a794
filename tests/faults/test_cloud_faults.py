"""What the cloud does when its database goes, its disk fills, its secrets rot, its threads die, and it is killed."""

import signal
import socket
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import event, func, select

from roost_cloud import serve as serve_module
from roost_cloud.bootstrap import first_start
from roost_cloud.client import ApiUnreachableError
from roost_cloud.db import DatabaseUnavailableError
from roost_cloud.db.tables import ApiToken, AuditEntry, Tenant
from roost_cloud.secret_files import SecretFileError
from roost_cloud.serve import RoleDiedError, serve
from roost_cloud.services import open_services
from tests.support.agent import until
from tests.support.cloud import Cloud, settings_for
from tests.support.cloud_process import CloudProcess
from tests.support.mosquitto import free_port
from tests.support.postgres import Postgres


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A cluster that can be stopped without taking it from others."""
    with Postgres() as cluster:
        yield cluster


def test_a_database_that_is_away_at_start_is_said(tmp_path: Path) -> None:
    url = f"postgresql://roost:s3cret@127.0.0.1:{free_port()}/roost"
    with pytest.raises(DatabaseUnavailableError, match="does not answer") as caught:
        serve(settings_for(tmp_path, listen="127.0.0.1:0", database_url=url), say=pytest.fail)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_database_that_goes_and_comes_back_is_told_and_nothing_else_is_lost(
    tmp_path: Path, own_postgres: Postgres
) -> None:
    roles = ("--role", "api,monitor,director")
    with CloudProcess(tmp_path, "--database-url", own_postgres.url(), *roles).start() as process:
        headers = {"Authorization": f"Bearer {process.token}"}
        assert process.ask("/readyz").status == 200
        own_postgres.stop()
        ready = process.ask("/readyz")
        assert (ready.status, ready.headers["Retry-After"]) == (503, "2")
        told = ready.json()
        roles_told = {told["parts"].pop("director"), told["parts"].pop("monitor")}
        assert told == {"ready": False, "parts": {"database": "database.unavailable", "objects": "ok"}}
        assert roles_told <= {"ok", "role.unable"}  # whether they have met with it is a matter of moments
        assert process.ask("/healthz").status == 200  # it is no use to restart us
        refused = process.ask("/api/v1/whoami", headers)
        assert (refused.status, refused.json()["error"]["code"]) == (503, "database.unavailable")
        assert str(own_postgres.port) not in refused.data.decode()
        own_postgres.start()
        until(lambda: process.ask("/readyz").status == 200, "all goes on")
        assert process.ask("/api/v1/whoami", headers).status == 200
        assert process.stop() == 0
        assert any(entry.get("code") == "database.unavailable" for entry in process.events)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_full_disk_refuses_changes_and_keeps_reading(cloud: Cloud) -> None:
    headers = cloud.headers(None)
    engine = cloud.services.database.engine

    def limit(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # means: no page more than there are

    def tenants() -> set[str]:
        page = cloud.client.get("/api/v1/tenants", params={"limit": 1000}, headers=headers)
        assert page.status_code == 200
        return {tenant["name"] for tenant in page.json()["items"]}

    event.listen(engine, "connect", limit)
    engine.dispose()
    made, response = set[str](), None
    for number in range(2000):
        response = cloud.client.post("/api/v1/tenants", json={"name": f"t{number}"}, headers=headers)
        if response.status_code != 201:
            break
        made.add(f"t{number}")
    assert response is not None
    assert (response.status_code, response.json()["error"]["code"]) == (507, "database.full")
    assert tenants() == made
    event.remove(engine, "connect", limit)
    engine.dispose()
    assert cloud.client.post("/api/v1/tenants", json={"name": "after"}, headers=headers).status_code == 201
    assert tenants() == made | {"after"}


def test_what_was_acknowledged_before_a_kill_is_there_after_and_whole(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    with CloudProcess(tmp_path).start() as process:
        token = process.token

        def create(worker: int) -> None:
            with process.client(token) as api:
                for number in range(10_000):
                    name = f"w{worker}-{number}"
                    try:
                        api.send("POST", "/tenants", f'{{"name": "{name}"}}'.encode())
                    except ApiUnreachableError:
                        return  # killed
                    acknowledged.append(name)

        with ThreadPoolExecutor(3) as pool:
            workers = [pool.submit(create, worker) for worker in range(3)]
            until(lambda: len(acknowledged) >= 20, "some requests are answered")
            process.kill()
            for worker in workers:
                worker.result()
        process.start()
        assert process.login == ""  # not a first start
    with open_services(settings_for(process.data_dir)) as services, services.database.read() as session:
        names = set(session.scalars(select(Tenant.name)))
        tokens = select(ApiToken.tenant).where(ApiToken.tenant.is_not(None))
        entries = select(AuditEntry.subject).where(AuditEntry.action == "tenant.create")
        assert names == set(session.scalars(tokens)) == set(session.scalars(entries))
    assert names >= set(acknowledged)


def test_of_two_that_start_together_on_nothing_one_makes_the_token(tmp_path: Path, empty_database_url: str) -> None:
    settings = settings_for(tmp_path, database_url=empty_database_url)
    together = threading.Barrier(2)

    def start(_: int) -> str | None:
        together.wait()
        with open_services(settings) as services:
            together.wait()
            return first_start(services)

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(start, range(2)))
    assert sum(token is not None for token in found) == 1
    with open_services(settings) as services, services.database.read() as session:
        assert session.scalar(select(func.count()).select_from(ApiToken)) == 1


def test_a_secret_that_was_cut_is_said_and_not_replaced(tmp_path: Path) -> None:
    with open_services(settings_for(tmp_path)):
        pass
    key = tmp_path / "secrets" / "tokens.key"
    key.write_bytes(key.read_bytes()[:7])
    refusal = pytest.raises(SecretFileError, match=r"tokens\.key: it holds 7 bytes, not 32: restore it from a backup")
    with refusal, open_services(settings_for(tmp_path)):
        pytest.fail("it opened")
    assert len(key.read_bytes()) == 7


def test_a_root_that_rotted_is_said_and_not_replaced(tmp_path: Path) -> None:
    with open_services(settings_for(tmp_path)):
        pass
    root = tmp_path / "secrets" / "root.pem"
    root.write_bytes(root.read_bytes()[:-200])
    with pytest.raises(SecretFileError, match=r"root\.pem"), open_services(settings_for(tmp_path)):
        pytest.fail("it opened")


@pytest.mark.parametrize("name", ["tokens.key", "objects.key", "root.pem"])
def test_a_secret_that_everybody_can_reach_is_not_served_with(tmp_path: Path, name: str) -> None:
    with open_services(settings_for(tmp_path)):
        pass
    (tmp_path / "secrets" / name).chmod(0o644)
    with pytest.raises(SecretFileError, match="chmod 600") as caught, open_services(settings_for(tmp_path)):
        pytest.fail("it opened")
    assert caught.value.file.name == name


class Mortal:
    """A role whose thread dies when it is told to."""

    problem = None

    def __init__(self) -> None:
        self.dying = threading.Event()
        self.stopped = False
        self._thread = threading.Thread(target=self._work, name="mortal")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.dying.set()
        self._thread.join()
        self.stopped = True

    def _work(self) -> None:
        self.dying.wait()
        raise ZeroDivisionError("of natural causes")


def test_a_role_that_dies_ends_the_process_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mortal = Mortal()
    monkeypatch.setattr(serve_module, "make_workers", lambda _: {"mortal": mortal})

    def die_once_it_listens(line: str) -> None:
        if line.startswith("listening"):
            mortal.dying.set()

    with pytest.raises(RoleDiedError, match="mortal died"):
        serve(settings_for(tmp_path, listen="127.0.0.1:0"), say=die_once_it_listens)
    assert mortal.stopped


def test_sigterm_before_it_listens_ends_it(tmp_path: Path) -> None:
    with CloudProcess(tmp_path) as process:
        process.start(wait=False)
        until((process.data_dir / "roost.db").exists, "it has begun")
        process.send(signal.SIGTERM)
        assert process.wait() in (0, -signal.SIGTERM)
        process.start()
        assert process.ask("/readyz").status == 200


def test_half_sent_requests_are_given_up_and_too_many_connections_refused(tmp_path: Path) -> None:
    with CloudProcess(tmp_path).start() as process, ExitStack() as opened:
        # Of 64 KiB and more nothing is taken from somebody without a name.
        head = b"POST /api/v1/enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n"
        for _ in range(5):
            half = opened.enter_context(socket.create_connection(("127.0.0.1", process.port), timeout=30))
            half.sendall(head + bytes(70_000))
            assert half.recv(65536).startswith(b"HTTP/1.1 413")
        for _ in range(512):
            opened.enter_context(socket.create_connection(("127.0.0.1", process.port)))
        until(lambda: process.ask("/healthz").status == 503, "there are too many")
        opened.close()
        until(lambda: process.ask("/healthz").status == 200, "there is room again")
