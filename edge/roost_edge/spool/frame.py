"""One entry as a segment holds it: record and payload together, with what it takes to rebuild a lost index.

    magic  head_bytes  record_bytes  payload_bytes  crc32   head  record  payload   zeros up to a multiple of 8
    4      4           4             4              4       …     …       …

The CRC is of sizes, head and record; the payload has its SHA-256 in the head. All numbers are little-endian.
"""

import hashlib
import struct
import zlib
from typing import Final

import msgspec

from roost_edge.spool.interface import NewEntry, Stored
from roost_shared.messages import UNREADABLE

__all__ = ["ALIGNMENT", "FIXED_BYTES", "MAGIC", "Frame", "FrameError", "Head", "open_frame", "open_record"]
__all__ += ["make_frame", "padded"]

MAGIC: Final = b"RsF1"
ALIGNMENT: Final = 8
_SIZES: Final = struct.Struct("<4sIII")
_CRC: Final = struct.Struct("<I")
FIXED_BYTES: Final = _SIZES.size + _CRC.size


class FrameError(Exception):
    """The bytes are no frame, or not the one they were."""


class Head(msgspec.Struct, frozen=True, array_like=True):
    """What is known of an entry when it is written."""

    sample: str
    task: str
    priority: int
    probability: float
    sha256: bytes
    content_type: str | None
    digest: bytes  # see `dedupe`


class Frame(msgspec.Struct, frozen=True):
    """A frame in pieces, so that the payload is not copied."""

    pieces: tuple[bytes, bytes, bytes, bytes | memoryview, bytes]
    size_bytes: int  # without the padding

    @property
    def padded_bytes(self) -> int:
        """With it."""
        return padded(self.size_bytes)


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Head] = msgspec.msgpack.Decoder(Head)


def padded(size_bytes: int) -> int:
    """The bytes that a frame of this size takes.

    >>> padded(16), padded(17)
    (16, 24)
    """
    return -(-size_bytes // ALIGNMENT) * ALIGNMENT


def make_frame(entry: NewEntry, digest: bytes) -> Frame:
    """The frame of an entry."""
    head = _encoder.encode(
        Head(
            entry.sample,
            entry.task,
            entry.priority,
            entry.probability,
            entry.sha256,
            entry.content_type,
            digest,
        )
    )
    sizes = _SIZES.pack(MAGIC, len(head), len(entry.record), len(entry.payload))
    fixed = sizes + _CRC.pack(zlib.crc32(entry.record, zlib.crc32(head, zlib.crc32(sizes))))
    size_bytes = FIXED_BYTES + len(head) + len(entry.record) + len(entry.payload)
    return Frame((fixed, head, entry.record, entry.payload, bytes(padded(size_bytes) - size_bytes)), size_bytes)


def frame_bytes(start: bytes | memoryview) -> int:
    """The size of the frame that begins so, by its own account.

    Raises:
        FrameError: none does.
    """
    magic, head_bytes, record_bytes, payload_bytes, _ = _fixed(start)
    if magic != MAGIC:
        raise FrameError("no frame begins here")
    return FIXED_BYTES + head_bytes + record_bytes + payload_bytes


def open_record(data: bytes | memoryview) -> tuple[Head, bytes]:
    """Head and record of a frame; its payload need not be there.

    Raises:
        FrameError: it is damaged.
    """
    magic, head_bytes, record_bytes, _, crc = _fixed(data)
    rest = data[FIXED_BYTES : FIXED_BYTES + head_bytes + record_bytes]
    if magic != MAGIC or len(rest) != head_bytes + record_bytes or _crc(data, rest) != crc:
        raise FrameError("head and record are not what was written")
    try:
        return _decoder.decode(rest[:head_bytes]), bytes(rest[head_bytes:])
    except UNREADABLE as error:
        raise FrameError(f"head: {error}") from error


def open_frame(data: bytes | memoryview) -> tuple[Head, Stored]:
    """A whole frame, checked.

    Raises:
        FrameError: it is damaged.
    """
    head, record = open_record(data)
    payload = bytes(data[frame_bytes(data) - _fixed(data)[3] : frame_bytes(data)])
    if hashlib.sha256(payload).digest() != head.sha256:
        raise FrameError("the payload is not what was written")
    return head, Stored(record, payload)


def _crc(data: bytes | memoryview, rest: bytes | memoryview) -> int:
    return zlib.crc32(rest, zlib.crc32(data[: _SIZES.size]))


def _fixed(data: bytes | memoryview) -> tuple[bytes, int, int, int, int]:
    try:
        return *_SIZES.unpack_from(data), *_CRC.unpack_from(data, _SIZES.size)
    except struct.error as error:
        raise FrameError("it ends too early") from error
