"""A shard's tar, byte by byte: where each file lies is known from the list alone, before an input is read.

The tar is ustar. Each member is a header of a block, its bytes, and zeros up to the next block; two blocks of zeros
end it. Nothing in it depends on when or where it is made.

    layout = TarLayout(shard)
    layout.size_bytes, layout.members[0].offset
    for piece in layout.stream(0, 8 << 20, read): ...   # the first 8 MiB, made of what `read(member)` gives
"""

import tarfile
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, NamedTuple

from roost_shared.shards.listing import ShardEntry, ShardList

__all__ = ["BLOCK_BYTES", "END_BYTES", "Member", "TarLayout"]

BLOCK_BYTES: Final = 512
END_BYTES: Final = 2 * BLOCK_BYTES
_MODE: Final = 0o644
_MTIME: Final = 315532800  # 1980-01-01 in UTC: plain tar finds nothing earlier plausible

_SIZE, _CHECKSUM = slice(124, 135), slice(148, 156)  # fields of a header

_Piece = tuple[int, int, Callable[[], bytes]]  # offset, size in bytes, and what makes it


class Member(NamedTuple):
    """A file in the tar."""

    entry: ShardEntry
    is_metadata: bool
    """Of the entry: its JSON, or else the input."""
    name: str
    size_bytes: int
    sha256: str
    """Hex."""
    offset: int
    """Of its bytes in the tar, behind its header."""


class TarLayout:
    """Where everything lies in a shard's tar.

    Args:
        shard: the list.

    Attributes:
        members: in order: each entry's input, and then its JSON.
        size_bytes: of the tar.
    """

    def __init__(self, shard: ShardList) -> None:
        members: list[Member] = []
        offset = 0
        for entry in shard.entries:
            for is_metadata, name, size_bytes, sha256 in _files(entry):
                members.append(Member(entry, is_metadata, name, size_bytes, sha256, offset + BLOCK_BYTES))
                offset += _member_bytes(size_bytes)
        self.members = tuple(members)
        self.size_bytes = offset + END_BYTES
        self._offsets = [member.offset for member in members]

    def stream(self, start: int, stop: int, read: Callable[[Member], bytes]) -> Iterator[memoryview]:
        """The tar's bytes from `start` to before `stop`, piece by piece.

        Args:
            start: an offset in the tar, at least 0.
            stop: an offset in the tar; what lies behind its end is not there.
            read: gives a member's bytes, all of them; asked once for each that is needed, in order.
        """
        for offset, size_bytes, make in self._pieces(start, read):
            if offset >= stop:
                return
            if offset + size_bytes > start:
                yield memoryview(make())[max(start - offset, 0) : stop - offset]

    def _pieces(self, start: int, read: Callable[[Member], bytes]) -> Iterator[_Piece]:
        """What the tar is made of, from the member on in which `start` lies, or the one before."""
        first = max(bisect_right(self._offsets, start) - 1, 0)
        for member in self.members[first:]:
            yield member.offset - BLOCK_BYTES, BLOCK_BYTES, partial(tar_header, member)
            if member.size_bytes:
                yield member.offset, member.size_bytes, partial(read, member)
            padding_bytes = -member.size_bytes % BLOCK_BYTES
            if padding_bytes:
                yield member.offset + member.size_bytes, padding_bytes, partial(bytes, padding_bytes)
        yield self.size_bytes - END_BYTES, END_BYTES, partial(bytes, END_BYTES)


def tar_header(member: Member) -> bytes:
    """A member's header: Python's own, of which all but three fields are made once, for it takes long."""
    name, size = member.name.encode("ascii"), b"%011o" % member.size_bytes
    header = bytearray(_BLANK_HEADER)
    header[: len(name)] = name
    header[_SIZE] = size
    header[_CHECKSUM] = b"%06o\0 " % (_BLANK_SUM + sum(name) + sum(size))
    return bytes(header)


def _blank_header() -> bytes:
    info = tarfile.TarInfo()
    info.mode, info.mtime = _MODE, _MTIME
    header = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    header[_SIZE] = bytes(11)
    header[_CHECKSUM] = b" " * 8  # as it is counted itself
    return bytes(header)


_BLANK_HEADER: Final = _blank_header()
_BLANK_SUM: Final = sum(_BLANK_HEADER)


def _files(entry: ShardEntry) -> tuple[tuple[bool, str, int, str], ...]:
    return (
        (False, f"{entry.sample}.{entry.suffix}", entry.size_bytes, entry.sha256),
        (True, f"{entry.sample}.json", entry.metadata_bytes, entry.metadata_sha256),
    )


def _member_bytes(size_bytes: int) -> int:
    return BLOCK_BYTES + size_bytes + -size_bytes % BLOCK_BYTES
