"""Shards: kept inputs of one device and task in a tar, as WebDataset and plain `tar` read it.

A shard is its list (`listing`), committed by the device before a byte is sent. Its tar (`tar_layout`) is a pure
function of the list and the inputs: it is made while it is sent, never stored on the device, and whatever is asked
for again is the same again. Each input is two files: `{sample}.jpg` as received, and `{sample}.json`, its record with
the probability it was kept with and the weight that makes up for it (`metadata`); `media` knows the endings. What came
is held against its list by `tar_check`.

Not here: what gets into a shard and when (the device's spool), and what becomes of it (the cloud).
"""

from roost_shared.shards.errors import ShardListError, WrongBytesError
from roost_shared.shards.listing import (
    MAX_ENTRIES,
    ShardEntry,
    ShardList,
    decode_list,
    encode_list,
    list_entry,
    shard_id,
)
from roost_shared.shards.media import Suffix, media_type, suffix_of
from roost_shared.shards.metadata import encode_metadata
from roost_shared.shards.tar_check import check_tar
from roost_shared.shards.tar_layout import Member, TarLayout

__all__ = [
    "MAX_ENTRIES",
    "Member",
    "ShardEntry",
    "ShardList",
    "ShardListError",
    "Suffix",
    "TarLayout",
    "WrongBytesError",
    "check_tar",
    "decode_list",
    "encode_list",
    "encode_metadata",
    "list_entry",
    "media_type",
    "shard_id",
    "suffix_of",
]
