"""Knows an input again that an earlier boot has kept, but not acknowledged to the broker in time.

Each kept input leaves its digest (of task, payload and correlation) and outlives itself by it. An input that the
broker delivers again is compared with those of earlier boots, each of which it can be once a boot: two equal inputs
are two. What was recognised may not be acknowledged in time either: its digest is the present boot's from then on, and
is compared with again by the next. A row of its own says by what name it was recognised, for whoever asks again.

The table has no index: it is written with every input, and read only in the first moments of a boot.
"""

import hashlib
import sqlite3
from collections import defaultdict, deque
from collections.abc import Sequence

from roost_edge.spool.interface import NewEntry
from roost_edge.spool.limits import DIGEST_AGE_S, DIGESTS

__all__ = ["digest_of", "forget_digests", "keep_digest", "mark_matched", "match_redelivered", "recognised"]

_BYTES = 16
_AT_ONCE = 500  # parameters of one statement
_KNOWN = "SELECT id, digest, sample FROM digest WHERE boot <> ? AND NOT matched"


def digest_of(entry: NewEntry) -> bytes:
    """What an input is compared by."""
    digest = hashlib.sha256()
    for part in (entry.task.encode(), entry.sha256, entry.correlation):
        digest.update(len(part).to_bytes(4, "little"))
        digest.update(part)
    return digest.digest()[:_BYTES]


def keep_digest(connection: sqlite3.Connection, boot: int, sample: str, digest: bytes, time_s: float) -> None:
    """Remember a kept input."""
    connection.execute(
        "INSERT INTO digest (boot, sample, digest, time_s) VALUES (?, ?, ?, ?)", (boot, sample, digest, int(time_s))
    )


def match_redelivered(
    connection: sqlite3.Connection, boot: int, entries: Sequence[tuple[str, bytes]]
) -> dict[str, tuple[int, str]]:
    """Of `entries` (sample, digest), those kept by an earlier boot: the row to mark and the sample then, by sample."""
    wanted: dict[bytes, deque[str]] = defaultdict(deque)
    for sample, digest in entries:
        wanted[digest].append(sample)
    found: dict[str, tuple[int, str]] = {}
    digests = list(wanted)
    for start in range(0, len(digests), _AT_ONCE):
        some = digests[start : start + _AT_ONCE]
        rows = connection.execute(f"{_KNOWN} AND digest IN ({','.join('?' * len(some))}) ORDER BY id", (boot, *some))
        for row, digest, sample in rows:
            if wanted[digest]:
                found[wanted[digest].popleft()] = (row, sample)
    return found


def recognised(connection: sqlite3.Connection, boot: int, samples: Sequence[str]) -> set[str]:
    """Of these names of the present boot, those that have been recognised already."""
    found: set[str] = set()
    for start in range(0, len(samples), _AT_ONCE):
        some = samples[start : start + _AT_ONCE]
        rows = connection.execute(
            f"SELECT sample FROM digest WHERE boot = ? AND matched AND sample IN ({','.join('?' * len(some))})",  # noqa: S608 - our own words
            (boot, *some),
        )
        found.update(sample for (sample,) in rows)
    return found


def mark_matched(connection: sqlite3.Connection, boot: int, rows: Sequence[tuple[int, str]], time_s: float) -> None:
    """Each of them has been redelivered, under that name of the present boot."""
    connection.executemany("UPDATE digest SET boot = ? WHERE id = ?", [(boot, row) for row, _ in rows])
    connection.executemany(
        "INSERT INTO digest (boot, sample, digest, time_s, matched) VALUES (?, ?, x'', ?, 1)",
        [(boot, sample, int(time_s)) for _, sample in rows],
    )


def forget_digests(connection: sqlite3.Connection, time_s: float) -> None:
    """Forget those too old or too many."""
    newest = connection.execute("SELECT max(id) FROM digest").fetchone()[0] or 0
    too_old = "SELECT max(id) FROM digest WHERE time_s < ?"
    old = connection.execute(too_old, (time_s - DIGEST_AGE_S,)).fetchone()[0] or 0
    connection.execute("DELETE FROM digest WHERE id <= ?", (max(newest - DIGESTS, old),))
