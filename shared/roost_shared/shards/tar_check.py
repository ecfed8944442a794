"""Whether a tar is what its list promises: every member's name, size and digest, in one reading."""

import hashlib
import tarfile
from typing import Final, Protocol

from roost_shared.shards.errors import WrongBytesError
from roost_shared.shards.tar_layout import BLOCK_BYTES, END_BYTES, Member, TarLayout

__all__ = ["check_tar"]

_READ_BYTES: Final = 1 << 20  # at a time


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


def check_tar(stream: _Stream, layout: TarLayout) -> None:
    """Read a shard's tar, and believe nothing.

    Raises:
        WrongBytesError: it is another one; says where.
    """
    for member in layout.members:
        _check_header(_exactly(stream, BLOCK_BYTES, member.name), member)
        _check_data(stream, member)
        _exactly(stream, -member.size_bytes % BLOCK_BYTES, member.name)
    if any(_exactly(stream, END_BYTES, "")) or stream.read(1):
        raise WrongBytesError("", "more follows than zeros")


def _check_header(header: bytes, member: Member) -> None:
    try:
        info = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError) as error:
        raise WrongBytesError(member.name, f"where its header was expected is none: {error}") from error
    if not info.isreg() or info.name != member.name:
        raise WrongBytesError(member.name, f"in its place is {info.name[:100]!r}")
    if info.size != member.size_bytes:
        raise WrongBytesError(member.name, f"it has {info.size} bytes, and {member.size_bytes} were promised")


def _check_data(stream: _Stream, member: Member) -> None:
    digest = hashlib.sha256()
    left_bytes = member.size_bytes
    while left_bytes:
        data = _some(stream, min(left_bytes, _READ_BYTES), member.name)
        digest.update(data)
        left_bytes -= len(data)
    if digest.hexdigest() != member.sha256:
        raise WrongBytesError(member.name, "its bytes have another digest than was promised")


def _exactly(stream: _Stream, size_bytes: int, name: str) -> bytes:
    data = bytearray()
    while len(data) < size_bytes:
        data += _some(stream, size_bytes - len(data), name)
    return bytes(data)


def _some(stream: _Stream, size_bytes: int, name: str) -> bytes:
    data = stream.read(size_bytes)
    if not data:
        raise WrongBytesError(name, "the tar ends there")
    return data
