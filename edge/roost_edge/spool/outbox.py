"""The index's rows of the outbox: records that the cloud has not yet covered, in order by boot.

Sequences count from 1 in each boot, without a gap. The record of a kept entry is not written twice: its row names the
entry, until that goes before the cloud has the record. A record that makes way for others leaves an empty one of a few
bytes in its place, for a sequence must not be missing in the middle; at the front it may.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec

from roost_edge.spool.interface import Note
from roost_shared.records import DroppedRecord, DropReason, encode_record

__all__ = ["OutboxRow", "boot_number", "cover", "following", "nothing", "oldest_of", "put", "put_entry", "squeeze"]

DROPPED_AT_ONCE: Final = 500  # samples of one record
_AT_ONCE: Final = 500


class OutboxRow(msgspec.Struct, frozen=True, array_like=True):
    """A record, or the entry that holds it."""

    boot: int
    sequence: int
    record: bytes | None
    entry: int | None


def nothing(reason: DropReason) -> bytes:
    """A record that says nothing, in place of one that is gone."""
    return encode_record(DroppedRecord(samples=[], reason=reason))


def boot_number(connection: sqlite3.Connection, name: str) -> int:
    """The number of a boot; it becomes the newest if it is new."""
    connection.execute("INSERT OR IGNORE INTO boot (name) VALUES (?)", (name,))
    (number,) = connection.execute("SELECT id FROM boot WHERE name = ?", (name,)).fetchone()
    return int(number)


def latest_name(connection: sqlite3.Connection, boot: str) -> str:
    """What a boot is called by now: itself, or as it was renamed last after a loss, `{boot}_{anything}`."""
    found = connection.execute(
        "SELECT name FROM boot WHERE name = ?1 OR substr(name, 1, length(?1) + 1) = ?1 || '_'"
        " ORDER BY id DESC LIMIT 1",
        (boot,),
    ).fetchone()
    return boot if found is None else str(found[0])


def boot_name(connection: sqlite3.Connection, number: int) -> str:
    """The name of a boot that has records."""
    (name,) = connection.execute("SELECT name FROM boot WHERE id = ?", (number,)).fetchone()
    return str(name)


def last_sequence(connection: sqlite3.Connection, boot: int) -> int:
    """The sequence that was given out last, 0 if none was."""
    (last,) = connection.execute(
        "SELECT max(covered, coalesce((SELECT max(sequence) FROM outbox WHERE boot = ?1), 0)) FROM boot WHERE id = ?1",
        (boot,),
    ).fetchone()
    return int(last)


def put(connection: sqlite3.Connection, boot: int, notes: Sequence[Note]) -> int:
    """Append records, but for those that came before; the bytes that they take."""
    (noted,) = connection.execute("SELECT noted FROM boot WHERE id = ?", (boot,)).fetchone()
    new = [note for note in notes if note.number == 0 or note.number > noted]
    sequence = last_sequence(connection, boot)
    connection.executemany(
        "INSERT INTO outbox (boot, sequence, record, base_rate) VALUES (?, ?, ?, ?)",
        [(boot, sequence + number, note.record, note.base_rate) for number, note in enumerate(new, start=1)],
    )
    highest = max((note.number for note in new), default=0)
    if highest:
        connection.execute("UPDATE boot SET noted = ? WHERE id = ?", (highest, boot))
    return sum(len(note.record) for note in new)


def put_entry(connection: sqlite3.Connection, boot: int, sequence: int, entry: int, *, base_rate: bool) -> None:
    """Append the record that an entry holds; the sequence must be the next one."""
    connection.execute(
        "INSERT INTO outbox (boot, sequence, entry, base_rate) VALUES (?, ?, ?, ?)", (boot, sequence, entry, base_rate)
    )


def dropped_notes(samples: Sequence[str], reason: DropReason) -> list[Note]:
    """What tells the cloud that inputs are gone."""
    return [
        Note(record=encode_record(DroppedRecord(samples=list(samples[at : at + DROPPED_AT_ONCE]), reason=reason)))
        for at in range(0, len(samples), DROPPED_AT_ONCE)
    ]


def is_waiting(connection: sqlite3.Connection, boot: int, sequence: int, entry: int) -> bool:
    """Whether the record that an entry holds is still to be sent."""
    found = connection.execute("SELECT entry FROM outbox WHERE boot = ? AND sequence = ?", (boot, sequence)).fetchone()
    return found is not None and found[0] == entry


def row(connection: sqlite3.Connection, boot: int, sequence: int) -> OutboxRow:
    """A row that is there."""
    found = connection.execute(
        "SELECT boot, sequence, record, entry FROM outbox WHERE boot = ? AND sequence = ?", (boot, sequence)
    )
    return OutboxRow(*found.fetchone())


def hold(connection: sqlite3.Connection, boot: int, sequence: int, record: bytes) -> None:
    """Take over a record from its entry."""
    connection.execute(
        "UPDATE outbox SET record = ?, entry = NULL WHERE boot = ? AND sequence = ?", (record, boot, sequence)
    )


def following(connection: sqlite3.Connection, boot: int, sequence: int, count: int) -> list[OutboxRow]:
    """The rows after this one, oldest boot first."""
    rows = connection.execute(
        "SELECT boot, sequence, record, entry FROM outbox WHERE boot = ?1 AND sequence > ?2 OR boot > ?1"
        " ORDER BY boot, sequence LIMIT ?3",
        (boot, sequence, count),
    )
    return [OutboxRow(*row) for row in rows.fetchall()]


def has_strays(connection: sqlite3.Connection) -> bool:
    """Whether there is a record of a boot that nobody knows."""
    found = connection.execute("SELECT 1 FROM outbox WHERE boot NOT IN (SELECT id FROM boot) LIMIT 1")
    return found.fetchone() is not None


def oldest_of(connection: sqlite3.Connection, boot: int) -> int:
    """The lowest sequence of a boot that has any."""
    (sequence,) = connection.execute("SELECT min(sequence) FROM outbox WHERE boot = ?", (boot,)).fetchone()
    return int(sequence)


def cover(connection: sqlite3.Connection, name: str, sequence: int) -> tuple[int, int, int] | None:
    """The cloud has these: the boot's number, the sequence it has, and the bytes freed; None if we know no such boot.

    What was never given out cannot be covered.
    """
    found = connection.execute("SELECT id, covered FROM boot WHERE name = ?", (name,)).fetchone()
    if found is None:
        return None
    boot, covered = found
    sequence = min(sequence, last_sequence(connection, boot))
    freed = _bytes(connection, "boot = ? AND sequence <= ?", boot, sequence)
    connection.execute("DELETE FROM outbox WHERE boot = ? AND sequence <= ?", (boot, sequence))
    if sequence > covered:
        connection.execute("UPDATE boot SET covered = ? WHERE id = ?", (sequence, boot))
    return boot, sequence, freed


def squeeze(connection: sqlite3.Connection, excess_bytes: int) -> tuple[int, int, int]:
    """Make way: records of the base rate first, then the oldest; bytes freed, records emptied, records lost."""
    empty = nothing("quota")
    freed = emptied = 0
    while freed < excess_bytes:
        rows = connection.execute(
            "SELECT boot, sequence, length(record) FROM outbox WHERE base_rate AND length(record) > ?"
            " ORDER BY boot, sequence LIMIT ?",
            (len(empty), _AT_ONCE),
        ).fetchall()
        if not rows:
            break
        for boot, sequence, size_bytes in rows:
            if freed >= excess_bytes:
                break
            hold(connection, boot, sequence, empty)
            freed += size_bytes - len(empty)
            emptied += 1
    lost_bytes, lost = _lose_oldest(connection, excess_bytes - freed)
    return freed + lost_bytes, emptied, lost


def _lose_oldest(connection: sqlite3.Connection, excess_bytes: int) -> tuple[int, int]:
    freed = lost = 0
    while freed < excess_bytes:
        rows = connection.execute(
            "SELECT boot, sequence, coalesce(length(record), 0) FROM outbox ORDER BY boot, sequence LIMIT ?",
            (_AT_ONCE,),
        ).fetchall()
        if not rows:
            break
        for boot, sequence, size_bytes in rows:
            if freed >= excess_bytes:
                break
            _forget(connection, boot, sequence)
            freed += size_bytes
            lost += 1
    return freed, lost


def _forget(connection: sqlite3.Connection, boot: int, sequence: int) -> None:
    """One record is lost; the sequence after it still follows it, should it have been the last."""
    connection.execute("DELETE FROM outbox WHERE boot = ? AND sequence = ?", (boot, sequence))
    connection.execute("UPDATE boot SET covered = max(covered, ?) WHERE id = ?", (sequence, boot))


def forget_boots(connection: sqlite3.Connection, present: int) -> None:
    """Forget earlier boots that have nothing more to say."""
    connection.execute("DELETE FROM boot WHERE id <> ? AND id NOT IN (SELECT boot FROM outbox)", (present,))


def held_bytes(connection: sqlite3.Connection) -> int:
    """What all records take that the outbox itself holds."""
    return _bytes(connection, "1")


def _bytes(connection: sqlite3.Connection, where: str, *values: int) -> int:
    (size_bytes,) = connection.execute(
        f"SELECT coalesce(sum(length(record)), 0) FROM outbox WHERE {where}",  # noqa: S608 - our own words
        values,
    ).fetchone()
    return int(size_bytes)
