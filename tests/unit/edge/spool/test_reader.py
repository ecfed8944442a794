"""Lists for shards: sealed once, the same after a restart, gone when the cloud has them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from roost_edge.spool.compaction import compact
from roost_edge.spool.errors import EntryDamagedError, EntryGoneError, SpoolUnreadableError
from roost_edge.spool.interface import Entry, SealLimits, ShardList
from roost_edge.spool.store import Spool
from roost_shared.clock import SECOND
from roost_shared.records import DroppedRecord, decode_record
from tests.support.spool_work import all_batches, identify, new_entry, payload_of, record_of, sweep

Open = Callable[..., Spool]
FLUSH = SealLimits(flush=True)


def names(shard: ShardList | None) -> list[str]:
    assert shard is not None
    return [entry.sample for entry in shard.entries]


def filled(open_spool: Open, count: int = 6, **limits: float) -> Spool:
    spool = open_spool(**limits)
    new = [new_entry(f"boot-{number}", task="meter" if number % 3 else "door") for number in range(count)]
    assert all(outcome.kept for outcome in spool.append(new, now_ns=0))
    return spool


def test_a_list_is_of_one_task_in_order_of_receipt_the_longest_waiting_first(open_spool: Open) -> None:
    reader = filled(open_spool).reader()
    first, second = reader.seal(FLUSH, identify), reader.seal(FLUSH, identify)
    assert names(first) == ["boot-0", "boot-3"]
    assert names(second) == ["boot-1", "boot-2", "boot-4", "boot-5"]
    assert reader.seal(FLUSH, identify) is None
    reader.close()


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (SealLimits(), None),
        (SealLimits(entries=4), ["boot-1", "boot-2", "boot-4", "boot-5"]),
        (SealLimits(entries=2), ["boot-0", "boot-3"]),
        (SealLimits(size_bytes=1), ["boot-0"]),
        (SealLimits(age_s=60), ["boot-0", "boot-3"]),
        (SealLimits(age_s=61), None),
    ],
)
def test_a_list_is_due_when_it_is_full_or_old_enough(
    open_spool: Open, limits: SealLimits, expected: list[str] | None
) -> None:
    spool = filled(open_spool)
    spool.tick(60 * SECOND)
    reader = spool.reader()
    shard = reader.seal(limits, identify)
    assert (None if shard is None else names(shard)) == expected
    reader.close()


def test_what_is_wanted_is_listed_before_what_is_due_and_its_lists_are_found(open_spool: Open) -> None:
    spool = filled(open_spool)
    reader = spool.reader()
    assert reader.holds_any()
    wanted = ["boot-5", "gone-1", "boot-4", "boot-3"]
    first = reader.seal(SealLimits(), identify, wanted)
    assert names(first) == ["boot-3"]  # one task at a time, in order of receipt
    second = reader.seal(SealLimits(), identify, wanted)
    assert names(second) == ["boot-4", "boot-5"]
    assert reader.seal(FLUSH, identify, wanted) is None
    assert first is not None
    assert second is not None
    third = reader.seal(FLUSH, identify)
    assert names(third) == ["boot-0"]
    assert reader.shards(["boot-5", "gone-1"]) == [second.shard]
    assert reader.shards(["boot-3", "boot-4"]) == [first.shard, second.shard]
    assert reader.shards([]) == []
    assert len(reader.shards()) == 3
    reader.close()


def test_a_spool_without_entries_says_so(open_spool: Open) -> None:
    reader = open_spool().reader()
    assert not reader.holds_any()
    assert reader.seal(FLUSH, identify, ["boot-1"]) is None
    reader.close()


def test_a_list_comes_due_by_time_alone(open_spool: Open) -> None:
    """Nothing more comes, and the next `tick` is a minute away."""
    spool = filled(open_spool)
    reader = spool.reader()
    assert reader.seal(SealLimits(age_s=5), identify) is None
    spool.pass_time(5 * SECOND)
    assert names(reader.seal(SealLimits(age_s=5), identify)) == ["boot-0", "boot-3"]
    reader.close()


def test_a_list_is_the_same_after_a_restart(open_spool: Open) -> None:
    reader = filled(open_spool).reader()
    sealed = reader.seal(FLUSH, identify)
    reader.close()
    assert sealed is not None
    reader = open_spool("later").reader()
    assert reader.shards() == [sealed.shard]
    again = reader.entries_of(sealed.shard)
    assert again == sealed
    assert identify(again.task, again.entries) == sealed.shard
    assert [reader.read(entry).payload for entry in again.entries] == [payload_of(name) for name in names(sealed)]
    assert [reader.read_record(entry) for entry in again.entries] == [
        record_of(e.sample, "door") for e in again.entries
    ]
    reader.close()


def test_a_committed_list_is_gone_and_its_space_with_it(open_spool: Open, tmp_path: Path) -> None:
    spool = filled(open_spool)
    reader = spool.reader()
    sealed = [reader.seal(FLUSH, identify), reader.seal(FLUSH, identify)]
    for shard in sealed:
        assert shard is not None
        reader.committed(shard.shard)
        reader.committed(shard.shard)
        assert reader.entries_of(shard.shard) is None
        with pytest.raises(EntryGoneError):
            reader.read(shard.entries[0])
    assert reader.shards() == []
    reader.close()
    assert spool.describe() | {"entries": {}, "entry_bytes": 0, "committed": 6} == spool.describe()
    open_spool("later")
    assert list((tmp_path / "spool" / "segments").iterdir()) == []


def test_a_dissolved_list_may_be_sealed_anew(open_spool: Open) -> None:
    reader = filled(open_spool).reader()
    sealed = reader.seal(FLUSH, identify)
    assert sealed is not None
    for _ in range(2):
        reader.dissolve(sealed.shard)
    assert reader.shards() == []
    assert reader.seal(FLUSH, identify) == sealed
    reader.close()


def test_what_is_sealed_is_not_thinned_and_holds_at_most_its_share(open_spool: Open) -> None:
    spool = filled(open_spool, count=20, quota_bytes=200_000, sealed_share=0.0001)
    reader = spool.reader()
    limits = SealLimits(flush=True, size_bytes=25_000)
    sealed = reader.seal(limits, identify)
    assert sealed is not None
    assert reader.seal(limits, identify) is None
    spool.tick(0)
    for number in range(60):
        spool.append([new_entry(f"more-{number}")], now_ns=0)
    assert reader.entries_of(sealed.shard) == sealed
    assert [reader.read(entry).payload for entry in sealed.entries] == [payload_of(name) for name in names(sealed)]
    reader.close()


def test_a_list_that_was_thinned_while_it_was_named_is_made_anew(open_spool: Open) -> None:
    spool = filled(open_spool)
    reader = spool.reader()
    seen: list[list[str]] = []

    def slow(task: str, entries: Sequence[Entry]) -> str:
        seen.append([entry.sample for entry in entries])
        if len(seen) == 1:
            spool._room.make(1)
        return identify(task, entries)

    sealed = reader.seal(FLUSH, slow)
    assert len(seen) >= 2
    assert sealed is not None
    assert {entry.probability for entry in sealed.entries} <= {0.5**number for number in range(2, 8)}
    reader.close()


@pytest.mark.parametrize("part", ["record", "payload", "cut"])
def test_a_damaged_entry_is_never_served_but_dropped_counted_and_told_and_its_list_dissolved(
    open_spool: Open, tmp_path: Path, part: str
) -> None:
    spool = filled(open_spool)
    reader = spool.reader()
    sealed = reader.seal(FLUSH, identify)
    assert sealed is not None
    (segment,) = (tmp_path / "spool" / "segments").iterdir()
    content = segment.read_bytes()
    at = content.index({"record": record_of("boot-3", "door"), "payload": payload_of("boot-3")}.get(part, b"RsF1"))
    with segment.open("r+b") as file:
        if part == "cut":
            file.truncate(10)
        else:
            file.seek(at)
            file.write(b"\0")
    with pytest.raises(EntryDamagedError):
        [reader.read(entry) for entry in sealed.entries]
    assert reader.shards() == []
    assert spool.describe()["dropped"] == {"damaged": 1}
    with pytest.raises(EntryGoneError):
        [reader.read(entry) for entry in sealed.entries]
    reader.close()

    records = [decode_record(record) for batch in all_batches(spool) for record in batch.records]
    told = [record.samples for record in records if isinstance(record, DroppedRecord) and record.samples]
    assert told == [["boot-0"]] if part == "cut" else [["boot-3"]]


def test_an_entry_that_the_index_has_under_another_task_is_damaged(open_spool: Open) -> None:
    """One byte that a card changed within a sound page: it would have gone to the other task's shards."""
    spool = filled(open_spool)
    spool._connection.execute("UPDATE entry SET task = 'dooR' WHERE sample = 'boot-3'")
    reader = spool.reader()
    served = []
    while (sealed := reader.seal(FLUSH, identify)) is not None:
        try:
            served += [(reader.read(entry), entry.task) for entry in sealed.entries]
        except EntryDamagedError:
            continue
    assert "dooR" not in [task for _, task in served]
    assert spool.describe()["dropped"] == {"damaged": 1}
    reader.close()


def test_a_read_that_fails_for_other_reasons_drops_nothing(open_spool: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = filled(open_spool)
    reader = spool.reader()
    sealed = reader.seal(FLUSH, identify)
    assert sealed is not None

    def no_descriptors(*_: object) -> bytes:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(spool._segments, "read", no_descriptors)
        with pytest.raises(SpoolUnreadableError):
            reader.read(sealed.entries[0])
    assert reader.read(sealed.entries[0]).payload == payload_of("boot-0")
    reader.close()


def test_an_entry_is_found_where_compaction_has_moved_it(open_spool: Open) -> None:
    spool = filled(open_spool, segment_bytes=1)
    spool.append([new_entry("boot-next")], now_ns=0)
    reader = spool.reader()
    sealed = reader.seal(FLUSH, identify)
    assert sealed is not None
    compact(spool._connection, spool._segments, spool._tally, 1)
    spool._segments.remove(1)
    assert [reader.read(entry).payload for entry in sealed.entries] == [payload_of(name) for name in names(sealed)]
    reader.close()
    assert len(list(sweep(open_spool("later")))) == 7
