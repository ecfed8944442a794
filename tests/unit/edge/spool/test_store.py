"""The spool keeps what it says it keeps, within its limits, and says what became of the rest."""

import ast
import errno
import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
import pytest

import roost_edge.spool
from roost_edge.spool.disk import Disk
from roost_edge.spool.errors import EntryGoneError, SpoolBusyError, SpoolUnwritableError
from roost_edge.spool.interface import NewEntry, Note, SealLimits
from roost_edge.spool.limits import LIST_GRACE_S, SpoolLimits
from roost_edge.spool.store import Spool
from roost_shared.clock import SECOND
from roost_shared.records import DroppedRecord, decode_record, encode_record
from tests.support.spool_work import all_batches, identify, new_entry, payload_of, record_of, sweep

Open = Callable[..., Spool]
DAY_NS = 24 * 3600 * SECOND
TEN_YEARS_NS = 10 * 365 * DAY_NS


def sized(sample: str, size_bytes: int, **settings: object) -> NewEntry:
    """An entry with a payload of this size."""
    payload = sample.encode().ljust(size_bytes, b".")
    return msgspec.structs.replace(
        new_entry(sample), payload=payload, sha256=hashlib.sha256(payload).digest(), **settings
    )


def redelivered(entry: NewEntry, sample: str) -> NewEntry:
    """The same input as a later boot offers it."""
    return msgspec.structs.replace(entry, sample=sample, record=record_of(sample), redelivered=True)


def samples(spool: Spool) -> list[str]:
    return [entry.sample for entry, _, _ in sweep(spool)]


def records(spool: Spool) -> list[object]:
    return [decode_record(record) for batch in all_batches(spool) for record in batch.records]


def told(spool: Spool) -> dict[str, str]:
    """What the outbox says was dropped, and why."""
    return {
        name: record.reason
        for record in records(spool)
        if isinstance(record, DroppedRecord)
        for name in record.samples
    }


def test_what_is_kept_is_there_after_a_restart_with_its_record(open_spool: Open) -> None:
    names = ["boot-1", "boot-2", "boot-3"]
    outcomes = open_spool().append([new_entry(name) for name in names], now_ns=0)
    assert [(outcome.sample, outcome.kept) for outcome in outcomes] == [(name, True) for name in names]
    again = open_spool("later")
    assert [(e.sample, record, payload) for e, record, payload in sweep(again)] == [
        (name, record_of(name), payload_of(name)) for name in names
    ]
    (batch,) = all_batches(again)
    assert (batch.boot, batch.first, batch.oldest) == ("boot", 1, 1)
    assert batch.records == [record_of(name) for name in names]


def test_an_input_offered_twice_is_kept_once(open_spool: Open) -> None:
    spool = open_spool()
    assert all(outcome.kept for outcome in spool.append([new_entry("boot-1"), new_entry("boot-1")], now_ns=0))
    assert all(outcome.kept for outcome in spool.append([new_entry("boot-1")], now_ns=0))
    assert samples(spool) == ["boot-1"]
    assert spool.describe()["kept"] == 1


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sample": "a.b"}, "name"),
        ({"sample": "a/b"}, "name"),
        ({"sample": ""}, "name"),
        ({"probability": 0.0}, "probability"),
        ({"probability": 1.5}, "probability"),
        ({"priority": -1}, "priority"),
        ({"payload": b"other"}, "not what was received"),
        ({"record": b"none"}, "record"),
        ({"record": record_of("boot-9")}, "record"),
    ],
)
def test_what_cannot_be_an_entry_is_refused_and_the_others_are_kept(
    open_spool: Open, changes: dict[str, object], problem: str
) -> None:
    spool = open_spool()
    bad = msgspec.structs.replace(new_entry("boot-2"), **changes)
    outcomes = spool.append([new_entry("boot-1"), bad, new_entry("boot-3")], now_ns=0)
    assert [outcome.kept for outcome in outcomes] == [True, False, True]
    assert outcomes[1].error is not None
    assert outcomes[1].error.code == "spool.entry_invalid"
    assert problem in outcomes[1].error.message
    assert spool.describe()["refused"] == {"spool.entry_invalid": 1}


def test_another_input_by_a_name_that_is_kept_is_refused(open_spool: Open) -> None:
    spool = open_spool()
    other = sized("boot-1", 50)
    assert [outcome.kept for outcome in spool.append([new_entry("boot-1"), other], now_ns=0)] == [True, False]
    assert [outcome.kept for outcome in spool.append([other], now_ns=0)] == [False]


# ---- redelivered


def test_an_input_that_an_earlier_boot_kept_is_recognised_once_for_each_time_it_was_kept(open_spool: Open) -> None:
    alike = [sized(f"old-{number}", 30, correlation=b"7") for number in range(2)]
    alike = [msgspec.structs.replace(entry, payload=b"same", sha256=sha256(b"same")) for entry in alike]
    open_spool("old").append(alike, now_ns=0)
    spool = open_spool("new")
    again = [redelivered(alike[0], f"new-{number}") for number in range(3)]
    outcomes = spool.append(again, now_ns=0)
    assert [outcome.same_as for outcome in outcomes] == ["old-0", "old-1", None]
    assert all(outcome.kept for outcome in outcomes)
    assert samples(spool) == ["old-0", "old-1", "new-2"]
    assert spool.describe()["matched"] == 2


@pytest.mark.parametrize("changes", [{"task": "door"}, {"correlation": b"8"}, {"redelivered": False}])
def test_an_input_that_differs_or_is_not_redelivered_is_new(open_spool: Open, changes: dict[str, object]) -> None:
    old = sized("old-1", 30, correlation=b"7")
    open_spool("old").append([old], now_ns=0)
    spool = open_spool("new")
    again = msgspec.structs.replace(redelivered(old, "new-1"), **changes)
    assert [outcome.same_as for outcome in spool.append([again], now_ns=0)] == [None]
    assert len(samples(spool)) == 2


def test_a_boot_does_not_recognise_its_own_inputs(open_spool: Open) -> None:
    spool = open_spool("new")
    spool.append([sized("new-1", 30)], now_ns=0)
    again = redelivered(sized("new-1", 30), "new-2")
    assert [outcome.same_as for outcome in spool.append([again], now_ns=0)] == [None]


def test_an_input_is_recognised_after_the_cloud_has_it(open_spool: Open) -> None:
    spool = open_spool("old")
    spool.append([sized("old-1", 30)], now_ns=0)
    reader = spool.reader()
    shard = reader.seal(SealLimits(flush=True), identify)
    assert shard is not None
    reader.committed(shard.shard)
    reader.close()
    spool = open_spool("new")
    again = redelivered(sized("old-1", 30), "new-1")
    assert [outcome.same_as for outcome in spool.append([again], now_ns=0)] == ["old-1"]
    assert samples(spool) == []


# ---- room


def test_a_full_spool_thins_its_lowest_class_and_lowers_the_probability_of_what_stays(open_spool: Open) -> None:
    spool = open_spool(quota_bytes=200_000)
    precious = [sized(f"p-{number}", 2000, priority=1, probability=1.0) for number in range(20)]
    assert all(outcome.kept for outcome in spool.append(precious, now_ns=0))
    for number in range(400):
        (outcome,) = spool.append([sized(f"b-{number}", 2000, priority=0)], now_ns=0)
        assert outcome.kept
    kept = {entry.sample: entry.probability for entry, _, _ in sweep(spool)}
    assert {name: kept[name] for name in kept if name.startswith("p")} == {entry.sample: 1.0 for entry in precious}
    assert spool.describe()["entry_bytes"] <= 200_000
    dropped = told(spool)
    assert set(dropped.values()) == {"thinned"}
    assert {f"b-{number}" for number in range(400)} == {name for name in kept if name.startswith("b")} | set(dropped)
    assert min(kept.values()) < 0.5


def test_what_is_worth_less_makes_no_room_for_itself_and_is_refused(open_spool: Open) -> None:
    spool = open_spool(quota_bytes=50_000)
    spool.append([sized(f"p-{number}", 9000, priority=2) for number in range(5)], now_ns=0)
    (outcome,) = spool.append([sized("b-1", 9000, priority=0)], now_ns=0)
    assert outcome.error is not None
    assert outcome.error.code == "spool.full"
    assert len(samples(spool)) == 5


def test_what_is_beyond_thinning_goes_oldest_first(open_spool: Open) -> None:
    spool = open_spool(quota_bytes=50_000)
    rare = [sized(f"r-{number}", 9000, probability=0.00015) for number in range(8)]
    for entry in rare:
        assert spool.append([entry], now_ns=0)[0].kept
    dropped = told(spool)
    assert set(dropped.values()) == {"quota"}
    left = samples(spool)
    assert left == [entry.sample for entry in rare][-len(left) :]


def test_estimates_over_thinned_spools_are_unbiased_and_scatter_as_they_say(tmp_path: Path) -> None:
    """Seeded: the same coins at every run of this test."""
    offered, errors, expected = 600, [], []
    for seed in range(20):
        limits = SpoolLimits(quota_bytes=100_000, reserve_bytes=0)
        spool = Spool(tmp_path / str(seed), "boot", limits, 0)
        spool._connection.execute("UPDATE state SET round = ?", (1000 * seed,))
        for start in range(0, offered, 50):
            spool.append([sized(f"b-{start + number}", 200, probability=1.0) for number in range(50)], now_ns=0)
        weights = [1 / entry.probability for entry, _, _ in sweep(spool)]
        assert len(weights) < offered / 4
        older = weights[: len(weights) // 3]
        assert max(older) <= 2 * min(older)  # however often those received before have been tossed for
        errors.append(sum(weights) - offered)
        expected.append(sum(weight * (weight - 1) for weight in weights))  # Horvitz and Thompson's own variance
        spool.close()
    assert abs(sum(errors)) < 3 * sum(expected) ** 0.5
    assert 0.4 < sum(error**2 for error in errors) / sum(expected) < 2


def test_an_input_that_is_delivered_boot_after_boot_is_kept_once(open_spool: Open) -> None:
    """Each time the agent dies before its acknowledgement gets to the broker, be it behind another's."""
    entry = new_entry("b1-1")
    assert open_spool("b1").append([entry], now_ns=0)[0].kept
    for boot in ("b2", "b3", "b4"):
        again = redelivered(entry, f"{boot}-1")
        (outcome,) = open_spool(boot).append([again], now_ns=0)
        assert outcome.same_as == "b1-1"
        spool = open_spool(boot)  # the process died before it said so, and is asked again
        assert spool.append([again], now_ns=0)[0].kept
        (other,) = spool.append([redelivered(entry, f"{boot}-2")], now_ns=0)
        assert other.same_as == (None if boot == "b2" else "b2-2"), "two equal inputs are two"
    assert samples(open_spool("b5")) == ["b1-1", "b2-2"]


def test_a_raised_input_outlives_those_it_was_among(open_spool: Open) -> None:
    spool = open_spool(quota_bytes=100_000)
    spool.append([sized("b-first", 2000)], now_ns=0)
    spool.raise_priority("b-first", 3)
    spool.raise_priority("b-unknown", 3)
    for number in range(200):
        spool.append([sized(f"b-{number}", 2000)], now_ns=0)
    kept = {entry.sample: entry for entry, _, _ in sweep(spool)}
    assert (kept["b-first"].priority, kept["b-first"].probability) == (3, 0.5)


def test_a_raised_input_may_stand_for_fewer_and_thinning_before_still_counts(open_spool: Open) -> None:
    spool = open_spool()
    spool.append([sized(f"b-{number}", 200, probability=0.25) for number in range(3)], now_ns=0)
    spool._connection.execute("UPDATE entry SET probability = 0.125 WHERE sample = 'b-1'")  # as a round leaves it
    for sample in ("b-0", "b-1"):
        spool.raise_priority(sample, 2, 4.0)
    spool.append([sized("b-4", 200, probability=0.25)], now_ns=0)
    kept = {entry.sample: entry.probability for entry, _, _ in sweep(spool)}
    assert kept == {"b-0": 1.0, "b-1": 0.5, "b-2": 0.25, "b-4": 0.25}


def test_disk_space_is_given_back_at_once(open_spool: Open, tmp_path: Path) -> None:
    spool = open_spool(quota_bytes=400_000, segment_bytes=4 << 20)
    for number in range(100):
        spool.append([sized(f"b-{number}", 20_000)], now_ns=0)
    (segment,) = (tmp_path / "spool" / "segments").iterdir()
    if spool._segments.punches:
        assert segment.stat().st_blocks * 512 < 700_000
        assert segment.stat().st_size > 1_000_000
    assert len(samples(spool)) > 3


class NoHoles(Disk):
    """As file systems without holes are."""

    def punch(self, descriptor: int, offset: int, size_bytes: int) -> bool:  # noqa: ARG002 - as the real one
        return False


def test_where_no_holes_can_be_punched_segments_are_compacted(open_spool: Open, tmp_path: Path) -> None:
    spool = open_spool(quota_bytes=1 << 20, segment_bytes=1 << 20, disk=NoHoles())
    kept_always = [sized(f"p-{number}", 5000, priority=1) for number in range(20)]
    for entry in kept_always:
        spool.append([entry, *(sized(f"b-{entry.sample}-{n}", 20_000) for n in range(15))], now_ns=0)
    for _ in range(8):
        spool.tick(0)
    taken = sum(path.stat().st_size for path in (tmp_path / "spool" / "segments").iterdir())
    assert taken < 4 << 20
    assert spool.describe()["compacted"] > 0
    assert {entry.sample for entry in kept_always} <= set(samples(spool))
    assert {entry.sample for entry in kept_always} <= set(samples(open_spool("again")))


class Interrupted(Disk):
    """The other thread does something right after a write."""

    meanwhile: Callable[[], object] | None = None

    def sync(self, descriptor: int) -> None:
        super().sync(descriptor)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()


def test_what_goes_while_it_is_being_moved_stays_gone(open_spool: Open) -> None:
    disk = Interrupted()
    spool = open_spool("b1", disk=disk, segment_bytes=1 << 20)
    spool._segments.punches = False
    spool.append([sized(f"b1-{number}", 200_000, task="door") for number in range(10)] + [sized("b1-x", 30)], now_ns=0)
    spool.append([sized("b1-y", 30)], now_ns=0)  # in a segment of its own
    reader = spool.reader()
    big = reader.seal(SealLimits(flush=True), identify, [f"b1-{number}" for number in range(10)])
    moved = reader.seal(SealLimits(flush=True), identify, ["b1-x"])
    assert big is not None
    assert moved is not None
    reader.committed(big.shard)
    disk.meanwhile = partial(reader.committed, moved.shard)
    spool.tick(3 * DAY_NS)
    reader.close()
    assert spool.describe()["compacted"] == 1
    assert samples(open_spool("b2")) == ["b1-y"]


class Narrow(Disk):
    """A disk that others fill."""

    free = 1 << 30

    def free_bytes(self, folder: Path) -> int:  # noqa: ARG002 - as the real one
        return self.free


def test_the_reserve_is_kept_whoever_fills_the_disk(open_spool: Open) -> None:
    disk = Narrow()
    spool = open_spool(disk=disk, reserve_bytes=1 << 20)
    spool.append([sized(f"b-{number}", 20_000) for number in range(40)], now_ns=0)
    disk.free = (1 << 20) - 100_000
    spool.tick(0)
    assert 0 < len(samples(spool)) < 40
    (outcome,) = spool.append([sized("b-new", 2_000_000)], now_ns=0)
    assert outcome.error is not None
    assert outcome.error.code == "spool.full"


# ---- time


def test_an_input_is_dropped_when_it_is_too_old(open_spool: Open) -> None:
    spool = open_spool(age_s=100)
    spool.append([new_entry("boot-1")], now_ns=0)
    spool.append([new_entry("boot-2")], now_ns=90 * SECOND)
    spool.tick(150 * SECOND)
    assert samples(spool) == ["boot-2"]
    assert told(spool) == {"boot-1": "retention"}
    assert spool.describe()["dropped"] == {"retention": 1}


def test_a_list_that_never_arrives_is_dropped_too_a_day_later(open_spool: Open) -> None:
    """It can be neither thinned nor sealed anew, and whoever promises to forget after a while means that as well."""
    spool = open_spool(age_s=100)
    spool.append([new_entry("boot-1"), new_entry("boot-2")], now_ns=0)
    reader = spool.reader()
    sealed = reader.seal(SealLimits(flush=True), identify)
    assert sealed is not None
    spool.tick((100 + LIST_GRACE_S) * SECOND)
    assert reader.shards() == [sealed.shard]
    spool.tick((101 + LIST_GRACE_S) * SECOND)
    assert reader.shards() == []
    with pytest.raises(EntryGoneError):  # by which an uploader in the middle of it learns that
        reader.read(sealed.entries[0])
    reader.committed(sealed.shard)
    reader.dissolve(sealed.shard)
    assert told(spool) == {"boot-1": "retention", "boot-2": "retention"}
    figures = spool.describe()
    assert (figures["sealed_bytes"], figures["entry_bytes"], figures["dropped"]) == (0, 0, {"retention": 2})
    reader.close()


@pytest.mark.parametrize("restarted_at_ns", [0, 5 * SECOND, TEN_YEARS_NS])
def test_age_is_time_spent_running_whatever_the_clocks_say(open_spool: Open, restarted_at_ns: int) -> None:
    spool = open_spool("one", age_s=100, now_ns=1000 * SECOND)
    spool.append([new_entry("one-1")], now_ns=1000 * SECOND)
    spool.tick(1060 * SECOND)
    spool = open_spool("two", age_s=100, now_ns=restarted_at_ns)
    spool.tick(restarted_at_ns + 30 * SECOND)
    assert samples(spool) == ["one-1"]
    spool.tick(restarted_at_ns + 50 * SECOND)
    assert samples(spool) == []


def test_a_monotonic_clock_that_goes_back_ages_nothing(open_spool: Open) -> None:
    spool = open_spool(age_s=100, now_ns=TEN_YEARS_NS)
    spool.append([new_entry("boot-1")], now_ns=TEN_YEARS_NS)
    spool.tick(0)
    spool.tick(TEN_YEARS_NS)
    assert samples(spool) == ["boot-1"]


def test_no_part_of_the_spool_reads_a_clock() -> None:
    """Time comes in as an argument, by the monotonic clock: so no jump of a wall clock can delete anything."""
    for path in Path(next(iter(roost_edge.spool.__path__))).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            names |= {node.module} if isinstance(node, ast.ImportFrom) and node.module else set()
            assert not names & {"time", "datetime"}, path


# ---- the outbox


def test_records_of_the_base_rate_make_way_first_and_leave_no_gap(open_spool: Open) -> None:
    spool = open_spool(outbox_bytes=100_000)
    base, other = record_of("boot-1"), encode_record(DroppedRecord(samples=["x"] * 100, reason="thinned"))
    for _ in range(200):
        spool.note([Note(record=base, base_rate=True), Note(record=other)], now_ns=0)
    assert spool.describe()["outbox_bytes"] <= 100_000
    batches = all_batches(spool)
    assert [batch.first for batch in batches] == [
        1 + sum(len(batch.records) for batch in batches[:number]) for number in range(len(batches))
    ]
    assert sum(record == other for batch in batches for record in batch.records) == 200
    assert spool.describe()["outbox_thinned"] > 0
    assert spool.describe()["outbox_lost"] == 0


def test_beyond_that_the_oldest_are_lost_counted_and_told_by_where_the_rest_begins(open_spool: Open) -> None:
    spool = open_spool(outbox_bytes=10_000)
    for number in range(50):
        spool.note([Note(record=str(number).encode().ljust(1000))], now_ns=0)
    lost = spool.describe()["outbox_lost"]
    batches = all_batches(spool)
    assert batches[0].first == batches[0].oldest == lost + 1
    assert [int(record) for batch in batches for record in batch.records] == list(range(lost, 50))


def test_a_watermark_beyond_what_was_written_covers_no_future_record(open_spool: Open) -> None:
    spool = open_spool()
    spool.note([Note(record=b"1")], now_ns=0)
    spool.watermark("boot", 1000, 0)
    spool.watermark("nobody", 1000, 0)
    spool.note([Note(record=b"2")], now_ns=0)
    assert [(batch.first, batch.records) for batch in all_batches(spool)] == [(2, [b"2"])]


def test_a_note_that_comes_again_is_kept_once_over_a_restart_and_after_it_was_covered(open_spool: Open) -> None:
    spool = open_spool()
    first, second, third = (Note(record=b"%d" % number, number=number) for number in (3, 7, 8))
    spool.note([first, second], now_ns=0)
    spool = open_spool()
    spool.note([first, second, third], now_ns=0)
    spool.watermark("boot", 3, 0)
    spool.note([third, Note(record=b"any"), Note(record=b"any")], now_ns=0)
    assert [(batch.first, batch.records) for batch in all_batches(spool)] == [(4, [b"any", b"any"])]


def test_a_record_stays_when_its_entry_goes_first(open_spool: Open) -> None:
    spool = open_spool()
    spool.append([new_entry("boot-1"), new_entry("boot-2")], now_ns=0)
    reader = spool.reader()
    shard = reader.seal(SealLimits(flush=True), identify)
    assert shard is not None
    reader.committed(shard.shard)
    reader.close()
    assert [batch.records for batch in all_batches(open_spool("later"))] == [
        [record_of("boot-1"), record_of("boot-2")]
    ]


# ---- failures


class Failing(Disk):
    """Refuses one kind of call while told to."""

    def __init__(self) -> None:
        self.fails: str | None = None

    def create(self, path: Path) -> int:
        self._may_fail("create")
        return super().create(path)

    def write(self, descriptor: int, pieces: Sequence[bytes | memoryview], offset: int) -> None:
        if self.fails == "write":
            super().write(descriptor, [b"half of it"], offset)
        self._may_fail("write")
        super().write(descriptor, pieces, offset)

    def sync(self, descriptor: int) -> None:
        self._may_fail("sync")
        super().sync(descriptor)

    def cut(self, descriptor: int, size_bytes: int) -> None:
        self._may_fail("cut")
        super().cut(descriptor, size_bytes)

    def _may_fail(self, what: str) -> None:
        if self.fails == what:
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("what", ["create", "write", "sync"])
def test_what_the_disk_refuses_is_refused_and_counted_and_the_next_is_kept(open_spool: Open, what: str) -> None:
    disk = Failing()
    spool = open_spool(disk=disk)
    if what != "create":
        assert spool.append([new_entry("boot-1")], now_ns=0)[0].kept
    disk.fails = what
    (outcome,) = spool.append([new_entry("boot-2")], [Note(record=b"lost")], now_ns=0)
    assert outcome.error is not None
    assert outcome.error.code == "spool.unwritable"
    assert "No space left" in outcome.error.message
    disk.fails = None
    assert spool.append([new_entry("boot-3")], now_ns=0)[0].kept
    expected = ["boot-3"] if what == "create" else ["boot-1", "boot-3"]
    assert samples(spool) == expected
    counts = spool.describe()
    assert (counts["refused"], counts["outbox_lost"]) == ({"spool.unwritable": 1}, 1)
    assert samples(open_spool("later")) == expected


def test_a_segment_whose_fsync_failed_is_never_appended_to_again(open_spool: Open, tmp_path: Path) -> None:
    disk = Failing()
    spool = open_spool(disk=disk)
    spool.append([new_entry("boot-1")], now_ns=0)
    segments = tmp_path / "spool" / "segments"
    (first,) = segments.iterdir()
    size_bytes = first.stat().st_size
    disk.fails = "sync"
    spool.append([new_entry("boot-2")], now_ns=0)
    disk.fails = None
    spool.append([new_entry("boot-3")], now_ns=0)
    assert first.stat().st_size == size_bytes
    assert len(list(segments.iterdir())) == 2


def test_the_number_of_a_segment_that_all_has_gone_from_never_comes_again(open_spool: Open, tmp_path: Path) -> None:
    spool = open_spool("b1")
    spool.append([sized("b1-1", 30)], now_ns=0)
    reader = spool.reader()
    shard = reader.seal(SealLimits(flush=True), identify)
    assert shard is not None
    reader.committed(shard.shard)
    reader.close()
    open_spool("b2")
    assert list((tmp_path / "spool" / "segments").iterdir()) == []
    open_spool("b3").append([sized("b3-1", 30)], now_ns=0)
    assert [path.stem for path in (tmp_path / "spool" / "segments").iterdir()] == ["0000000002"]


def test_a_second_spool_on_one_folder_is_refused_and_the_first_goes_on(open_spool: Open, tmp_path: Path) -> None:
    spool = open_spool()
    with pytest.raises(SpoolBusyError):
        Spool(tmp_path / "spool", "other", SpoolLimits(), 0)
    assert spool.append([new_entry("boot-1")], now_ns=0)[0].kept


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(SpoolUnwritableError, match="spool"):
        Spool(tmp_path / "spool", "boot", SpoolLimits(), 0)


def sha256(payload: bytes) -> bytes:
    return hashlib.sha256(payload).digest()
