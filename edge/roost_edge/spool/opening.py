"""What the spool does before anything else: it takes the folder for itself, and finds what a power cut left.

    spool/lock        held while we run
    spool/index.db    which entries there are, and where
    spool/segments/   their bytes

- Whole entries behind what the index knows are taken up (`rebuilding`), all else there is cut off, and freed.
- Entries whose bytes are not there are damaged: dropped, counted, told of.
- An index that is no sound database is put aside and made anew from the segments (`rebuilding`).
"""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from roost_edge.spool import entries, high_water, outbox
from roost_edge.spool.errors import SpoolBusyError, SpoolIndexError, SpoolUnwritableError
from roost_edge.spool.frame import padded
from roost_edge.spool.index import connect, create_schema, is_new, is_sound, is_whole, reading
from roost_edge.spool.punch import BLOCK_BYTES
from roost_edge.spool.removal import drop_damaged
from roost_edge.spool.segments import Place, Segments
from roost_edge.spool.tally import Tally
from roost_shared.durable import fsync_folder, make_folders

__all__ = ["INDEX", "SEGMENTS", "lock_folder", "open_index", "put_in_order"]

INDEX: Final = "index.db"
SEGMENTS: Final = "segments"
_LOCK: Final = "lock"
_ASIDE: Final = "index.damaged"


def lock_folder(folder: Path) -> tuple[int, bool]:
    """Take the folder, made if missing.

    Returns:
        The descriptor of the lock, which goes with the process however it ends, and whether the folder is a spool's
        for the first time.

    Raises:
        SpoolBusyError: another process has it.
        SpoolUnwritableError: it cannot be used.
    """
    try:
        make_folders(folder, mode=0o700)
        is_first = not (folder / _LOCK).exists()
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SpoolUnwritableError(f"{folder}: {error.strerror or error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise SpoolBusyError(f"{folder}: another process has this spool") from error
    return lock, is_first


def open_index(folder: Path) -> tuple[sqlite3.Connection, bool]:
    """The index, made if missing, and whether it knows the segments.

    Raises:
        SpoolUnwritableError: the disk does not let us.
        SpoolIndexError: it is of a newer version.
    """
    path = folder / INDEX
    connection = _sound(path)
    if connection is None:
        _put_aside(folder)
        connection = connect(path)
    try:
        create_schema(connection)
        fsync_folder(folder)
        return connection, is_whole(connection)
    except OSError as error:
        connection.close()
        raise SpoolUnwritableError(f"{folder}: {error.strerror or error}") from error
    except (SpoolIndexError, SpoolUnwritableError):
        connection.close()
        raise


def _sound(path: Path) -> sqlite3.Connection | None:
    try:
        connection = connect(path)
    except SpoolIndexError:
        return None
    if is_sound(connection) and _rows_hold(connection):
        return connection
    connection.close()
    return None


def _rows_hold(connection: sqlite3.Connection) -> bool:
    """Whether every row of an entry can be one, and every record is some boot's.

    A damaged value within a sound page is not seen otherwise.
    """
    if is_new(connection):
        return True
    try:
        for row in entries.every(connection):
            entries.check(row)
        return not outbox.has_strays(connection)
    except (sqlite3.DatabaseError, UnicodeDecodeError, msgspec.ValidationError):
        return False


def _put_aside(folder: Path) -> None:
    """Keep what is left of the index for people to look at; of several, the last."""
    try:
        (folder / INDEX).replace(folder / _ASIDE)
        for suffix in ("-wal", "-shm"):
            (folder / f"{INDEX}{suffix}").unlink(missing_ok=True)
        fsync_folder(folder)
    except OSError as error:
        raise SpoolUnwritableError(f"{folder / INDEX}: {error.strerror or error}") from error


def put_in_order(connection: sqlite3.Connection, segments: Segments, tally: Tally, boot: int) -> None:
    """Count what there is, cut off what was never kept, free what was dropped, and drop what is not there.

    Raises:
        SpoolError: the index cannot be read or written.
    """
    known: dict[int, list[_Known]] = {}
    with reading():
        for row in entries.every(connection):
            tally.added([entries.held(row)])
            known.setdefault(row.segment, []).append(_Known(row.offset, row.frame_bytes, row.id))
        tally.outbox_grew(outbox.held_bytes(connection))
        last_gone_from = high_water.last_gone_from(connection)
    segments.begin_after(max(known, default=0))
    segments.begin_after(last_gone_from)
    for number in sorted(known.keys() | set(segments.numbers())):
        size_bytes = segments.size_bytes(number)
        there = sorted(known.get(number, []))
        missing = {one for one in there if one.offset + one.frame_bytes > size_bytes}
        if missing:
            drop_damaged(connection, segments, tally, boot, [one.id for one in missing])
        with contextlib.suppress(OSError):  # the space may wait; a read-only disk is told by whoever writes
            _tidy(segments, number, [one for one in there if one not in missing])


class _Known(NamedTuple):
    """A frame, as the index knows it."""

    offset: int
    frame_bytes: int
    id: int


def _tidy(segments: Segments, number: int, known: Sequence[_Known]) -> None:
    """Free what lies between and after these."""
    if not known:
        segments.remove(number)
        return
    end, alive, gaps = 0, 0, []
    for one in known:
        if one.offset > end:
            gaps.append(Place(number, end, one.offset - end))
        end = max(end, one.offset + padded(one.frame_bytes))
        alive += padded(one.frame_bytes)
    segments.cut(number, end)
    if segments.allocated_bytes(number) > alive + BLOCK_BYTES:
        segments.free(gaps)
