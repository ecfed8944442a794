"""What holds of asking whatever happens: of the link as a whole, and of the pure parts it is made of."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from roost_edge.asking.budget import HOUR_NS, MAX_UNSENT, MAX_UNSENT_BYTES, Budget
from roost_edge.asking.health import LinkHealth
from roost_edge.mqtt import Outcome
from roost_shared.asking.round_trip import RoundTrips
from roost_shared.clock import MS, SECOND
from roost_shared.questions import CloudScore
from tests.support.link_rig import LinkRig

# ---- the link

_acts = st.one_of(
    st.tuples(st.just("ask"), st.integers(1, 400), st.sampled_from([("big",), ("huge",), ("big", "huge")])),
    st.tuples(st.just("score"), st.integers(0, 30), st.sampled_from(["big", "huge", "nobody"])),
    st.tuples(st.just("probe"), st.integers(0, 5), st.none()),
    st.tuples(st.just("answered"), st.integers(0, 30), st.none()),
    st.tuples(st.just("after"), st.sampled_from([0, 1, 5, 20, 100, 2000]), st.none()),
    st.tuples(st.sampled_from(["cut", "connect", "full", "free"]), st.none(), st.none()),
)


@given(st.lists(_acts, max_size=80))
def test_every_question_ends_once_for_each_it_asks_and_no_failure_comes_when_time_is_up(
    acts: list[Any],
) -> None:
    rig = LinkRig()
    rig.become_good()
    time_up_ns: dict[str, int] = {}
    whom: dict[str, tuple[str, ...]] = {}
    for act, number, name in acts:
        if act == "ask":
            key = f"r{len(time_up_ns)}"
            time_up_ns[key] = rig.reactor.now + number * MS
            if rig.ask(key, *name, time_up_ms=number) is None:
                whom[key] = name
        else:
            _act(rig, act, number, name)
    rig.after(1000)
    failures = Counter((heard.key, heard.contestant) for heard in rig.heard if heard.code)
    scores = Counter((heard.key, heard.contestant) for heard in rig.heard if not heard.code)
    assert max([*failures.values(), *scores.values()], default=1) == 1
    for heard in rig.heard:
        assert heard.contestant in whom[heard.key]
        assert not heard.code or heard.now_ns < time_up_ns[heard.key]
    _check_counts(rig, whom)
    assert len(rig.link._questions) == 0


def _act(rig: LinkRig, act: str, number: int, name: str) -> None:
    match act:
        case "score" if len(rig.questions) > number:
            rig.score(rig.questions[-1 - number], name)
        case "probe" if len(rig.probes) > number:
            rig.receive(CloudScore(id=rig.probes[-1 - number].id))
        case "answered":
            rig.answered(f"r{number}")
        case "after":
            rig.after(number)
        case "cut":
            rig.link.disconnected()
        case "connect":
            rig.link.connected()
        case "full" | "free":
            rig.outcome = Outcome.FULL if act == "full" else Outcome.HANDED


def _check_counts(rig: LinkRig, whom: dict[str, tuple[str, ...]]) -> None:
    for name, record in rig.link.records("meter").items():
        assert record.asked == sum(name in asked for asked in whom.values())
        assert record.asked == record.answered + record.lost
        assert record.late <= record.lost
        assert record.answered + record.late == sum(heard.contestant == name and not heard.code for heard in rig.heard)


# ---- round trips

_trips_ns = st.lists(st.integers(0, 200 * SECOND), min_size=1, max_size=200)


@given(_trips_ns)
def test_quantiles_lie_between_the_shortest_and_a_bin_above_the_longest(trips_ns: list[int]) -> None:
    trips = RoundTrips()
    for took_ns in trips_ns:
        trips.note(took_ns, now_ns=0)
    p50_ns, p95_ns = trips.p50_ns, trips.p95_ns
    assert p50_ns is not None
    assert p95_ns is not None
    longest_ns = min(max(trips_ns), 105 * SECOND)
    assert min(*trips_ns, 104 * SECOND) <= p50_ns <= p95_ns <= max(100_000, longest_ns) * 1.1


@given(st.integers(100_000, SECOND), st.integers(100_000, SECOND), st.integers(0, 10**6))
def test_the_latest_weigh_most_however_many_came_before(before_ns: int, after_ns: int, many: int) -> None:
    trips = RoundTrips()
    for number in range(many % 3000):
        trips.note(before_ns, now_ns=number)
    for number in range(64 * 5):
        trips.note(after_ns, now_ns=3000 + number)
    assert trips.p95_ns is not None
    assert after_ns <= trips.p95_ns <= after_ns * 1.1


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=50))
def test_however_long_it_runs_the_weights_stay_finite(pauses_ns: list[int]) -> None:
    trips, now_ns = RoundTrips(), 0
    for pause_ns in pauses_ns:
        now_ns += pause_ns
        trips.note(MS, now_ns)
        assert trips.p50_ns is not None
        assert MS <= trips.p50_ns <= 1.1 * MS
    trips.forget_stale(now_ns + 299 * SECOND)
    assert trips.p50_ns is not None
    trips.forget_stale(now_ns + 300 * SECOND)
    assert trips.p50_ns is None


# ---- health

_events = st.lists(
    st.sampled_from(["connected", "disconnected", "probed", "probe+", "probe-", "question+", "question-", "wait"]),
    max_size=60,
)


@given(_events, st.floats(0, 1))
def test_a_link_that_is_not_down_always_has_a_probe_to_come_and_questions_only_cross_after_a_word(
    events: list[str], random: float
) -> None:
    health, now_ns, heard, lost = LinkHealth(), 0, False, 0
    for event in events:
        now_ns += 100 * MS
        before = health.state
        match event:
            case "connected":
                health.connected(now_ns)
                heard = False
            case "disconnected":
                health.disconnected()
            case "probed":
                health.probed(now_ns, random)
            case "probe+":
                health.probe_returned(now_ns)
                heard = True
            case "probe-":
                health.probe_lost(now_ns)
            case "question+":
                health.question_returned(now_ns)
                heard = True
            case "question-":
                health.question_lost(now_ns)
        lost = lost + 1 if event in ("probe-", "question-") else 0 if health.state != before else lost
        due_ns = health.probe_due_ns
        assert (health.state == "down") == (due_ns is None)
        assert due_ns is None or due_ns <= now_ns + 30 * SECOND
        assert health.state != "good" or heard
        assert not (before == "good" and health.state == "bad") or event in ("probe-", "question-")


@given(st.lists(st.booleans(), min_size=8, max_size=50))
def test_bad_is_most_of_the_last_eight(window: list[bool]) -> None:
    health = LinkHealth()
    health.connected(0)
    health.probe_returned(0)
    for place, came_back in enumerate(window):
        (health.question_returned if came_back else health.question_lost)(0)
        seen = window[max(0, place - 7) : place + 1]
        assert (health.state == "bad") == (seen.count(False) >= 4 and 2 * seen.count(False) > len(seen))
        if health.state == "bad":
            return


# ---- budget


@given(st.lists(st.tuples(st.integers(0, 3 * HOUR_NS), st.integers(1, 5000)), max_size=60), st.integers(1, 20_000))
def test_no_24_hours_take_more_than_the_day_s_bytes(questions: list[tuple[int, int]], limit_bytes: int) -> None:
    budget, now_ns, sent = Budget(limit_bytes), 0, list[tuple[int, int]]()
    for pause_ns, size_bytes in questions:
        now_ns += pause_ns
        budget.reserve(size_bytes)
        if budget.refusal(size_bytes, unsent=0, unsent_bytes=0, now_ns=now_ns) is None:
            budget.spend(size_bytes, now_ns)
            sent.append((now_ns, size_bytes))
        in_a_day = [size for when_ns, size in sent if when_ns > now_ns - 23 * HOUR_NS]
        assert sum(in_a_day) <= limit_bytes
        assert len(budget.spent(now_ns)) <= 24


@given(st.integers(0, 6), st.integers(0, 2 * MAX_UNSENT_BYTES), st.integers(1, 2 * MAX_UNSENT_BYTES))
def test_beyond_four_questions_or_a_megabyte_nothing_joins_what_waits(
    unsent: int, unsent_bytes: int, size_bytes: int
) -> None:
    refusal = Budget().refusal(size_bytes, unsent=unsent, unsent_bytes=unsent_bytes, now_ns=0)
    full = unsent >= MAX_UNSENT or (unsent > 0 and unsent_bytes + size_bytes > MAX_UNSENT_BYTES)
    assert (refusal is not None) == full
