"""When a question is spent on a cloud contestant, and what its link has to do with it."""

import pytest

from roost_shared.clock import MS, ms_to_ns
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import (
    AskMode,
    Contestant,
    Link,
    Rendezvous,
    Request,
    Role,
    Rule,
    Sample,
    Score,
    TaskPolicy,
    is_sampled,
)
from tests.support.timeline import FAILS, FAST, NO_LINK, START_NS, Happening, answer_of, describe, play, play_effects

SHED = ErrorInfo("shed", "left out")
RULES = (Rule(accept="primary", min_confidence=0.8), Rule(accept="cloud", after_ms=50))


def policy(
    ask: AskMode, *rules: Rule, role: Role = "answer", early_advance: bool = True, deadline_ms: float = 300
) -> TaskPolicy:
    return TaskPolicy(
        task="meter",
        contestants=(Contestant(name="primary"), Contestant(name="cloud", where="cloud", ask=ask, role=role)),
        rules=rules or RULES,
        deadline_ms=deadline_ms,
        early_advance=early_advance,
    )


def errors(task: TaskPolicy, story: list[Happening], link: Link, deadline_ms: int | None = None) -> list[str]:
    own_ns = None if deadline_ms is None else deadline_ms * MS
    _, answer = answer_of(play_effects(task, Request("r1", START_NS, own_ns), story, link=link))
    return [seen.error.code for seen in answer.candidates if seen.error]


# ---- always, sample


def test_always_asks_as_the_request_opens() -> None:
    assert play(policy("always"), [(20, "primary", 0.9)])[:2] == [(0, "ask cloud"), (20, "answer preferred primary")]


def test_always_asks_even_if_the_answer_is_known_at_once() -> None:
    """Its score is the teacher's label of a default."""
    alone = policy("always", Rule(accept="primary"))
    assert play(alone, [(70, "cloud", 0.9)], absent={"primary": SHED}) == [
        (0, "ask cloud"),
        (0, "answer default"),
        (70, "late cloud differs"),
    ]


@pytest.mark.parametrize(("share", "asked"), [(0.0, False), (1.0, True)])
def test_a_sample_is_asked_as_the_request_opens_or_never(share: float, *, asked: bool) -> None:
    told = play(policy(Sample(share)), [(20, "primary", 0.5), (70, "cloud", 0.5)])
    if asked:
        assert told == [(0, "ask cloud"), (70, "answer fallback cloud")]
    else:
        assert told == [(20, "answer fallback primary")]


def test_a_sample_is_chosen_by_a_hash_of_the_request_id() -> None:
    chosen = [is_sampled(f"request-{number}", 0.2) for number in range(10_000)]
    assert sum(chosen) == pytest.approx(2_000, rel=0.1)
    assert chosen == [is_sampled(f"request-{number}", 0.2) for number in range(10_000)]
    assert is_sampled("request-7", 0.0) is False


def test_the_hash_of_an_id_is_the_same_on_every_machine() -> None:
    assert [is_sampled("r1", share) for share in (0.515, 0.516)] == [False, True]


def test_a_larger_sample_holds_the_smaller() -> None:
    ids = [f"request-{number}" for number in range(1_000)]
    assert {one for one in ids if is_sampled(one, 0.1)} < {one for one in ids if is_sampled(one, 0.3)}


# ---- unsure: at the earlier of two moments


def test_unsure_asks_as_soon_as_no_local_contestant_can_satisfy_an_open_rule() -> None:
    assert play(policy("unsure"), [(20, "primary", 0.5)])[0] == (20, "ask cloud")


def test_unsure_asks_at_the_last_moment_at_which_the_round_trip_fits() -> None:
    """295 ms less 60 ms of round trip, less 2 ms because timers come late."""
    assert play(policy("unsure"))[0] == (233, "ask cloud")


def test_the_opening_of_its_rule_does_not_ask() -> None:
    assert play(policy("unsure"), [(60, "primary", 0.9)]) == [(60, "answer preferred primary")]


def test_unsure_asks_once() -> None:
    story: list[Happening] = [(20, "primary", 0.5), (30, "link", FAST), (100, "cloud", FAILS)]
    told = play(policy("unsure"), story)
    assert [what for _, what in told if what.startswith("ask")] == ["ask cloud"]


def test_an_answer_in_the_same_breath_spends_no_question_and_closes() -> None:
    rules = (
        Rule(accept="primary", min_confidence=0.8),
        Rule(accept="primary", after_ms=50),
        Rule(accept="cloud", after_ms=60),
    )
    effects = play_effects(policy("unsure", *rules), Request("r1", START_NS), [(20, "primary", 0.5)])
    assert [type(effect).__name__ for _, effect in effects] == ["Answer", "Close"]
    assert {ms for ms, _ in effects} == {20}


def test_unsure_without_any_local_contestant_asks_at_once() -> None:
    cloud_only = TaskPolicy(
        task="meter",
        contestants=(Contestant(name="cloud", where="cloud"),),
        rules=(Rule(accept="cloud", after_ms=50),),
        deadline_ms=300,
    )
    assert play(cloud_only, [(30, "cloud", 0.1)]) == [(0, "ask cloud"), (30, "answer preferred cloud")]


def test_a_cloud_shadow_is_asked_when_unsure_but_not_waited_for() -> None:
    shadow = policy("unsure", Rule(accept="primary", min_confidence=0.8), role="shadow")
    assert play(shadow, [(233, "primary", 0.5), (280, "cloud", 0.5)]) == [
        (233, "ask cloud"),
        (233, "answer fallback primary"),
        (280, "late cloud differs"),
    ]


def test_before_the_first_rule_opens_nobody_is_unsure() -> None:
    waiting = policy(
        "unsure", Rule(accept="primary", after_ms=40), Rule(accept="cloud", after_ms=90), early_advance=False
    )
    assert play(waiting, [(10, "primary", FAILS)]) == [(40, "ask cloud"), (295, "answer default")]


def test_without_early_advance_an_unsure_primary_has_the_cloud_asked_too() -> None:
    assert play(policy("unsure", early_advance=False), [(20, "primary", 0.5), (30, "cloud", 0.1)]) == [
        (20, "ask cloud"),
        (50, "answer fallback cloud"),
    ]


def test_a_score_nobody_asked_for_is_taken_and_saves_the_question() -> None:
    assert play(policy("unsure"), [(10, "cloud", 0.4), (20, "primary", 0.5)]) == [(20, "answer fallback cloud")]


def test_a_failure_before_the_question_saves_it() -> None:
    assert play(policy("unsure"), [(10, "cloud", FAILS), (20, "primary", 0.5)]) == [(20, "answer fallback primary")]


def test_an_absent_cloud_contestant_is_not_asked() -> None:
    assert play(policy("always"), [(20, "primary", 0.5)], absent={"cloud": SHED}) == [(20, "answer fallback primary")]


def test_a_cloud_decoy_is_nobody_to_ask() -> None:
    assert play(policy("always", Rule(accept="primary"), role="decoy"), [(20, "primary", 0.5)]) == [
        (20, "answer preferred primary")
    ]


# ---- the link


def test_a_link_that_is_down_is_a_failure_at_once() -> None:
    assert play(policy("unsure"), [(20, "primary", 0.5)], link=NO_LINK) == [(20, "answer fallback primary")]
    assert errors(policy("unsure"), [(20, "primary", 0.5)], NO_LINK) == ["link.down"]


def test_a_link_nobody_reported_on_is_down() -> None:
    assert Link() == Link(up=False)


@pytest.mark.parametrize(
    ("round_trip_ms", "first"), [(295, (0, "ask cloud")), (295.001, (1, "answer fallback primary"))]
)
def test_a_round_trip_that_does_not_fit_the_time_left_is_a_failure_at_once(
    round_trip_ms: float, first: tuple[float, str]
) -> None:
    link = Link(up=True, round_trip_ns=ms_to_ns(round_trip_ms))
    assert play(policy("always"), [(1, "primary", 0.5)], link=link)[0] == first


def test_too_slow_a_link_is_told_among_the_candidates() -> None:
    slow = Link(up=True, round_trip_ns=400 * MS)
    assert errors(policy("unsure"), [(20, "primary", 0.5)], slow) == ["link.slow"]


def test_a_short_deadline_makes_a_good_link_too_slow() -> None:
    assert errors(policy("unsure"), [(20, "primary", 0.5)], FAST, deadline_ms=50) == ["link.slow"]


def test_a_link_that_comes_up_while_the_request_is_open_is_used() -> None:
    story: list[Happening] = [(10, "link", FAST), (20, "primary", 0.5)]
    assert play(policy("unsure"), story, link=NO_LINK)[0] == (20, "ask cloud")


def test_a_link_that_goes_down_before_the_question_fails_it() -> None:
    story: list[Happening] = [(10, "link", NO_LINK), (20, "primary", 0.5)]
    assert play(policy("unsure"), story) == [(20, "answer fallback primary")]


def test_a_link_that_goes_down_after_the_question_is_the_shells_to_report() -> None:
    story: list[Happening] = [(20, "primary", 0.5), (30, "link", NO_LINK), (40, "cloud", 0.9)]
    assert play(policy("unsure"), story) == [(20, "ask cloud"), (40, "answer fallback cloud")]


def test_a_slower_link_brings_the_last_moment_forward() -> None:
    slower = Link(up=True, round_trip_ns=100 * MS)
    assert play(policy("unsure"), [(10, "link", slower)])[0] == (193, "ask cloud")


def test_a_link_that_turns_slow_past_its_last_moment_is_a_failure_there_and_then() -> None:
    slower = Link(up=True, round_trip_ns=200 * MS)
    assert errors(policy("unsure"), [(150, "link", slower)], FAST) == ["link.slow"]


def test_the_link_of_another_task_does_not_matter() -> None:
    rendezvous = Rendezvous()
    rendezvous.link("another", NO_LINK, START_NS)
    rendezvous.link("meter", FAST, START_NS)
    open_since_ns = START_NS + 300 * MS
    rendezvous.open(Request("r2", open_since_ns), policy("unsure"), open_since_ns)
    assert rendezvous.link("another", NO_LINK, open_since_ns) == []
    asked = rendezvous.failure("r2", "primary", FAILS, open_since_ns)
    assert [describe(effect) for effect in asked] == ["ask cloud"]


def test_a_link_s_change_is_told_to_those_that_may_yet_ask_and_to_nobody_else() -> None:
    rendezvous = Rendezvous()
    rendezvous.link("meter", FAST, START_NS)
    for number in range(50):
        rendezvous.open(Request(f"asked-{number}", START_NS), policy("always"), START_NS)
        rendezvous.open(Request(f"answered-{number}", START_NS), policy("unsure"), START_NS)
        rendezvous.score(f"answered-{number}", Score("primary", "7", 0.9), START_NS)
    rendezvous.open(Request("open", START_NS), policy("unsure"), START_NS)
    assert list(rendezvous._unasked["meter"]) == ["open"]
    slow = Link(up=True, round_trip_ns=400 * MS)
    assert rendezvous.link("meter", slow, START_NS) == []
    assert rendezvous._unasked["meter"] == {}


# ---- what a record says of a question that was not asked


@pytest.mark.parametrize("ask", ["always", "unsure", Sample(1.0)])
def test_who_is_left_out_is_named_with_the_reason_and_no_time(ask: AskMode) -> None:
    effects = play_effects(
        policy(ask), Request("r1", START_NS), [(20, "primary", 0.9)], link=FAST, absent={"cloud": SHED}
    )
    _, answer = answer_of(effects)
    assert [(seen.contestant, seen.error, seen.elapsed_ns) for seen in answer.candidates] == [
        ("cloud", SHED, 0),
        ("primary", None, 20 * MS),
    ]


def test_a_question_that_cannot_be_asked_any_more_failed_when_it_was_wanted() -> None:
    task = policy("unsure", Rule(accept="primary", min_confidence=0.8), Rule(accept="cloud"))
    story: list[Happening] = [(30, "link", NO_LINK), (60, "primary", 0.1)]
    _, answer = answer_of(play_effects(task, Request("r1", START_NS), story))
    assert [(seen.elapsed_ns, seen.error.code) for seen in answer.candidates if seen.error] == [(60 * MS, "link.down")]
