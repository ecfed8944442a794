"""An index made anew from the segments, after a failing card has damaged it. A power cut alone never needs this.

Each frame says what it holds. Every frame whose bytes are sound becomes an entry again, and its record goes to the
outbox anew. What only the index knew is lost, and said to be: records that belonged to no input, what had been sealed
(the cloud knows samples it has again, by name), and how far inputs had been thinned: they have the probability again
with which they were kept first.
"""

import mmap
import os
import sqlite3
from collections.abc import Iterator
from typing import Final

from roost_edge.spool import entries, high_water, outbox
from roost_edge.spool.dedupe import keep_digest
from roost_edge.spool.frame import ALIGNMENT, MAGIC, FrameError, Head, frame_bytes, open_frame, padded
from roost_edge.spool.index import mark_whole, reading, transaction
from roost_edge.spool.interface import NewEntry, Stored
from roost_edge.spool.segments import Place, Segments

__all__ = ["rebuild", "take_up_tails"]

_EARLIER: Final = 0  # a boot that is none of ours: its name went with the index


def rebuild(connection: sqlite3.Connection, segments: Segments, boot: int) -> int:
    """Fill an empty index; the number of entries found.

    Raises:
        SpoolError: the index cannot be written.
        OSError: the segments cannot be read.
    """
    found = 0
    with transaction(connection):
        for number in segments.numbers():
            for place, head, stored in _frames(segments, number):
                found += _take_up(connection, boot, place, head, stored)
        mark_whole(connection)
    return found


def take_up_tails(connection: sqlite3.Connection, segments: Segments, boot: int) -> int:
    """Put entries into the index that lie whole behind all that it ever knew of the segments; how many.

    Either nobody was told yet that they are kept, or the end of the write-ahead log was lost, which SQLite passes over
    in silence. What the index knew and has no more, however long ago it went, stays gone.

    Raises:
        SpoolError: the index cannot be written.
    """
    with reading():
        reached = high_water.reached(connection)
    if reached is None:
        with transaction(connection):
            high_water.begin_here(connection, segments)
        return 0
    found = 0
    for number in segments.numbers():
        if number < reached[0]:
            continue
        begin = reached[1] if number == reached[0] else 0
        frames = list(_frames_in(_tail(segments, number, begin), number, begin))
        if frames:
            with transaction(connection):
                found += sum(_take_up(connection, boot, *frame) for frame in frames)
    return found


def _tail(segments: Segments, number: int, begin: int) -> bytes:
    """What lies behind; nothing where it cannot be read: then it is no use to anybody."""
    try:
        return segments.read(Place(number, begin, max(0, segments.size_bytes(number) - begin)))
    except OSError:
        return b""


def _take_up(connection: sqlite3.Connection, boot: int, place: Place, head: Head, stored: Stored) -> bool:
    if entries.by_sample(connection, head.sample) is not None:
        return False  # a segment was being compacted
    entry = NewEntry(
        sample=head.sample,
        task=head.task,
        priority=head.priority,
        probability=head.probability,
        record=stored.record,
        payload=stored.payload,
        sha256=head.sha256,
        content_type=head.content_type,
    )
    sequence = outbox.last_sequence(connection, boot) + 1
    number = entries.insert(connection, entry, place, 0, boot, sequence)
    outbox.put_entry(connection, boot, sequence, number, base_rate=head.priority == 0)
    keep_digest(connection, _EARLIER, head.sample, head.digest, 0)
    return True


def _frames(segments: Segments, number: int) -> Iterator[tuple[Place, Head, Stored]]:
    """The sound frames of a segment, whatever lies between them."""
    size_bytes = segments.size_bytes(number)
    if not size_bytes:
        return
    descriptor = os.open(segments.path(number), os.O_RDONLY | os.O_CLOEXEC)
    try:
        with mmap.mmap(descriptor, size_bytes, access=mmap.ACCESS_READ) as data:
            yield from _frames_in(data, number, 0)
    finally:
        os.close(descriptor)


def _frames_in(data: mmap.mmap | bytes, number: int, begin: int) -> Iterator[tuple[Place, Head, Stored]]:
    """Those in a stretch of a segment that begins there, where frames may."""
    offset = data.find(MAGIC)
    while offset >= 0:
        frame = _frame_at(data, offset)
        if frame is None:
            offset = data.find(MAGIC, offset + 1)
            continue
        length, head, stored = frame
        yield Place(number, begin + offset, length), head, stored
        offset = data.find(MAGIC, offset + padded(length))


def _frame_at(data: mmap.mmap | bytes, offset: int) -> tuple[int, Head, Stored] | None:
    if offset % ALIGNMENT:
        return None
    try:
        length = frame_bytes(data[offset : offset + 64])
        if offset + length > len(data):
            return None
        head, stored = open_frame(data[offset : offset + length])
    except FrameError:
        return None
    return length, head, stored
