"""Moving a database from one step of the schema's history to another."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from roost_cloud.db.database import Database, Turn
from roost_shared.errors import DeviceError

__all__ = ["SchemaVersionError", "configure", "current", "downgrade", "newest", "upgrade"]

_HERE: Final = Path(__file__).parent


class SchemaVersionError(DeviceError):
    """The database is at a step that this version of Roost does not know."""

    code = "database.schema"


def newest() -> str:
    """The step this version of Roost works with."""
    head = ScriptDirectory.from_config(configure()).get_current_head()
    assert head is not None  # noqa: S101 - there is a first step
    return head


def current(database: Database) -> str | None:
    """The step a database is at; None if it is empty.

    Raises:
        DatabaseUnavailableError: it is away.
    """
    with database.read() as session:
        return MigrationContext.configure(session.connection()).get_current_revision()


def upgrade(database: Database) -> None:
    """Bring a database to the newest step; nothing happens if it is there.

    Raises:
        SchemaVersionError: a newer Roost has been here.
        DatabaseUnavailableError: it is away.
    """
    with _alone(database) as connection:
        here = MigrationContext.configure(connection).get_current_revision()
        known = _shipped()
        if here == known[0]:
            return
        if here is not None and here not in known:
            raise SchemaVersionError(f"the database is at step {here!r}, made by a newer Roost: upgrade this one")
        command.upgrade(configure(connection), "head")


@functools.cache
def _shipped() -> tuple[str, ...]:
    """All steps, newest first; read once, as a running program's do not change."""
    return tuple(step.revision for step in ScriptDirectory.from_config(configure()).walk_revisions())


def downgrade(database: Database, to: str) -> None:
    """Bring a database back to an earlier step (`base`: empty)."""
    with _alone(database) as connection:
        command.downgrade(configure(connection), to)


def configure(connection: Connection | None = None) -> Config:
    """What alembic's commands want to know."""
    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@contextmanager
def _alone(database: Database) -> Iterator[Connection]:
    """A transaction in which nobody else moves the schema; all steps are taken, or none."""
    with database.begin() as session:
        database.take_turn(session, Turn.SCHEMA)
        yield session.connection()
