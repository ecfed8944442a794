"""Inputs as a shard holds them, made up."""

import hashlib
import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from roost_shared.answers import make_answer
from roost_shared.records import SampleRecord, encode_record
from roost_shared.shards import Member, ShardEntry, ShardList, TarLayout, encode_metadata, list_entry

__all__ = ["ShardInput", "make_input", "shard_of", "tar_of"]
