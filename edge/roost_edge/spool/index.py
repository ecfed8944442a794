"""The index: an SQLite database that knows which entries there are, where, and what is still to be told the cloud.

Write-ahead log, `synchronous=FULL`: a transaction that has been committed is on the disk. Pages are small, for each
commit writes every page it touches twice.
"""

import contextlib
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from roost_edge.spool.errors import SpoolIndexError, SpoolUnwritableError

__all__ = ["connect", "create_schema", "is_new", "is_sound", "is_whole", "mark_whole", "reading", "transaction"]

_PAGE_BYTES: Final = 1024
_WAL_PAGES: Final = 8192  # after which the log is carried over to the database
_WAL_KEPT_BYTES: Final = 16 << 20
_BUSY_S: Final = 30.0
_VERSION: Final = 2

# Its checks are for `integrity_check`: a damaged number must not pass for one.
_HIGH_WATER: Final = """CREATE TABLE high_water (
    segment INTEGER NOT NULL CHECK (typeof(segment) = 'integer' AND segment BETWEEN 0 AND 9999999999),
    place INTEGER NOT NULL CHECK (typeof(place) = 'integer' AND place >= 0)
)"""
_SCHEMA: Final = f"""
CREATE TABLE boot (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    covered INTEGER NOT NULL DEFAULT 0,
    noted INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sample TEXT NOT NULL UNIQUE,
    task TEXT NOT NULL,
    priority INTEGER NOT NULL,
    probability REAL NOT NULL,
    segment INTEGER NOT NULL,
    place INTEGER NOT NULL,
    frame_bytes INTEGER NOT NULL,
    record_bytes INTEGER NOT NULL,
    payload_bytes INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    content_type TEXT,
    start BLOB NOT NULL,
    time_s INTEGER NOT NULL,
    boot INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    shard INTEGER
);
CREATE INDEX sealed ON entry (shard, id) WHERE shard IS NOT NULL;
CREATE TABLE shard (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, task TEXT NOT NULL);
CREATE TABLE outbox (
    boot INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    record BLOB,
    entry INTEGER,
    base_rate INTEGER NOT NULL,
    PRIMARY KEY (boot, sequence)
) WITHOUT ROWID;
CREATE TABLE digest (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    boot INTEGER NOT NULL,
    sample TEXT NOT NULL,
    digest BLOB NOT NULL,
    time_s INTEGER NOT NULL,
    matched INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE state (round INTEGER NOT NULL, time_s REAL NOT NULL, whole INTEGER NOT NULL DEFAULT 0);
{_HIGH_WATER};
"""

_OF_THE_DISK: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
# SQLite quotes what it cannot read in its messages, and sqlite3 then fails over what it quotes.
_ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)


def connect(path: Path) -> sqlite3.Connection:
    """A connection for one thread; the file is made if missing.

    Raises:
        SpoolUnwritableError: the disk does not let us.
        SpoolIndexError: it is no database, or a damaged one.
    """
    connection = None
    try:
        connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")
    except _ERRORS as error:
        if connection is not None:
            connection.close()
        raise _translated(error) from error
    return connection


def create_schema(connection: sqlite3.Connection) -> None:
    """Make the tables of a new index, or those that an older one lacks.

    Raises:
        SpoolIndexError: it was made by a newer version of Roost.
    """
    with reading():
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == _VERSION:
        return
    if version == 1:
        with transaction(connection):
            connection.execute(_HIGH_WATER)  # without a row: how far the segments were known, nobody wrote down
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        return
    if version:
        raise SpoolIndexError(f"the index has version {version}, we know {_VERSION}: upgrade roost-agent")
    with transaction(connection):
        _make_tables(connection)
        # Round numbers begin anywhere: those of an index that was lost must not come again.
        connection.execute("INSERT INTO state (round, time_s) VALUES (?, 0)", (secrets.randbits(48),))
        connection.execute("INSERT INTO high_water (segment, place) VALUES (0, 0)")
        connection.execute(f"PRAGMA user_version = {_VERSION}")


def is_new(connection: sqlite3.Connection) -> bool:
    """Whether it has no tables yet."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return not version


def is_whole(connection: sqlite3.Connection) -> bool:
    """Whether it knows all segments; a new one does not, until it is said to."""
    with reading():
        (whole,) = connection.execute("SELECT whole FROM state").fetchone()
    return bool(whole)


def mark_whole(connection: sqlite3.Connection) -> None:
    """It knows all segments."""
    connection.execute("UPDATE state SET whole = 1")


def is_sound(connection: sqlite3.Connection) -> bool:
    """Whether the tables are ours, the pages hang together, and the indexes say what the tables say."""
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        rows = connection.execute("PRAGMA integrity_check(1)").fetchall()
        return rows == [("ok",)] and (version != _VERSION or _tables(connection) == _our_tables())
    except _ERRORS:
        return False


def _our_tables() -> set[tuple[str, str | None]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        _make_tables(connection)
        return _tables(connection)


def _make_tables(connection: sqlite3.Connection) -> None:
    for statement in _SCHEMA.split(";\n"):
        connection.execute(statement)


def _tables(connection: sqlite3.Connection) -> set[tuple[str, str | None]]:
    return set(connection.execute("SELECT name, sql FROM sqlite_master").fetchall())


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing, durable at the end.

    Raises:
        SpoolUnwritableError: the disk does not take it.
        SpoolIndexError: the index is damaged.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):  # the first error is the one to tell
                    connection.execute("ROLLBACK")
            raise
    except _ERRORS as error:
        raise _translated(error) from error


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Statements outside a transaction; raises as `transaction` does."""
    try:
        yield
    except _ERRORS as error:
        raise _translated(error) from error


def _translated(error: Exception) -> SpoolUnwritableError | SpoolIndexError:
    """By SQLite's code: `sqlite3` calls a full disk and a damaged schema by the same class."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    return SpoolUnwritableError(f"index: {error}") if code in _OF_THE_DISK else SpoolIndexError(f"index: {error}")
