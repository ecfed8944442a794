"""Fixtures around the cloud; every test that takes `database_url` or `cloud` runs on SQLite and on PostgreSQL.

Those marked `one_database` are about what comes before a database, or after it: they run on SQLite, and on PostgreSQL
too with `--campaign`. What claims, leases, inserts or selects is not among them. `one_database("postgresql")` is for
what only that one does.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from roost_cloud.db import Database
from roost_cloud.db.migrations import upgrade
from tests.support.postgres import Postgres

if TYPE_CHECKING:
    from tests.support.cloud import Cloud

__all__ = [
    "cloud",
    "database",
    "database_url",
    "empty_database_url",
    "files_need_not_last",
    "newest_postgres",
    "newest_sqlite",
    "postgres",
    "pytest_generate_tests",
    "statements_are_compiled_once",
]


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Leave those marked `one_database` one."""
    mark = metafunc.definition.get_closest_marker("one_database")
    if mark is not None and "database_url" in metafunc.fixturenames:
        all_of_them = ["sqlite", "postgresql"] if metafunc.config.getoption("campaign") else ["sqlite"]
        databases = mark.args or all_of_them
        metafunc.definition.add_marker(pytest.mark.parametrize("database_url", databases, indirect=True))


@pytest.fixture(scope="session", autouse=True)
def statements_are_compiled_once() -> Iterator[None]:
    """Each test has an engine of its own, which would compile every statement anew: longer than to run it."""
    compiled: dict[object, object] = {}

    def share(connection: Connection) -> None:
        connection.execution_options(compiled_cache=compiled)

    with pytest.MonkeyPatch.context() as patches:
        for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):  # what is compiled is found by its dialect, too
            patches.setattr(dialect, "__eq__", lambda one, other: type(one) is type(other))
            patches.setattr(dialect, "__hash__", lambda one: hash(type(one)))
        event.listen(Engine, "engine_connect", share)
        yield
        event.remove(Engine, "engine_connect", share)


@pytest.fixture(scope="session", autouse=True)
def files_need_not_last() -> Iterator[None]:
    """No power is cut on this process: what a cut leaves is learnt of programs of their own, from their calls."""
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(os, "fsync", os.fstat)  # refuses a descriptor that is none all the same
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A cluster; whoever stops it starts it again."""
    with Postgres() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def newest_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database at the newest step, to copy."""
    file = tmp_path_factory.mktemp("newest") / "roost.db"
    database = Database(f"sqlite:///{file}")
    upgrade(database)
    database.close()
    return file


@pytest.fixture(scope="session")
def newest_postgres(postgres: Postgres) -> str:
    """The name of a database at the newest step, to copy."""
    name = postgres.new_database()
    database = Database(postgres.url(name))
    upgrade(database)
    database.close()
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of this test's own, at the newest step."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("newest_sqlite"), tmp_path / "roost.db")
        yield f"sqlite:///{tmp_path / 'roost.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.new_database(request.getfixturevalue("newest_postgres"))
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of this test's own, without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.new_database()
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def cloud(database_url: str, tmp_path: Path) -> Iterator["Cloud"]:
    """A cloud with a tenantless database, its time standing still."""
    # Every test's conftest reads this file, so what is slow to import comes in late.
    from roost_cloud.services import open_services  # noqa: PLC0415 - see above
    from tests.support.cloud import Cloud, ManualClock, settings_for  # noqa: PLC0415 - see above

    clock = ManualClock()
    with open_services(settings_for(tmp_path / "cloud", database_url=database_url), clock=clock) as services:
        made = Cloud(services, clock)
        with made.client:
            yield made
