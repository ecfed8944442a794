from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from roost_cloud.db import Base, Database, DatabaseUnavailableError
from roost_cloud.db.migrations import SchemaVersionError, current, downgrade, newest, upgrade
from roost_cloud.db.tables import Tenant
from roost_shared.errors import ConfigError
from tests.support.mosquitto import free_port

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def tables(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names()) - {"alembic_version"}


def test_migrations_go_up_and_down_and_up_again(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    assert current(database) is None
    upgrade(database)
    assert tables(database) == set(Base.metadata.tables)
    downgrade(database, "base")
    assert tables(database) == set()
    upgrade(database)
    upgrade(database)
    assert current(database) == newest()
    database.close()


def test_migrations_make_what_the_tables_say(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_database_of_a_newer_roost_is_refused_untouched(database: Database) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaVersionError, match="upgrade this one"):
        upgrade(database)
    assert current(database) == "9999"


def test_failed_transaction_leaves_nothing(database: Database) -> None:
    def write_and_fail() -> None:
        with database.begin() as session:
            session.add(Tenant(name="acme", created_at=NOON))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    with database.read() as session:
        assert session.get(Tenant, "acme") is None


def test_moment_comes_back_in_utc(database: Database) -> None:
    with database.begin() as session:
        session.add(Tenant(name="acme", created_at=NOON))
    with database.read() as session:
        tenant = session.get(Tenant, "acme")
        assert tenant is not None
        assert (tenant.created_at, tenant.created_at.tzinfo) == (NOON, UTC)


def test_reading_transaction_cannot_write(database: Database) -> None:
    with pytest.raises(Exception, match=r"(?i)read-?only"), database.read() as session:
        session.execute(text("INSERT INTO tenant VALUES ('acme', '2026-11-24')"))


def test_reader_waits_for_no_writer(database: Database) -> None:
    with database.begin() as writing:
        writing.add(Tenant(name="acme", created_at=NOON))
        writing.flush()
        with database.read() as reading:
            assert reading.get(Tenant, "acme") is None


def test_database_that_is_away_is_a_typed_error() -> None:
    database = Database(f"postgresql://roost@127.0.0.1:{free_port()}/roost")
    with pytest.raises(DatabaseUnavailableError, match="does not answer"):
        database.ping()


@pytest.mark.parametrize("url", ["mysql://localhost/roost", "roost.db", "oracle+nothing://x"])
def test_other_database_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="database_url"):
        Database(url)
