"""Append-only files that hold the entries. What is where, and which of it counts, the index knows.

    segments/0000000012.seg      numbers rise and never come again

One segment is appended to at a time. A segment whose fsync failed is never appended to again: nobody knows what of it
is on the disk (what was durable before stays so). Bytes that the index does not know are cut off at the next start.
"""

import contextlib
import errno
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from roost_edge.spool.disk import Disk
from roost_edge.spool.frame import Frame, padded
from roost_edge.spool.punch import whole_blocks
from roost_shared.durable import make_folders

__all__ = ["LOST", "Place", "Segments"]

LOST: Final = frozenset({errno.ENOENT, errno.EIO})  # errors of reading that no second try mends
_SUFFIX: Final = ".seg"
_SECTOR_BYTES: Final = 512  # of `st_blocks`


class Place(msgspec.Struct, frozen=True, order=True):
    """Where a frame is."""

    segment: int
    offset: int
    size_bytes: int  # without its padding


class Segments:
    """The files of one folder. Reading, punching and removing may be done by any thread, the rest by one.

    Every method may raise OSError.

    Args:
        folder: made if missing.
        disk: what writes.
        segment_bytes: after which a new segment is begun.
    """

    def __init__(self, folder: Path, disk: Disk, segment_bytes: int) -> None:
        make_folders(folder, mode=0o700)
        self._folder = folder
        self._disk = disk
        self._segment_bytes = segment_bytes
        self._descriptor: int | None = None
        self._end = 0
        self._last = max(self.numbers(), default=0)
        self.active: int | None = None
        self.punches = True  # the file system can

    def close(self) -> None:
        """Append no more."""
        descriptor, self._descriptor, self.active = self._descriptor, None, None
        if descriptor is not None:
            os.close(descriptor)

    def begin_after(self, number: int) -> None:
        """Take no number up to this one: the index knows of a segment that is gone."""
        self._last = max(self._last, number)

    # ---- appending

    def append(self, frames: Sequence[Frame]) -> list[Place]:
        """Write frames and return when they are durable."""
        if self._descriptor is None or self._end >= self._segment_bytes:
            self._begin()
        assert self._descriptor is not None  # noqa: S101 - for mypy: just begun
        assert self.active is not None  # noqa: S101 - likewise
        places, offset = [], self._end
        for frame in frames:
            places.append(Place(self.active, offset, frame.size_bytes))
            offset += frame.padded_bytes
        pieces = [piece for frame in frames for piece in frame.pieces]
        try:
            self._disk.write(self._descriptor, pieces, self._end)
        except OSError:
            self._cut_back()
            raise
        try:
            self._disk.sync(self._descriptor)
        except OSError:
            self._abandon()
            raise
        self._end = offset
        return places

    def take_back(self, places: Sequence[Place]) -> None:
        """What was appended last does not count: the index did not take it."""
        if self._descriptor is not None and places and places[0].segment == self.active:
            self._end = places[0].offset
            self._cut_back()

    def _begin(self) -> None:
        self.close()
        self._last += 1
        self._descriptor = self._disk.create(self.path(self._last))
        self._end, self.active = 0, self._last

    def _cut_back(self) -> None:
        """To what counts; a segment that cannot be cut is left as it is, and not appended to."""
        assert self._descriptor is not None  # noqa: S101 - for mypy: someone has just written by it
        try:
            self._disk.cut(self._descriptor, self._end)
        except OSError:
            self.close()

    def _abandon(self) -> None:
        with contextlib.suppress(OSError):
            self._cut_back()
        self.close()

    # ---- what is there

    def numbers(self) -> list[int]:
        """Of all segments, rising."""
        return sorted(int(path.stem) for path in self._folder.glob(f"*{_SUFFIX}") if path.stem.isdecimal())

    def path(self, number: int) -> Path:
        """Of a segment, whether it is there or not."""
        return self._folder / f"{number:010}{_SUFFIX}"

    def size_bytes(self, number: int) -> int:
        """Of a segment's file, holes included; 0 if it is gone."""
        try:
            return self.path(number).stat().st_size
        except FileNotFoundError:
            return 0

    def allocated_bytes(self, number: int) -> int:
        """What a segment takes of the disk."""
        try:
            return self.path(number).stat().st_blocks * _SECTOR_BYTES
        except FileNotFoundError:
            return 0

    def read(self, place: Place, size_bytes: int | None = None) -> bytes:
        """A frame's bytes, or the first of them; fewer where the file ends."""
        wanted = place.size_bytes if size_bytes is None else size_bytes
        descriptor = os.open(self.path(place.segment), os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(descriptor, wanted, place.offset)
        finally:
            os.close(descriptor)

    # ---- freeing

    def free(self, places: Iterable[Place]) -> None:
        """Give back the blocks that lie wholly in these frames; neighbours count as one."""
        if not self.punches:
            return
        ranges: dict[int, list[list[int]]] = {}
        for place in sorted(places):
            known = ranges.setdefault(place.segment, [])
            end = place.offset + padded(place.size_bytes)
            if known and known[-1][1] == place.offset:
                known[-1][1] = end
            else:
                known.append([place.offset, end])
        for segment, parts in ranges.items():
            self._punch(segment, parts)

    def _punch(self, segment: int, parts: list[list[int]]) -> None:
        try:
            descriptor = os.open(self.path(segment), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            for start, end in parts:
                offset, size_bytes = whole_blocks(start, end - start)
                if size_bytes and not self._disk.punch(descriptor, offset, size_bytes):
                    self.punches = False
                    return
        finally:
            os.close(descriptor)

    def remove(self, number: int) -> None:
        """Remove a segment that nothing counts in."""
        self._disk.remove(self.path(number))

    def cut(self, number: int, size_bytes: int) -> None:
        """Let a segment that nobody appends to end there."""
        if self.size_bytes(number) <= size_bytes:
            return
        descriptor = os.open(self.path(number), os.O_RDWR | os.O_CLOEXEC)
        try:
            self._disk.cut(descriptor, size_bytes)
        finally:
            os.close(descriptor)
