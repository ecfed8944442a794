"""A spool in memory, as the uploader sees one, with the faults that a disk's has."""

import hashlib
from collections.abc import Sequence

from roost_edge.spool.errors import EntryDamagedError, EntryGoneError
from roost_edge.spool.interface import Entry, Identify, SealLimits, ShardList, Stored
from tests.support.shard_inputs import ShardInput

__all__ = ["MemorySpool"]


class MemorySpool:
    """A `SpoolReader` of one task's inputs.

    Attributes:
        forgotten: shards that were said to be committed, as often as that was said.
        damaged: samples whose bytes are not what they were.
    """

    def __init__(self, inputs: Sequence[ShardInput] = (), task: str = "meter") -> None:
        self.task = task
        self.forgotten: list[str] = []
        self.damaged: set[str] = set()
        self._inputs: dict[str, ShardInput] = {}
        self._sealed: dict[str, list[Entry]] = {}
        self.add(*inputs)

    def add(self, *inputs: ShardInput) -> None:
        self._inputs |= {one.sample: one for one in inputs}

    def drop(self, sample: str) -> None:
        del self._inputs[sample]

    @property
    def samples(self) -> list[str]:
        """What is still here."""
        return list(self._inputs)

    def holds_any(self) -> bool:
        return bool(self._inputs)

    def seal(self, limits: SealLimits, identify: Identify, wanted: Sequence[str] | None = None) -> ShardList | None:
        sealed = {entry.sample for entries in self._sealed.values() for entry in entries}
        free = [self._entry(sample) for sample in self._inputs if sample not in sealed]
        free = [entry for entry in free if wanted is None or entry.sample in wanted]
        due = wanted is not None or limits.flush or limits.age_s == 0 or len(free) >= limits.entries
        if not free or not due:
            return None
        entries = free[: limits.entries]
        shard = identify(self.task, entries)
        self._sealed[shard] = entries
        return ShardList(shard=shard, task=self.task, entries=entries)

    def shards(self, wanted: Sequence[str] | None = None) -> list[str]:
        return [
            shard
            for shard, entries in self._sealed.items()
            if wanted is None or any(entry.sample in wanted for entry in entries)
        ]

    def entries_of(self, shard: str) -> ShardList | None:
        entries = self._sealed.get(shard)
        return None if entries is None else ShardList(shard=shard, task=self.task, entries=entries)

    def read(self, entry: Entry) -> Stored:
        found = self._find(entry)
        if entry.sample in self.damaged:
            self.drop(entry.sample)
            self._sealed = {shard: those for shard, those in self._sealed.items() if entry not in those}
            raise EntryDamagedError(f"{entry.sample} is not what it was")
        return Stored(found.record, found.payload)

    def read_record(self, entry: Entry) -> bytes:
        return self._find(entry).record

    def committed(self, shard: str) -> None:
        self.forgotten.append(shard)
        for entry in self._sealed.pop(shard, []):
            self._inputs.pop(entry.sample, None)

    def dissolve(self, shard: str) -> None:
        self._sealed.pop(shard, None)

    def close(self) -> None:
        """Nothing is open."""

    def _find(self, entry: Entry) -> ShardInput:
        if entry.sample not in self._inputs:
            raise EntryGoneError(f"{entry.sample} is gone")
        return self._inputs[entry.sample]

    def _entry(self, sample: str) -> Entry:
        one = self._inputs[sample]
        return Entry(
            id=list(self._inputs).index(sample),
            sample=sample,
            task=self.task,
            priority=0,
            probability=one.probability,
            record_bytes=len(one.record),
            payload_bytes=len(one.payload),
            sha256=hashlib.sha256(one.payload).digest(),
            content_type=one.content_type,
            start=one.payload[:12],
            age_s=0,
        )
