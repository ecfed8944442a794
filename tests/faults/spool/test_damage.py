"""Files cut short or changed at random, as a failing card does: nothing wrong is served, and what can be saved is."""

import hashlib
import os
import random
import shutil
import signal
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from roost_cloud.ingest.batches import read_batch
from roost_edge.spool.errors import SpoolIndexError
from roost_edge.spool.interface import NewEntry, Note, SealLimits
from roost_edge.spool.limits import SpoolLimits
from roost_edge.spool.store import Spool
from roost_shared.clock import SECOND
from roost_shared.records import DroppedRecord, decode_record, encode_msgpack, encode_record
from tests.support.spool_work import LIMITS, Log, all_batches, check, identify, new_entry, record_of, sweep, work

AMPLE = SpoolLimits(reserve_bytes=0)
DAY_NS = 86_400 * SECOND
BOOTS = ["b5", "b12", "b13"]


@pytest.fixture(scope="module")
def worn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spool that has seen some boots, and its log; for copying."""
    folder = tmp_path_factory.mktemp("worn")
    for boot in BOOTS:
        work(folder / "spool", boot, steps=14)
    return folder


def copied(worn: Path, target: Path) -> Path:
    shutil.copytree(worn, target, dirs_exist_ok=True)
    return target / "spool"


def redelivered(entry: NewEntry, sample: str) -> NewEntry:
    """The same input as a later boot offers it."""
    return msgspec.structs.replace(entry, sample=sample, record=record_of(sample), redelivered=True)


def cut_short(path: Path, dice: random.Random) -> None:
    with path.open("r+b") as file:
        file.truncate(dice.randint(0, max(0, path.stat().st_size - 1)))


def change_bytes(path: Path, dice: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(dice.choice([1, 5, 100])):
        content[dice.randrange(len(content))] ^= dice.randint(1, 255)
    path.write_bytes(content)


def overwrite_a_block(path: Path, dice: random.Random) -> None:
    content = bytearray(path.read_bytes())
    start = dice.randrange(0, len(content), 512)
    content[start : start + 4096] = dice.randbytes(len(content[start : start + 4096]))
    path.write_bytes(content)


Damage = Callable[[Path, random.Random], None]
DAMAGES: list[Damage] = [cut_short, change_bytes, overwrite_a_block]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("seed", range(8))
def test_damaged_segments_cost_only_what_was_in_them_and_it_is_told(
    worn: Path, quick_path: Path, damage: Damage, seed: int
) -> None:
    dice = random.Random(f"{damage.__name__} {seed}")
    folder = copied(worn, quick_path)
    damage(dice.choice(sorted((folder / "segments").iterdir())), dice)
    check(folder, damaged=True)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_index_is_made_anew_from_segments(worn: Path, quick_path: Path, damage: Damage, seed: int) -> None:
    before = check(copied(worn, quick_path / "before"))
    folder = copied(worn, quick_path / "after")
    damage(folder / "index.db", random.Random(f"{damage.__name__} {seed}"))
    after = check(folder, damaged=True, gone=before["dropped"])
    assert before["present"] <= after["present"] | after["dropped"]


def test_a_lost_index_is_made_anew_and_its_records_have_a_boot_of_their_own(worn: Path, tmp_path: Path) -> None:
    before = check(copied(worn, tmp_path / "before"))
    folder = copied(worn, tmp_path / "after")
    for path in folder.glob("index.db*"):
        path.unlink()
    spool = Spool(folder, "b13", LIMITS, 0)
    assert spool.describe()["rebuilt"] >= len(before["present"])
    spool.link_up(0)
    batch = spool.next_batch(0)
    assert batch is not None
    assert batch.boot.startswith("b13_")
    assert read_batch("acme", "cam-01", encode_msgpack(batch), datetime.now(UTC)).batch == batch, "the cloud takes it"
    assert batch.first == 1
    spool.close()
    again = Spool(folder, "b14", LIMITS, 0)
    assert again.describe()["rebuilt"] == 0
    again.close()
    assert before["present"] <= check(folder, damaged=True, gone=before["dropped"])["present"]


def test_no_sequence_comes_twice_in_a_boot_that_lost_its_index_and_starts_again(tmp_path: Path) -> None:
    """The cloud would take what is told anew for what it has, and cover it unread."""
    note = Note(record=encode_record(DroppedRecord(samples=[], reason="quota")))
    told: list[tuple[str, int]] = []
    for loss in (False, False, True, False, True, False, False):
        if loss:
            (tmp_path / "spool" / "index.db").write_bytes(b"")
        spool = Spool(tmp_path / "spool", "b1", LIMITS, 0)  # the process, again in the same boot of the agent
        spool.note([note], now_ns=0)
        spool.link_up(0)
        batch = spool.next_batch(0)
        assert batch is not None
        told += [(batch.boot, batch.first + number) for number in range(len(batch.records))]
        spool.watermark(batch.boot, told[-1][1], 0)
        spool.close()
    assert len(set(told)) == len(told) == 7
    assert len({boot for boot, _ in told}) == 3


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_a_log_that_was_cut_short_costs_no_input(tmp_path: Path, share: float) -> None:
    """SQLite takes what is left of it for all there was."""
    names = [f"b1-{number}" for number in range(20)]
    child = os.fork()
    if not child:
        spool = Spool(tmp_path / "spool", "b1", AMPLE, 0)
        for name in names:
            spool.append([new_entry(name)], now_ns=0)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    log = tmp_path / "spool" / "index.db-wal"
    os.truncate(log, int(share * log.stat().st_size))
    spool = Spool(tmp_path / "spool", "b2", AMPLE, 0)
    assert [entry.sample for entry, _, _ in sweep(spool)] == names
    again = redelivered(new_entry(names[-1]), "b2-1")
    (outcome,) = spool.append([again], now_ns=0)
    assert outcome.same_as in names, "and it is known again if it comes again"
    spool.close()


def commit_all(spool: Spool) -> None:
    reader = spool.reader()
    sealed = reader.seal(SealLimits(flush=True), identify)
    assert sealed is not None
    reader.committed(sealed.shard)
    reader.close()


@pytest.mark.parametrize("days", [0, 3])
def test_what_is_gone_does_not_come_back_with_what_lies_behind(tmp_path: Path, days: int) -> None:
    """Nor once it is so long ago that a redelivery would not be recognised any more."""
    spool = Spool(tmp_path / "spool", "b1", AMPLE, 0)
    spool._segments.punches = False  # so that its bytes stay
    spool.append([new_entry("b1-1"), new_entry("b1-2")], now_ns=0)
    commit_all(spool)
    spool.tick(days * DAY_NS)
    spool.close()
    spool = Spool(tmp_path / "spool", "b2", AMPLE, 0)
    assert list(sweep(spool)) == []
    spool.close()


def test_what_is_told_to_be_dropped_does_not_come_back_days_later(tmp_path: Path) -> None:
    """Inputs smaller than a block: their bytes stay where they were, for no hole can free them."""
    limits = SpoolLimits(quota_bytes=40_000, reserve_bytes=0)
    names = [f"b1-{number}" for number in range(150)]
    spool = Spool(tmp_path / "spool", "b1", limits, 0)
    for name in names:
        payload = name.encode()
        small = msgspec.structs.replace(new_entry(name), payload=payload, sha256=hashlib.sha256(payload).digest())
        assert spool.append([small], now_ns=0)[0].kept
    spool._room.make(30_000)  # so that the last of them in the segment go too
    spool.tick(3 * DAY_NS)
    spool.close()
    spool = Spool(tmp_path / "spool", "b2", limits, 0)
    present = {entry.sample for entry, _, _ in sweep(spool)}
    records = [decode_record(record) for batch in all_batches(spool) for record in batch.records]
    dropped = {name for record in records if isinstance(record, DroppedRecord) for name in record.samples}
    spool.close()
    assert len(dropped) > 100
    assert not present & dropped
    assert present | dropped == set(names)


def test_a_log_that_was_cut_short_costs_no_input_and_brings_none_back(tmp_path: Path) -> None:
    names = [f"b1-{number}" for number in range(20)]
    child = os.fork()
    if not child:
        spool = Spool(tmp_path / "spool", "b1", AMPLE, 0)
        spool._segments.punches = False
        spool.append([new_entry(name) for name in names[:5]], now_ns=0)
        commit_all(spool)
        spool.tick(3 * DAY_NS)
        spool._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for name in names[5:]:
            spool.append([new_entry(name)], now_ns=3 * DAY_NS)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    os.truncate(tmp_path / "spool" / "index.db-wal", 0)
    spool = Spool(tmp_path / "spool", "b2", AMPLE, 0)
    assert [entry.sample for entry, _, _ in sweep(spool)] == names[5:]
    spool.close()


def test_an_index_of_the_first_version_is_taken_over_and_what_was_gone_stays_so(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", "b1", AMPLE, 0)
    spool._segments.punches = False
    spool.append([new_entry("b1-1")], now_ns=0)
    spool.append([new_entry("b1-2", task="door")], now_ns=0)
    commit_all(spool)
    spool.append([new_entry("b1-3")], now_ns=0)
    spool._connection.execute("DELETE FROM entry WHERE sample = 'b1-3'")  # as that version let it go
    spool._connection.execute("DROP TABLE high_water")
    spool._connection.execute("PRAGMA user_version = 1")
    spool.close()
    for boot in ("b2", "b3"):
        spool = Spool(tmp_path / "spool", boot, AMPLE, 0)
        assert [entry.sample for entry, _, _ in sweep(spool)] == ["b1-2"]
        spool.close()


def test_a_missing_segment_is_told_entry_by_entry(worn: Path, tmp_path: Path) -> None:
    before = check(copied(worn, tmp_path / "before"))
    folder = copied(worn, tmp_path / "after")
    for path in (folder / "segments").iterdir():
        path.unlink()
    after = check(folder, damaged=True)
    assert after["present"] == set()
    assert before["present"] <= after["dropped"]


def test_a_record_whose_entry_is_nowhere_is_told_to_be_lost_and_the_others_are_told(tmp_path: Path) -> None:
    """A changed number within a sound page: looked for until it comes, it would hold up all others for ever."""
    spool = Spool(tmp_path / "spool", "b1", AMPLE, 0)
    spool.append([new_entry("b1-1"), new_entry("b1-2")], now_ns=0)
    spool._connection.execute("UPDATE outbox SET entry = -49 WHERE sequence = 1")
    spool.link_up(0)
    batch = spool.next_batch(0)
    assert batch is not None
    assert list(map(decode_record, batch.records)) == [
        DroppedRecord(samples=[], reason="damaged"),
        decode_record(new_entry("b1-2").record),
    ]
    assert spool.describe()["records_damaged"] == 1
    spool.close()


def test_an_index_with_a_record_of_no_boot_is_made_anew(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", "b1", AMPLE, 0)
    spool.append([new_entry("b1-1"), new_entry("b1-2")], now_ns=0)
    spool._connection.execute("PRAGMA foreign_keys = OFF")
    spool._connection.execute("UPDATE outbox SET boot = 99 WHERE sequence = 1")
    spool.close()
    spool = Spool(tmp_path / "spool", "b2", AMPLE, 0)
    assert spool.describe()["rebuilt"] == 2
    assert len([record for batch in all_batches(spool) for record in batch.records]) == 2
    spool.close()


def test_an_index_of_a_newer_version_is_refused_and_left_alone(worn: Path, tmp_path: Path) -> None:
    folder = copied(worn, tmp_path)
    connection = sqlite3.connect(folder / "index.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(SpoolIndexError, match="upgrade"):
        Spool(folder, "b14", LIMITS, 0)
    assert Log.read(folder)
    assert not (folder / "index.damaged").exists()
