"""One thread appends, thins and compacts while another seals, reads and commits: each input ends in one place."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from roost_edge.spool.disk import Disk
from roost_edge.spool.errors import EntryGoneError
from roost_edge.spool.interface import SealLimits
from roost_edge.spool.limits import SpoolLimits
from roost_edge.spool.store import Spool
from roost_shared.clock import SECOND
from roost_shared.records import DroppedRecord, decode_record
from tests.support.spool_work import all_batches, identify, new_entry, payload_of, sweep

INPUTS = 1500
LIMITS = SpoolLimits(quota_bytes=600_000, reserve_bytes=0, segment_bytes=100_000, sealed_share=0.3)


class NoHoles(Disk):
    """Compaction has more to do where none can be punched."""

    def punch(self, descriptor: int, offset: int, size_bytes: int) -> bool:  # noqa: ARG002 - as the real one
        return False


class Uploader(threading.Thread):
    """Uploads whatever there is until it is told to stop, then the rest."""

    def __init__(self, spool: Spool) -> None:
        super().__init__()
        self._spool = spool
        self._told = threading.Event()
        self.uploaded: list[str] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        reader = self._spool.reader()
        try:
            while not self._told.is_set():
                shard = reader.seal(SealLimits(entries=20, flush=True), identify)
                if shard is None:
                    self._told.wait(0.001)
                    continue
                again = reader.entries_of(shard.shard)
                assert again is not None
                assert identify(again.task, again.entries) == shard.shard
                for entry in shard.entries:
                    assert reader.read(entry).payload == payload_of(entry.sample)
                if len(shard.entries) % 3:
                    reader.committed(shard.shard)
                    self.uploaded += [entry.sample for entry in shard.entries]
                else:
                    reader.dissolve(shard.shard)
        except (AssertionError, EntryGoneError) as failure:
            self.failure = failure
        finally:
            reader.close()

    def stop(self) -> None:
        self._told.set()
        self.join()


@pytest.mark.parametrize("disk", [Disk, NoHoles])
def test_no_input_is_lost_or_doubled_between_two_threads(tmp_path: Path, disk: Callable[[], Disk]) -> None:
    spool = Spool(tmp_path / "spool", "boot", LIMITS, 0, disk())
    uploader = Uploader(spool)
    uploader.start()
    kept = []
    for number in range(0, INPUTS, 5):
        new = [new_entry(f"boot-{number + n}", priority=n % 2, task="door" if n == 4 else "meter") for n in range(5)]
        kept += [outcome.sample for outcome in spool.append(new, now_ns=number * SECOND) if outcome.kept]
        if number % 50 == 0:
            spool.tick(number * SECOND)
    uploader.stop()
    assert uploader.failure is None
    counts = spool.describe()
    spool.close()
    spool = Spool(tmp_path / "spool", "judge", SpoolLimits(reserve_bytes=0, sealed_share=100.0), 0)
    assert spool.describe()["entries"] == counts["entries"]
    left = [entry.sample for entry, _, _ in sweep(spool)]
    assert sum(counts["entries"].values()) == len(left)
    records = [decode_record(record) for batch in all_batches(spool) for record in batch.records]
    dropped = [name for record in records if isinstance(record, DroppedRecord) for name in record.samples]
    assert sorted([*left, *dropped, *uploader.uploaded]) == sorted(kept)
    assert len(uploader.uploaded) > 50
    assert spool.describe()["outbox_bytes"] == 0
    spool.close()
