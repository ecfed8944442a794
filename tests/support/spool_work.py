"""A spool at work, and what must hold of it however it ended.

The work writes a line of its log before it relies on anything, and after it was promised anything; whoever looks at
the spool later holds it to that log. The payload of a sample follows from its name.
"""

import contextlib
import hashlib
import os
import random
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from roost_edge.spool.disk import Disk
from roost_edge.spool.errors import SpoolError
from roost_edge.spool.interface import Entry, NewEntry, Note, SealLimits
from roost_edge.spool.limits import SpoolLimits
from roost_edge.spool.store import Spool
from roost_shared.clock import SECOND
from roost_shared.messages import Answer, MessageError
from roost_shared.records import (
    Batch,
    DroppedRecord,
    InputInfo,
    LateRecord,
    Record,
    SampleRecord,
    decode_record,
    encode_record,
)

__all__ = ["LIMITS", "Log", "all_batches", "check", "identify", "new_entry", "payload_of", "record_of", "sweep"]
__all__ += ["work"]

LIMITS = SpoolLimits(quota_bytes=100_000, reserve_bytes=0, outbox_bytes=1 << 20, segment_bytes=60_000)
STEP_NS = 20 * SECOND


def payload_of(sample: str) -> bytes:
    dice = random.Random(sample)
    return dice.randbytes(dice.choice([0, 10, 700, 5000, 9000, 20_000]))


def record_of(sample: str, task: str = "meter", probability: float = 0.5) -> bytes:
    payload = payload_of(sample)
    return encode_record(
        SampleRecord(
            sample=sample,
            kept_for=["base_rate"],
            probability=probability,
            input=InputInfo(sha256=hashlib.sha256(payload).hexdigest(), size_bytes=len(payload)),
            answer=Answer(
                id=sample,
                task=task,
                label="7",
                confidence=0.9,
                top=[],
                output=None,
                contestant="primary",
                bundle=None,
                reason="preferred",
                deadline_met=True,
                elapsed_ms=3.0,
                candidates=[],
                received_at="2026-11-30T12:00:00Z",
            ),
        )
    )


def new_entry(sample: str, *, task: str = "meter", priority: int = 0, probability: float = 0.5) -> NewEntry:
    payload = payload_of(sample)
    return NewEntry(
        sample=sample,
        task=task,
        priority=priority,
        probability=probability,
        record=record_of(sample, task, probability),
        payload=payload,
        sha256=hashlib.sha256(payload).digest(),
    )


def identify(task: str, entries: Sequence[Entry]) -> str:
    """As the shards' room does it, in short."""
    text = "\n".join([task, *(f"{entry.sample} {entry.sha256.hex()} {entry.probability}" for entry in entries)])
    return hashlib.sha256(text.encode()).hexdigest()


class Log:
    """Lines that outlive the process: what was promised, and what was about to be asked for."""

    def __init__(self, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._path = folder.with_name(f"{folder.name}.log")
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)

    def say(self, what: str, *names: object) -> None:
        os.write(self._descriptor, f"{what} {' '.join(map(str, names))}\n".encode())

    def close(self) -> None:
        os.close(self._descriptor)

    @staticmethod
    def read(folder: Path) -> list[list[str]]:
        return [line.split() for line in folder.with_name(f"{folder.name}.log").read_text().splitlines()]


def work(folder: Path, boot: str, *, steps: int, disk: Disk | None = None, tolerant: bool = False) -> None:
    """Some of everything, decided by the name of the boot.

    Args:
        folder: of the spool.
        boot: its name.
        steps: how many things to do.
        disk: what writes segments.
        tolerant: go on when the spool says that it cannot.
    """
    log = Log(folder)
    forgiven = contextlib.suppress(SpoolError) if tolerant else contextlib.nullcontext()
    with forgiven:
        spool = Spool(folder, boot, LIMITS, 0, disk)
        worker = _Worker(spool, boot, log)
        for _ in range(steps):
            with contextlib.suppress(SpoolError) if tolerant else contextlib.nullcontext():
                worker.step()
        worker.reader.close()
        spool.close()
    log.close()


class _Worker:
    def __init__(self, spool: Spool, boot: str, log: Log) -> None:
        self.spool = spool
        self.reader = spool.reader()
        self.boot = boot
        self.log = log
        self.dice = random.Random(boot)
        self.now_ns = 0
        self.count = 0
        spool.link_up(0)

    def step(self) -> None:
        self.now_ns += STEP_NS
        chance = self.dice.random()
        if chance < 0.6:
            self.append()
        elif chance < 0.7:
            self.spool.tick(self.now_ns)
        elif chance < 0.85:
            self.tell()
        else:
            self.upload()

    def append(self) -> None:
        dice = self.dice
        names = [f"{self.boot}-{self.count + number}" for number in range(dice.randint(1, 5))]
        self.count += len(names)
        self.log.say("offered", *names)
        task = dice.choice(["meter", "door"])
        new = [new_entry(name, task=task, priority=dice.choice([0, 0, 1])) for name in names]
        notes = [Note(record=_late(names[0]))] * dice.randint(0, 2)
        outcomes = self.spool.append(new, notes, now_ns=self.now_ns)
        self.log.say("kept", *(outcome.sample for outcome in outcomes if outcome.kept))

    def tell(self) -> None:
        batch = self.spool.next_batch(self.now_ns)
        if batch is None:
            return
        last = batch.first + len(batch.records) - 1
        for record in map(decode_record, batch.records):
            if isinstance(record, DroppedRecord):
                self.log.say("dropped", *record.samples)
        self.spool.watermark(batch.boot, last, self.now_ns)
        self.log.say("covered", batch.boot, last)

    def upload(self) -> None:
        limits = SealLimits(entries=4, flush=self.dice.random() < 0.5, age_s=100)
        sealed = self.reader.seal(limits, identify)
        if sealed is None:
            return
        chance = self.dice.random()
        if chance < 0.8:
            for entry in sealed.entries:
                assert self.reader.read(entry).payload == payload_of(entry.sample)
            names = [entry.sample for entry in sealed.entries]
            self.log.say("uploaded", *names)
            self.reader.committed(sealed.shard)
            self.log.say("committed", *names)
        elif chance < 0.9:
            self.reader.dissolve(sealed.shard)


def _late(sample: str) -> bytes:
    return encode_record(LateRecord(sample=sample, contestant="big", label="4", elapsed_ms=400.0))


def sweep(spool: Spool) -> Iterator[tuple[Entry, bytes, bytes]]:
    """Every entry that the spool serves, with record and payload."""
    reader = spool.reader()
    for name in reader.shards():
        reader.dissolve(name)
    sealed, seen = [], set[int]()
    unlimited = SealLimits(flush=True)
    while (shard := reader.seal(unlimited, identify)) is not None:
        sealed.append(shard.shard)
        for entry in shard.entries:
            try:
                stored = reader.read(entry)
            except SpoolError:
                continue  # the list is dissolved, and what is left of it comes again
            if entry.id in seen:
                continue
            seen.add(entry.id)
            yield entry, stored.record, stored.payload
    for name in sealed:
        reader.dissolve(name)
    reader.close()


def all_batches(spool: Spool) -> list[Batch]:
    """The whole outbox, as a cloud that covers everything gets it."""
    now_ns = 10**15
    spool.link_up(now_ns)
    batches = []
    while (batch := spool.next_batch(now_ns)) is not None:
        batches.append(batch)
        spool.watermark(batch.boot, batch.first + len(batch.records) - 1, now_ns)
    return batches


def check(
    folder: Path, lines: list[list[str]] | None = None, *, damaged: bool = False, gone: Collection[str] = ()
) -> dict[str, set[str]]:
    """Open the spool anew, and hold it to its log.

    Args:
        folder: of the spool.
        lines: of the log; None: as it is on the disk.
        damaged: bytes were taken from it behind its back. Then the index may have been made anew, with what the disk
            still had of entries that were gone, and without what only the index knew.
        gone: what had been dropped before that.

    Returns:
        The names by what became of them: `present`, `dropped`, `kept`.
    """
    said = _by_word(Log.read(folder) if lines is None else lines)
    spool = Spool(folder, "judge", SpoolLimits(sealed_share=100.0, reserve_bytes=0), 0)
    served = Counter[str]()
    for entry, record, payload in sweep(spool):
        assert payload == payload_of(entry.sample)
        assert record == record_of(entry.sample, entry.task)
        served[entry.sample] += 1
    batches = all_batches(spool)
    spool.close()
    records = [record for batch in batches for record in _readable(batch, damaged=damaged)]
    dropped = {name for record in records if isinstance(record, DroppedRecord) for name in record.samples}
    dropped |= said["dropped"]
    assert set(served.values()) <= {1}
    assert set(served) <= said["offered"]
    assert said["kept"] <= {*served, *dropped, *said["uploaded"], *gone}
    if not damaged:
        assert not set(served) & (dropped | said["committed"])
        assert "damaged" not in {record.reason for record in records if isinstance(record, DroppedRecord)}
        _check_sequences(batches, said)
    return {"present": set(served), "dropped": dropped, "kept": said["kept"]}


def _readable(batch: Batch, *, damaged: bool) -> Iterator[Record]:
    for data in batch.records:
        with contextlib.suppress(MessageError) if damaged else contextlib.nullcontext():
            yield decode_record(data)


def _by_word(lines: list[list[str]]) -> dict[str, set[str]]:
    said: dict[str, set[str]] = {word: set() for word in ("offered", "kept", "uploaded", "committed", "dropped")}
    for word, *names in lines:
        if word in said:
            said[word] |= set(names)
    said["covered"] = {f"{line[1]} {line[2]}" for line in lines if line[0] == "covered"}
    return said


def _check_sequences(batches: list[Batch], said: dict[str, set[str]]) -> None:
    """From what was covered on, without a gap but at the front, where `oldest` tells of it."""
    covered: dict[str, int] = {}
    for line in said["covered"]:
        boot, sequence = line.split()
        covered[boot] = max(covered.get(boot, 0), int(sequence))
    for batch in batches:
        expected = covered.get(batch.boot, 0) + 1
        assert batch.first in {expected, batch.oldest}
        covered[batch.boot] = batch.first + len(batch.records) - 1
