"""How rules open and who satisfies them: DESIGN.md section 4, sentence by sentence."""

import pytest

from roost_shared.rendezvous import Contestant, Rendezvous, Request, Rule, Score, TaskPolicy, default_rules
from tests.support.timeline import FAILS, START_NS, Happening, answer_of, describe, play, play_effects

PAIR = (Contestant(name="primary"), Contestant(name="backup"))
STEPS = (Rule(accept="primary", min_confidence=0.8), Rule(accept="backup", after_ms=80, min_confidence=0.6))


def policy(
    *rules: Rule,
    contestants: tuple[Contestant, ...] = PAIR,
    early_advance: bool = True,
    guard_ms: float = 5,
    max_deadline_ms: float | None = None,
    deadline_ms: float = 300,
) -> TaskPolicy:
    return TaskPolicy(
        task="meter",
        contestants=contestants,
        rules=rules or STEPS,
        deadline_ms=deadline_ms,
        max_deadline_ms=max_deadline_ms,
        guard_ms=guard_ms,
        early_advance=early_advance,
    )


# ---- who may satisfy a rule


def test_who_gives_no_confidence_is_waited_for_where_there_is_no_bar() -> None:
    mute = (Contestant(name="primary", has_confidence=False), Contestant(name="backup"))
    rules = (Rule(accept="primary"), Rule(accept="backup", after_ms=80))
    sure = Score("primary", "7", None)
    assert play(policy(*rules, contestants=mute), [(10, "backup", 0.9), (20, "primary", sure)]) == [
        (20, "answer preferred primary")
    ]


# ---- which score wins


def test_a_rule_is_open_from_its_very_moment() -> None:
    assert play(policy(), [(80, "backup", 0.7)]) == [(80, "answer fallback backup")]


def test_of_two_acceptable_scores_the_first_rule_in_the_list_wins() -> None:
    both_at_80 = (Rule(accept="backup", after_ms=80), Rule(accept="primary", after_ms=80))
    slow = Contestant(name="slow")
    rules = (Rule(accept="slow"), *both_at_80)
    story: list[Happening] = [(10, "primary", 0.9), (20, "backup", 0.2)]
    assert play(policy(*rules, contestants=(*PAIR, slow)), story) == [(80, "answer fallback backup")]


def test_rules_are_sorted_by_their_opening_and_keep_the_written_order_within_it() -> None:
    rules = (Rule(accept="backup", after_ms=80), Rule(accept="primary"), Rule(accept="backup"))
    assert [(rule.accept, rule.after_ms) for rule in policy(*rules).rules] == [
        ("primary", 0),
        ("backup", 0),
        ("backup", 80),
    ]


def test_a_rule_once_open_stays_open() -> None:
    assert play(policy(), [(200, "primary", 0.9)]) == [(200, "answer preferred primary")]


def test_a_contestant_opened_early_stays_acceptable() -> None:
    story: list[Happening] = [(10, "primary", 0.5), (60, "backup", 0.7)]
    assert play(policy(), story) == [(60, "answer fallback backup")]


def test_a_score_without_confidence_satisfies_only_rules_without_a_bar() -> None:
    rules = (Rule(accept="primary", min_confidence=0.0), Rule(accept="primary", after_ms=100), Rule(accept="backup"))
    assert play(policy(*rules), [(10, "primary", None)]) == [(100, "answer fallback primary")]


def test_a_contestant_without_confidence_holds_no_rule_with_a_bar_open() -> None:
    """It cannot satisfy `min_confidence`, so nobody waits for it to."""
    mute = (Contestant(name="primary", has_confidence=False), Contestant(name="backup"))
    assert play(policy(contestants=mute), [(10, "backup", 0.7)]) == [(10, "answer fallback backup")]


def test_a_contestant_named_only_below_bars_it_cannot_reach_is_still_waited_for_as_the_last_hope() -> None:
    mute = (Contestant(name="primary", has_confidence=False),)
    alone = policy(Rule(accept="primary", min_confidence=0.8), contestants=mute)
    assert play(alone, [(40, "primary", None)]) == [(40, "answer fallback primary")]


def test_all_rules_that_open_with_the_first_are_preferred() -> None:
    rules = (Rule(accept="primary", min_confidence=0.8), Rule(accept="backup"))
    assert play(policy(*rules), [(10, "backup", 0.2)]) == [(10, "answer preferred backup")]


def test_first_rules_that_open_late_are_preferred_all_the_same() -> None:
    rules = (Rule(accept="primary", after_ms=50),)
    assert play(policy(*rules, early_advance=False), [(10, "primary", 0.5)]) == [(50, "answer preferred primary")]


# ---- early advance


def test_early_advance_opens_all_rules_of_the_next_moment_and_no_more() -> None:
    four = tuple(Contestant(name=name) for name in ("one", "two", "three", "four"))
    rules = (
        Rule(accept="one"),
        Rule(accept="two", after_ms=50),
        Rule(accept="three", after_ms=50),
        Rule(accept="four", after_ms=100),
    )
    story: list[Happening] = [(5, "four", 0.9), (10, "one", FAILS), (20, "three", 0.9)]
    assert play(policy(*rules, contestants=four), story) == [(20, "answer fallback three")]


def test_early_advance_goes_on_until_a_rule_can_be_satisfied() -> None:
    rules = (Rule(accept="primary"), Rule(accept="primary", after_ms=50), Rule(accept="backup", after_ms=100))
    story: list[Happening] = [(10, "primary", FAILS), (20, "backup", 0.1)]
    assert play(policy(*rules), story) == [(20, "answer fallback backup")]


def test_early_advance_leaves_later_rules_their_times() -> None:
    three = (*PAIR, Contestant(name="third"))
    rules = (
        Rule(accept="primary"),
        Rule(accept="backup", after_ms=50, min_confidence=0.9),
        Rule(accept="third", after_ms=100),
    )
    story: list[Happening] = [(10, "primary", FAILS), (20, "third", 0.9)]
    assert play(policy(*rules, contestants=three), story) == [(100, "answer fallback third")]


def test_an_outstanding_contestant_that_can_satisfy_an_open_rule_holds_the_cursor() -> None:
    rules = (Rule(accept="primary"), Rule(accept="backup"), Rule(accept="third", after_ms=100))
    three = (*PAIR, Contestant(name="third"))
    story: list[Happening] = [(10, "primary", FAILS), (20, "third", 0.9)]
    assert play(policy(*rules, contestants=three), story) == [(100, "answer fallback third")]


def test_a_first_rule_that_opens_late_is_opened_at_once() -> None:
    """While no rule is open nobody can satisfy one."""
    assert play(policy(Rule(accept="primary", after_ms=50)), [(10, "primary", 0.1)]) == [
        (10, "answer preferred primary")
    ]


def test_without_early_advance_the_clock_alone_opens_rules() -> None:
    story: list[Happening] = [(10, "primary", 0.5), (20, "backup", 0.7)]
    assert play(policy(early_advance=False), story) == [(80, "answer fallback backup")]


def test_without_early_advance_only_the_deadline_ends_the_wait() -> None:
    story: list[Happening] = [(10, "primary", FAILS), (20, "backup", FAILS)]
    assert play(policy(early_advance=False), story) == [(295, "answer default")]


def test_contestants_no_rule_names_are_not_waited_for() -> None:
    three = (*PAIR, Contestant(name="reference", role="baseline"), Contestant(name="candidate", role="shadow"))
    story: list[Happening] = [(10, "primary", FAILS), (20, "backup", FAILS), (30, "reference", 0.9)]
    assert play(policy(contestants=three), story) == [(20, "answer default"), (30, "late reference differs")]


def test_a_baseline_answers_where_a_rule_names_it() -> None:
    three = (*PAIR, Contestant(name="reference", role="baseline"))
    rules = (*STEPS, Rule(accept="reference", after_ms=100))
    story: list[Happening] = [(10, "primary", FAILS), (20, "backup", FAILS), (30, "reference", 0.9)]
    assert play(policy(*rules, contestants=three), story) == [(30, "answer fallback reference")]


# ---- the end of the wait


def test_nothing_outstanding_the_best_score_in_rule_order_answers_whatever_its_confidence() -> None:
    story: list[Happening] = [(10, "backup", 0.59), (20, "primary", 0.01)]
    assert play(policy(), story) == [(20, "answer fallback primary")]


def test_time_up_the_best_score_in_rule_order_answers_even_if_its_rule_has_not_opened() -> None:
    rules = (Rule(accept="primary"), Rule(accept="backup", after_ms=200))
    assert play(policy(*rules), [(10, "backup", 0.9)], deadline_ms=100) == [(95, "answer deadline backup")]


def test_a_score_that_reveals_that_time_is_up_is_still_considered() -> None:
    box = Rendezvous()
    late_shell = policy()
    box.open(Request("r1", START_NS), late_shell, START_NS)
    (answer, *_) = box.score("r1", Score("backup", "7", 0.1), START_NS + 296_000_000)
    assert (answer.reason, answer.score.contestant) == ("deadline", "backup")  # type: ignore[union-attr]


def test_time_is_up_the_guard_before_the_deadline() -> None:
    assert play(policy(guard_ms=12)) == [(288, "answer default")]


@pytest.mark.parametrize(
    ("own_ms", "time_up_ms"),
    [(None, 295), (100, 95), (300, 295), (400, 395), (500, 495), (9_999, 495), (5, 0), (3, 0), (0, 0), (-1, 0)],
)
def test_a_callers_deadline_counts_from_receipt_and_is_capped(own_ms: float | None, time_up_ms: float) -> None:
    assert play(policy(max_deadline_ms=500), deadline_ms=own_ms) == [(time_up_ms, "answer default")]


def test_without_a_maximum_a_callers_deadline_is_capped_by_the_tasks() -> None:
    assert play(policy(), deadline_ms=9_999) == [(295, "answer default")]


def test_without_time_the_default_comes_as_the_request_opens() -> None:
    (answer, *_) = Rendezvous().open(Request("r1", START_NS, deadline_ns=0), policy(), START_NS)
    assert describe(answer) == "answer default"


def test_a_request_opened_after_its_time_is_answered_at_once() -> None:
    effects = Rendezvous().open(Request("r1", START_NS), policy(), START_NS + 400_000_000)
    assert [effect.reason for effect in effects if hasattr(effect, "reason")] == ["default"]


def test_an_answer_tells_every_candidate_seen_in_order_of_arrival() -> None:
    three = (*PAIR, Contestant(name="reference", role="baseline"))
    story: list[Happening] = [(5, "reference", 0.4), (10, "primary", FAILS), (20, "backup", 0.7)]
    ms, answer = answer_of(play_effects(policy(contestants=three), Request("r1", START_NS), story))
    assert (ms, answer.elapsed_ns) == (20, 20_000_000)
    assert [
        (seen.contestant, seen.elapsed_ns, seen.score and seen.score.confidence, seen.error)
        for seen in answer.candidates
    ] == [
        ("reference", 5_000_000, 0.4, None),
        ("primary", 10_000_000, None, FAILS),
        ("backup", 20_000_000, 0.7, None),
    ]


def test_a_request_keeps_the_rules_it_opened_with() -> None:
    box = Rendezvous()
    box.open(Request("old", START_NS), policy(Rule(accept="backup")), START_NS)
    box.open(Request("new", START_NS), policy(Rule(accept="primary")), START_NS)
    assert box.score("old", Score("primary", "7", 0.9), START_NS + 1) == []
    assert box.score("new", Score("primary", "7", 0.9), START_NS + 1) != []


# ---- rules nobody wrote


def test_default_rules_open_answering_contestants_in_their_order_over_half_the_deadline() -> None:
    crowd = (
        *PAIR,
        Contestant(name="reference", role="baseline"),
        Contestant(name="candidate", role="shadow"),
        Contestant(name="cloud", where="cloud"),
    )
    rules = default_rules(crowd, 300)
    assert [(rule.accept, rule.after_ms, rule.min_confidence) for rule in rules] == [
        ("primary", 0, None),
        ("backup", 50, None),
        ("cloud", 100, None),
    ]


def test_default_rules_of_nobody_are_none() -> None:
    assert default_rules((Contestant(name="candidate", role="shadow"),), 300) == ()
