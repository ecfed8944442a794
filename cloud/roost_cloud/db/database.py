"""Connections and transactions, alike on SQLite and PostgreSQL.

    with database.begin() as session: ...   # writes; commits at the end, or nothing is written
    with database.read() as session: ...    # one consistent view; writing fails

A database that is away, or restarts in the middle, raises `DatabaseUnavailableError`: nothing was written, or (if it
broke while committing) everything was; whoever tries again must find either. A full disk raises `DatabaseFullError`.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from roost_cloud.errors import NoRoomError
from roost_shared.errors import ConfigError, DeviceError, RoostError, TransportError

__all__ = ["Database", "DatabaseDamagedError", "DatabaseFullError", "DatabaseUnavailableError", "Turn"]

_BUSY_TIMEOUT_S: Final = 15  # for SQLite's one writer to finish
_CONNECT_TIMEOUT_S: Final = 5
_POOL: Final = 10  # connections kept
_POOL_OVERFLOW: Final = 30  # more at most: as many as there are request threads
_WRITES: Final = "roost_writes"  # execution option: the transaction is going to write
_SQLITE_AWAY: Final = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
}
_SQLITE_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_PG_DISK_FULL: Final = "53100"  # SQLSTATE


class DatabaseUnavailableError(TransportError):
    """The database is away, restarting or too busy; try again."""

    code = "database.unavailable"


class DatabaseFullError(NoRoomError):
    """The database has no room for more."""

    code = "database.full"


class DatabaseDamagedError(DeviceError):
    """The file is no database, or no whole one any more."""

    code = "database.damaged"


class Turn(IntEnum):
    """What only one process at a time may do; PostgreSQL's advisory locks have these numbers."""

    SCHEMA = 0x0B005700
    FIRST_START = 0x0B005701


class Database:
    """One database of one deployment.

    Args:
        url: `sqlite:///PATH` or `postgresql://…`.

    Raises:
        ConfigError: the URL names neither.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._writer = self._engine.execution_options(**{_WRITES: True})

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database; None where it is elsewhere than on this machine's disk."""
        name = self._engine.url.database
        return Path(name) if self.dialect == "sqlite" and name and name != ":memory:" else None

    @property
    def engine(self) -> Engine:
        """For migrations; rooms use sessions."""
        return self._engine

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A transaction that may write.

        Raises:
            DatabaseUnavailableError: it is away.
            DatabaseFullError: it is full.
        """
        with _named_faults(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads, and waits for no writer.

        Raises:
            DatabaseUnavailableError: it is away.
        """
        with _named_faults(), Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    def take_turn(self, session: Session, turn: Turn) -> None:
        """Wait until no other transaction has this turn; it is ours until `session`'s ends."""
        if self.dialect == "postgresql":  # on SQLite there is one writer at a time anyway
            session.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": int(turn)})

    def ping(self) -> None:
        """Ask it for an answer.

        Raises:
            DatabaseUnavailableError: it gives none.
        """
        with self.read() as session:
            session.execute(text("SELECT 1"))

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()


def _engine(url: str) -> Engine:
    remedy = "Write sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(where="settings", key="database_url", problem="it is no URL", remedy=remedy) from error
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        problem = f"{parsed.drivername} is not supported"
        raise ConfigError(where="settings", key="database_url", problem=problem, remedy=remedy)
    sqlite = parsed.get_backend_name() == "sqlite"
    connect: dict[str, Any] = (
        {"timeout": _BUSY_TIMEOUT_S}
        if sqlite
        else {"connect_timeout": _CONNECT_TIMEOUT_S, "application_name": "roost"}
    )
    try:
        engine = create_engine(
            parsed,
            connect_args=connect,
            pool_pre_ping=not sqlite,
            pool_size=_POOL,
            max_overflow=_POOL_OVERFLOW,
            pool_timeout=_BUSY_TIMEOUT_S,
        )
    except NoSuchModuleError as error:
        raise ConfigError(where="settings", key="database_url", problem=str(error), remedy=remedy) from error
    if sqlite:
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "begin", _begin_postgresql)
    return engine


def _configure_sqlite(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    # We begin transactions ourselves: the driver would begin none before a SELECT, and none for DDL.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # what we acknowledge outlives a power cut
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    # A reader that turns writer fails at once when another wrote meanwhile, so writers say so from the start.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    if not connection.get_execution_options().get(_WRITES, False):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


@contextmanager
def _named_faults() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise DatabaseUnavailableError("the database is too busy: no connection came free") from error
    except DBAPIError as error:
        fault = _fault(error)
        if fault is None:
            raise  # a fault of ours, or a row that may not be: for the room that knows
        raise fault from error


def _fault(error: DBAPIError) -> RoostError | None:
    cause = error.orig
    line = next(iter(str(cause).strip().splitlines()), type(cause).__name__)
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the primary code
        if code in _SQLITE_DAMAGED:
            return DatabaseDamagedError(f"the database cannot be read: {line}; restore it from a backup")
        full, away = code == sqlite3.SQLITE_FULL, code in _SQLITE_AWAY
    else:
        full = getattr(cause, "sqlstate", None) == _PG_DISK_FULL
        away = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    if full:
        return DatabaseFullError(f"the database has no room for more: {line}")
    return DatabaseUnavailableError(f"the database does not answer: {line}") if away else None
