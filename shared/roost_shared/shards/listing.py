r"""A shard's list: which inputs are in it, in which order, and by which digests they are known again.

A shard's id is the digest of its list, so one list is one shard, whoever sends it and however often.

>>> entry = list_entry(
...     sample="b-1", start=b"[1]", content_type=None, size_bytes=3, sha256=64 * "0", record=b"\x80", probability=1.0
... )
>>> shard = ShardList(task="meter", entries=[entry])
>>> decode_list(encode_list(shard)) == shard
True
"""

import hashlib
from collections.abc import Iterable
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from roost_shared.messages import SCHEMA_VERSION, decode_json, encode_json
from roost_shared.shards.errors import ShardListError
from roost_shared.shards.media import Suffix, suffix_of
from roost_shared.shards.metadata import encode_metadata
from roost_shared.topics import NAME

__all__ = [
    "MAX_ENTRIES",
    "MAX_MEMBER_BYTES",
    "SAMPLE",
    "SHA256",
    "ShardEntry",
    "ShardList",
    "decode_list",
    "encode_list",
    "list_entry",
    "shard_id",
]

MAX_ENTRIES: Final = 4096
MAX_MEMBER_BYTES: Final = 1 << 30  # of one file in a shard; inputs have far less
SAMPLE: Final = "^[a-z0-9][a-z0-9_-]{0,84}$"  # no dot: WebDataset takes what follows the first as the suffix
SHA256: Final = "^[0-9a-f]{64}$"

_Size = Annotated[int, Meta(ge=0, le=MAX_MEMBER_BYTES)]
_Sha256 = Annotated[str, Meta(pattern=SHA256)]


class ShardEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An input in a shard.

    Attributes:
        sample: names it within the device.
        suffix: of the input's file.
        size_bytes: of the input.
        sha256: of the input, hex.
        metadata_bytes: size of its JSON.
        metadata_sha256: of its JSON, hex.
        probability: with which it was kept in the end.
    """

    sample: Annotated[str, Meta(pattern=SAMPLE)]
    suffix: Suffix
    size_bytes: _Size
    sha256: _Sha256
    metadata_bytes: _Size
    metadata_sha256: _Sha256
    probability: Annotated[float, Meta(gt=0, le=1)]


class ShardList(msgspec.Struct, frozen=True, kw_only=True):
    """All of a shard, of one device and task."""

    schema_version: int = SCHEMA_VERSION
    task: Annotated[str, Meta(pattern=f"^{NAME.pattern}$")]
    entries: Annotated[list[ShardEntry], Meta(min_length=1, max_length=MAX_ENTRIES)]


def list_entry(
    *,
    sample: str,
    start: bytes,
    content_type: str | None,
    size_bytes: int,
    sha256: str,
    record: bytes,
    probability: float,
) -> ShardEntry:
    """An input as its shard lists it.

    Args:
        sample: names it within the device.
        start: its first bytes, `magic.MAGIC_BYTES` at least where it has as many.
        content_type: as its sender said.
        size_bytes: of the input.
        sha256: of the input, hex.
        record: its sample record, as `records.encode_record` made it.
        probability: with which it was kept in the end.

    Raises:
        MessageError: the record is none.
    """
    metadata = encode_metadata(record, probability)
    return ShardEntry(
        sample=sample,
        suffix=suffix_of(start, content_type),
        size_bytes=size_bytes,
        sha256=sha256,
        metadata_bytes=len(metadata),
        metadata_sha256=hashlib.sha256(metadata).hexdigest(),
        probability=probability,
    )


def encode_list(shard: ShardList) -> bytes:
    """The list's canonical bytes.

    Raises:
        ShardListError: an input is in it twice.
    """
    _check_distinct(entry.sample for entry in shard.entries)
    return encode_json(shard)


def decode_list(data: bytes) -> ShardList:
    """The list in `data`.

    Raises:
        MessageError: it is none.
        ShardListError: an input is in it twice.
    """
    shard = decode_json(data, ShardList)
    _check_distinct(entry.sample for entry in shard.entries)
    return shard


def shard_id(shard: ShardList) -> str:
    """The shard's id: sha256 of its canonical bytes, hex.

    Raises:
        ShardListError: as `encode_list`.
    """
    return hashlib.sha256(encode_list(shard)).hexdigest()


def _check_distinct(samples: Iterable[str]) -> None:
    seen: set[str] = set()
    for sample in samples:
        if sample in seen:
            raise ShardListError(f"the sample {sample!r} is listed twice")
        seen.add(sample)
