"""Laws of labels: people stand over teachers, the last word counts, a queue is at least half random."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from roost_cloud.labels.effective import Teachers, effective
from roost_cloud.labels.queue import Seen, Waiting, draw
from roost_cloud.labels.said import Drawn, Said, current

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
TEACHERS = Teachers(frozenset({"big", "cloud"}), 0.9)

moments = st.integers(0, 5).map(lambda hours: NOON + timedelta(hours=hours))
labels = st.sampled_from(["0", "1", "2", None])
people = st.builds(Said, labels, st.just("person"), st.sampled_from(["ann", "ben", "cid"]), moments)
teachers = st.builds(
    Said,
    labels,
    st.just("teacher"),
    st.sampled_from(["big", "cloud", "stranger"]),
    moments,
    st.sampled_from([None, 0.5, 0.9, 1.0]),
)
said = st.lists(people | teachers, max_size=12)


@given(said, st.lists(teachers, max_size=20))
def test_no_teacher_moves_what_people_say(before: list[Said], more: list[Said]) -> None:
    found = effective(before, TEACHERS)
    if any(one.kind == "person" and one.label is not None for one in current(before)):
        assert effective([*before, *more], TEACHERS) == found
    assert effective([*before, *more]).kind != "teacher", "whom nobody named is believed by nobody"


@given(said)
def test_only_the_last_word_of_each_counts(before: list[Said]) -> None:
    assert effective(current(before), TEACHERS) == effective(before, TEACHERS)
    now = current(before)
    assert len({(one.kind, one.source) for one in now}) == len(now)
    for one in now:
        mine = [other for other in before if (other.kind, other.source) == (one.kind, one.source)]
        assert one.at == max(other.at for other in mine)


@given(said)
def test_a_label_is_what_most_of_those_said_who_count(before: list[Said]) -> None:
    found = effective(before, TEACHERS)
    now = [one for one in current(before) if one.label is not None]
    votes = Counter(one.label for one in now if one.kind == "person")
    assert (found.label is not None) == (found.state == "labelled") == (found.kind is not None)
    if found.kind == "person":
        assert all(votes[found.label] > count for label, count in votes.items() if label != found.label)
    if found.kind == "teacher":
        believed = [one for one in now if one.source in TEACHERS.names and (one.confidence or 0) >= 0.9]
        assert {one.label for one in believed} == {found.label}
    if found.state == "tied" and votes:
        assert sorted(votes.values())[-2:] == [max(votes.values())] * 2


seen = st.builds(Seen, st.sampled_from(["a", "b", "c"]), st.sampled_from(["0", "1", None]), moments)
again: st.SearchStrategy[Drawn | None] = st.sampled_from([None, None, "second", "tied"])
kinds = st.tuples(seen, st.floats(1, 100), st.none() | st.floats(0, 1), st.booleans(), again)
pools = st.lists(kinds, max_size=30).map(
    lambda some: [Waiting(one[0].device, f"b-{number}", *one) for number, one in enumerate(some)]
)


@given(pools, st.lists(seen, max_size=10), st.integers(1, 20), st.integers())
def test_a_queue_is_half_random_and_holds_what_waits_once(
    pool: list[Waiting], labelled: list[Seen], count: int, seed: int
) -> None:
    handed = draw(pool, labelled, count, Random(seed))
    assert len(handed) == min(count, len(pool))
    assert len({one.waiting.sample for one in handed}) == len(handed)
    fresh = sum(one.again is None for one in pool)
    drawn = Counter(one.drawn for one in handed)
    assert drawn["random"] == min((count + 1) // 2, fresh)
    for one in handed:
        assert one.waiting in pool
        assert (one.waiting.again or one.drawn) == one.drawn
        assert one.drawn != "disagreement" or one.waiting.disagreement
    assert handed == draw(pool, labelled, count, Random(seed))


@settings(max_examples=5)
@given(st.integers(0, 2**32))
def test_what_is_drawn_at_random_is_drawn_by_weight(seed: int) -> None:
    world = Seen("a", "0", NOON)
    pool = [Waiting("a", str(number), world, weight=9.0 if number < 10 else 1.0) for number in range(20)]
    random = Random(seed)
    heavy = sum(int(draw(pool, [], 1, random)[0].waiting.sample) < 10 for _ in range(300))
    assert 240 < heavy <= 300, "nine times out of ten, and by chance no fewer than eight"


def test_what_is_not_random_is_what_a_label_tells_most_of() -> None:
    world = Seen("a", "0", NOON)
    dull = [Waiting("a", str(number), world, confidence=0.9) for number in range(40)]
    odd = [
        Waiting("a", "unsure", world, confidence=0.1),
        Waiting("a", "at-odds", world, confidence=0.9, disagreement=True),
        Waiting("b", "elsewhere", Seen("b", "0", NOON), confidence=0.9),
        Waiting("a", "open", world, again="tied"),
    ]
    for seed in range(20):
        handed = {one.waiting.sample: one.drawn for one in draw([*dull, *odd], [world], 8, Random(seed))}
        assert handed["open"] == "tied"
        for sample, drawn in (("unsure", "uncertain"), ("at-odds", "disagreement"), ("elsewhere", "diverse")):
            assert handed[sample] in (drawn, "random")
