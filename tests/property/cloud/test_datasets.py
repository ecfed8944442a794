"""Laws of snapshots: nothing is in two parts, what judges is people's, the same pool gives the same snapshot."""

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from roost_cloud.datasets.choosing import FEWEST, Incumbent, Limits, choose
from roost_cloud.datasets.errors import TooFewLabelsError
from roost_cloud.datasets.pooled import Drawn, Pooled, Source, merge
from roost_cloud.datasets.snapshot import Part, Snapshot, World, encode_snapshot
from roost_cloud.datasets.splitting import SHARES, split
from roost_cloud.labels.queue import Seen, Waiting, draw

HOUR = timedelta(hours=1)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
INCUMBENT = Incumbent("sha256:" + 64 * "0", ("0", "1"))
LIMITS = Limits(labels_min=4, unlabelled_max=5, old_max=10, weight_max=4.0)


SOURCES: st.SearchStrategy[Source] = st.sampled_from(["person", "person", "person", "teacher", ""])
WORLDS: st.SearchStrategy[World] = st.sampled_from(["new", "new", "new", "old"])
DRAWN: st.SearchStrategy[Drawn] = st.sampled_from(["random", "chosen", ""])
PARTS: st.SearchStrategy[Part] = st.sampled_from(["train", "validation", "test"])


@st.composite
def pools(draw: st.DrawFn) -> list[Pooled]:
    devices = draw(st.integers(1, 12))
    pool = []
    for number in range(draw(st.integers(6, 40))):
        source = draw(SOURCES)
        world = draw(WORLDS) if source == "person" else "new"
        device = f"cam-{draw(st.integers(1, devices))}"
        pool.append(
            Pooled(
                sample=f"{device}/b-{number}",
                sha256=f"{draw(st.integers(0, 60)):064x}",
                media_type="image/png",
                size_bytes=9,
                world=world,
                label=draw(st.sampled_from(["0", "1", "2"])) if source else None,
                source=source,
                weight=draw(st.sampled_from([1.0, 2.0, 50.0])),
                device=device,
                at=NOON + timedelta(minutes=draw(st.integers(0, 100))),
                drawn=draw(DRAWN) if source == "person" else "",
            )
        )
    for number in range(draw(st.integers(0, 6))):
        sha256 = f"{50 + number:064x}"
        pool.append(Pooled(f"@reference/{sha256}", sha256, "image/png", 9, "old", "0", "reference", part=draw(PARTS)))
    return pool


def chosen(pool: list[Pooled]) -> Snapshot:
    try:
        return choose("meter", INCUMBENT, pool, LIMITS).snapshot
    except TooFewLabelsError:
        assume(False)
        raise


@settings(max_examples=60)
@given(pools(), st.integers())
def test_laws_of_snapshots(pool: list[Pooled], seed: int) -> None:
    snapshot = chosen(pool)
    nothing_is_in_two_parts(snapshot)
    what_judges_is_what_people_said_and_was_drawn_fairly(snapshot, pool)
    labels_that_are_new_join_behind_the_incumbents_where_training_has_them(snapshot)
    assert sum(item.label is None for item in snapshot.items) <= LIMITS.unlabelled_max
    assert all(1 <= item.weight <= LIMITS.weight_max for item in snapshot.items)
    assert [item.sample for item in snapshot.items] == sorted(item.sample for item in snapshot.items)
    random.Random(seed).shuffle(pool)
    assert encode_snapshot(chosen(pool)) == encode_snapshot(snapshot)


def nothing_is_in_two_parts(snapshot: Snapshot) -> None:
    assert len({item.sha256 for item in snapshot.items}) == len(snapshot.items)
    parts = defaultdict(set)
    for item in snapshot.items:
        if item.source != "reference":
            parts[item.device].add(item.part)
    if snapshot.split == "device":
        assert all(len(of) == 1 for of in parts.values())


def what_judges_is_what_people_said_and_was_drawn_fairly(snapshot: Snapshot, pool: list[Pooled]) -> None:
    by_name = {one.sample: one for one in merge(pool).inputs}
    for item in snapshot.items:
        if item.part != "train":
            assert item.source in ("person", "reference")
            assert item.label in snapshot.labels
    judging = [item for item in snapshot.items if item.part == "test" and item.world == "new"]
    fair = [item for item in judging if by_name[item.sample].drawn != "chosen"]
    assert judging == fair or not fair


def labels_that_are_new_join_behind_the_incumbents_where_training_has_them(snapshot: Snapshot) -> None:
    assert snapshot.labels[:2] == INCUMBENT.labels
    train = {item.label for item in snapshot.items if item.part == "train"}
    assert set(snapshot.labels[2:]) == train & {"2"}


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12))
def test_every_part_has_some_however_labels_lie_on_devices(counts: list[int]) -> None:
    new = [
        pooled(100 * device + number, 100 * device + number, device=f"cam-{device}", label="0", source="person")
        for device, count in enumerate(counts)
        for number in range(count)
    ]
    assume(len(new) >= FEWEST)
    found = split(new, [])
    assert found.parts.keys() == {one.sample for one in new}
    assert set(found.parts.values()) == {"train", "validation", "test"}
    if found.kind == "device":
        parts = list(found.parts.values())
        for part, share in SHARES.items():
            assert parts.count(part) >= share * len(new) / 4


def pooled(number: int, sha256: int, **fields: Any) -> Pooled:
    name = f"cam/b-{number}"
    return Pooled(name, f"{sha256:064x}", "image/png", 9, "new", at=NOON)._replace(**fields)


def test_the_same_bytes_become_one_and_people_are_believed_of_them() -> None:
    told = merge(
        [
            pooled(1, 1, weight=2.0),
            pooled(2, 1, label="7", source="person", weight=3.0),
            pooled(3, 1, label="1", source="teacher"),
            pooled(4, 2, label="7", source="person"),
            pooled(5, 2, label="1", source="person"),
            pooled(6, 3, label="1", source="teacher"),
            pooled(7, 3, label="2", source="teacher"),
        ]
    )
    [one] = told.inputs
    assert (one.sample, one.label, one.source, one.weight) == ("cam/b-1", "7", "person", 6.0)
    assert (told.same_bytes, told.contradictory) == (2, 4)


def test_too_few_labels_say_how_many_there_are() -> None:
    pool = [pooled(number, number, label="0", source="person") for number in range(3)]
    pool += [pooled(number, number, label="0", source="teacher") for number in range(3, 30)]
    with pytest.raises(TooFewLabelsError) as caught:
        choose("meter", INCUMBENT, pool, LIMITS)
    assert (caught.value.needed, caught.value.have) == (4, 3)


def test_a_label_that_is_new_joins_where_training_has_it_and_is_left_out_where_only_judging_has() -> None:
    def pool(late: str) -> list[Pooled]:
        early = [pooled(number, number, label="201"[number % 3], source="person") for number in range(6)]
        then = [pooled(number, number, label=late, source="person", at=NOON + HOUR) for number in range(6, 12)]
        return early + then

    assert choose("meter", INCUMBENT, pool("0"), LIMITS).snapshot.labels == ("0", "1", "2")
    found = choose("meter", INCUMBENT, pool("3"), LIMITS)
    assert found.snapshot.labels == ("0", "1", "2")
    assert found.summary["left_out"] == {"label_not_in_train": 6}


def test_one_device_alone_is_cut_by_time_the_latest_for_judging() -> None:
    pool = [
        pooled(number, number, label=str(number % 2), source="person", at=NOON + timedelta(minutes=number))
        for number in range(20)
    ]
    pool += [pooled(30 + number, 30 + number, at=NOON + timedelta(minutes=4 * number)) for number in range(5)]
    found = choose("meter", INCUMBENT, pool, LIMITS)
    assert found.snapshot.split == "time"
    parts = {int(item.sample.rpartition("-")[2]): item.part for item in found.snapshot.items}
    assert [parts[number] for number in range(20)] == ["train"] * 10 + ["validation"] * 3 + ["test"] * 7
    assert {number for number in parts if number >= 30} == {30, 31, 32}, "unlabelled ones before what is held back"
    assert found.summary["left_out"] == {"near_held_back": 2}


def test_what_was_drawn_by_weight_weighs_alike_and_estimates_the_world() -> None:
    """A tenth of the world is odd; of that all is kept, of the rest one in ten."""
    world = [
        pooled(n, n, label=str(int(n < 100)), source="person", weight=1.0 if n < 100 else 10.0) for n in range(190)
    ]
    waiting = [Waiting("cam", str(n), Seen("cam", None, NOON), one.weight) for n, one in enumerate(world)]
    handed = draw(waiting, [], 80, random.Random(7))
    numbers = {int(one.waiting.sample): one.drawn for one in handed}
    pool = [world[n]._replace(drawn="random" if drawn == "random" else "chosen") for n, drawn in numbers.items()]
    items = choose("meter", INCUMBENT, pool, Limits(weight_max=1000)).snapshot.items
    drawn = {one.sample for one in pool if one.drawn == "random"}
    weights = {item.weight for item in items if item.sample in drawn}
    assert len(weights) == 1
    assert 2 < weights.pop() < 10, "1,000 inputs are represented by 190"
    found = [item for item in items if item.sample in drawn and item.label == "1"]
    assert len(found) / sum(item.sample in drawn for item in items) < 0.3, "of the kept they are more than half"
