"""Inputs as a shard holds them, made up, and what a shard of them has to be."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from roost_shared.messages import Answer
from roost_shared.records import InputInfo, SampleRecord, encode_record
from roost_shared.shards import Member, ShardEntry, ShardList, TarLayout, encode_metadata, list_entry, shard_id

__all__ = ["JPEG", "ShardInput", "make_input", "member_reader", "opening_of", "shard_of", "tar_of"]

JPEG = b"\xff\xd8\xff\xe0"  # how one begins


@dataclass(frozen=True)
class ShardInput:
    """A kept input."""

    sample: str
    payload: bytes
    record: bytes
    probability: float = 1.0
    content_type: str | None = None

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.payload).digest()

    @property
    def entry(self) -> ShardEntry:
        return list_entry(
            sample=self.sample,
            start=self.payload[:12],
            content_type=self.content_type,
            size_bytes=len(self.payload),
            sha256=self.sha256.hex(),
            record=self.record,
            probability=self.probability,
        )


def make_input(
    sample: str, payload: bytes, *, task: str = "meter", probability: float = 1.0, content_type: str | None = None
) -> ShardInput:
    """An input with the record of a default answer."""
    answer = Answer(
        id=sample,
        task=task,
        label="7",
        confidence=0.875,
        top=[("7", 0.875)],
        output=None,
        contestant="primary",
        bundle="meter:1@sha256:00",
        reason="preferred",
        deadline_met=True,
        elapsed_ms=2.5,
        candidates=[],
        received_at="2026-11-24T12:00:00.000+00:00",
    )
    sha256 = hashlib.sha256(payload).hexdigest()
    info = InputInfo(sha256=sha256, size_bytes=len(payload), content_type=content_type)
    record = SampleRecord(sample=sample, answer=answer, kept_for=["base_rate"], probability=1.0, input=info)
    return ShardInput(sample, payload, encode_record(record), probability, content_type)


def shard_of(inputs: Sequence[ShardInput], task: str = "meter") -> ShardList:
    return ShardList(task=task, entries=[one.entry for one in inputs])


def member_reader(inputs: Sequence[ShardInput]) -> Callable[[Member], bytes]:
    """What a layout asks for a member's bytes."""
    known = {one.sample: one for one in inputs}

    def read(member: Member) -> bytes:
        one = known[member.entry.sample]
        return encode_metadata(one.record, one.probability) if member.is_metadata else one.payload

    return read


def opening_of(inputs: Sequence[ShardInput], task: str = "meter") -> dict[str, Any]:
    """What a device sends to open its shard."""
    shard = shard_of(inputs, task)
    entries = msgspec.to_builtins(shard.entries)
    return {
        "shard": shard_id(shard),
        "task": task,
        "size_bytes": TarLayout(shard).size_bytes,
        "entries": entries,
    }


def tar_of(inputs: Sequence[ShardInput], task: str = "meter") -> bytes:
    """The whole tar."""
    layout = TarLayout(shard_of(inputs, task))
    return b"".join(layout.stream(0, layout.size_bytes, member_reader(inputs)))
