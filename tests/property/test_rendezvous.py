"""What holds of the rendezvous whatever happens."""

from collections import defaultdict
from collections.abc import Sequence

from hypothesis import assume, given
from hypothesis import strategies as st

from roost_shared.clock import MS, ms_to_ns
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import (
    Answer,
    Ask,
    Close,
    Contestant,
    Duplicate,
    Effect,
    Rendezvous,
    Request,
    Rule,
    Score,
    TaskPolicy,
)
from tests.support.reference_rendezvous import ReferenceRendezvous
from tests.support.scenarios import LAST_MS, Scenario, rules_for, scenarios
from tests.support.timeline import FAST, START_NS, Say, answer_of, describe

EACH_MS = list(range(LAST_MS + 1))


def open_effects(effects: Sequence[tuple[float, Effect]]) -> list[tuple[float, Effect]]:
    return [(ms, effect) for ms, effect in effects if not isinstance(effect, Close)]


# ---- exactly one answer, in time


@given(scenarios(), st.lists(st.integers(0, LAST_MS)))
def test_exactly_one_answer_and_never_after_the_first_tick_at_or_past_time_up(
    scenario: Scenario, ticks_ms: list[int]
) -> None:
    ticks_ms = sorted([*ticks_ms, LAST_MS])
    ms, _ = answer_of(scenario.effects(ticks_ms))
    assert ms <= next(tick_ms for tick_ms in ticks_ms if tick_ms >= scenario.time_up_ms)


@given(scenarios())
def test_ticked_when_it_asks_to_be_it_is_never_late(scenario: Scenario) -> None:
    ms, answer = answer_of(scenario.effects())
    assert ms <= scenario.time_up_ms
    assert answer.elapsed_ns == ms_to_ns(ms)


@given(scenarios())
def test_it_asks_to_be_woken_at_every_moment_that_matters(scenario: Scenario) -> None:
    assert open_effects(scenario.effects()) == open_effects(scenario.effects(EACH_MS))


@given(scenarios())
def test_the_same_events_give_the_same_effects(scenario: Scenario) -> None:
    assert scenario.effects() == scenario.effects()


@given(scenarios())
def test_after_the_close_nothing_comes_and_nothing_is_held(scenario: Scenario) -> None:
    effects = [effect for _, effect in scenario.effects()]
    assert [isinstance(effect, Close) for effect in effects].count(True) == 1
    assert isinstance(effects[-1], Close)


@given(scenarios())
def test_a_question_is_asked_once_at_most_and_never_after_the_answer(scenario: Scenario) -> None:
    effects = [effect for _, effect in scenario.effects()]
    asked = [effect.contestant for effect in effects if isinstance(effect, Ask)]
    answered_at = [isinstance(effect, Answer) for effect in effects].index(True)
    assert len(asked) == len(set(asked))
    assert not [effect for effect in effects[answered_at:] if isinstance(effect, Ask)]


# ---- who answers


@given(scenarios())
def test_shadows_and_decoys_never_answer(scenario: Scenario) -> None:
    _, answer = answer_of(scenario.effects())
    silent = {one.name for one in scenario.contestants if one.role in ("shadow", "decoy")}
    assert answer.score is None or answer.score.contestant not in silent


@given(scenarios())
def test_only_the_forced_contestant_answers_a_forced_request(scenario: Scenario) -> None:
    assume(scenario.force is not None)
    _, answer = answer_of(scenario.effects())
    assert (answer.reason, answer.score and answer.score.contestant) in [("forced", scenario.force), ("default", None)]


@given(scenarios())
def test_a_default_means_that_nobody_who_may_answer_has_scored(scenario: Scenario) -> None:
    _, answer = answer_of(scenario.effects())
    named = {rule.accept for rule in scenario.rules} if scenario.force is None else {scenario.force}
    silent = {one.name for one in scenario.contestants if one.role in ("shadow", "decoy")}
    scored = {seen.contestant for seen in answer.candidates if seen.score} & named - silent
    assert (answer.reason == "default") == (not scored)


@given(scenarios())
def test_the_answer_is_one_of_its_candidates_and_each_is_seen_once(scenario: Scenario) -> None:
    _, answer = answer_of(scenario.effects())
    names = [seen.contestant for seen in answer.candidates]
    assert len(names) == len(set(names))
    assert answer.score is None or answer.score in [seen.score for seen in answer.candidates]


# ---- monotony


@given(scenarios(), st.data())
def test_lowering_a_min_confidence_never_answers_later(scenario: Scenario, data: st.DataObject) -> None:
    barred = [place for place, rule in enumerate(scenario.rules) if rule.min_confidence is not None]
    assume(barred)
    place = data.draw(st.sampled_from(barred))
    rule = scenario.rules[place]
    lower = data.draw(st.sampled_from([bar for bar in (0.0, 0.1, 0.5, 0.7) if bar <= (rule.min_confidence or 0)]))
    eased = Rule(accept=rule.accept, after_ms=rule.after_ms, min_confidence=lower)
    rules = (*scenario.rules[:place], eased, *scenario.rules[place + 1 :])
    assert answer_of(scenario.but(rules=rules).effects())[0] <= answer_of(scenario.effects())[0]


@given(scenarios(early_advance=False, unsure=False), st.data())
def test_without_early_advance_adding_a_rule_never_answers_later(scenario: Scenario, data: st.DataObject) -> None:
    """But for `unsure`: a rule that another contestant may satisfy removes the doubt that asked the cloud."""
    place = data.draw(st.integers(0, len(scenario.rules)))
    added = data.draw(rules_for(scenario.contestants))
    rules = (*scenario.rules[:place], added, *scenario.rules[place:])
    assert answer_of(scenario.but(rules=rules).effects())[0] <= answer_of(scenario.effects())[0]


# ---- many requests


POLICY = TaskPolicy(
    task="meter",
    contestants=(
        Contestant(name="ada"),
        Contestant(name="bob"),
        Contestant(name="cyd", where="cloud"),
        Contestant(name="dan", role="shadow"),
    ),
    rules=(
        Rule(accept="ada", min_confidence=0.8),
        Rule(accept="cyd"),
        Rule(accept="bob", after_ms=40, min_confidence=0.6),
        Rule(accept="ada", after_ms=80),
    ),
    deadline_ms=100,
)

Event = tuple[int, int, str, Say]  # ms, request's number, contestant or "open", what it says

_spoken = st.tuples(
    st.integers(0, LAST_MS),
    st.integers(0, 4),
    st.sampled_from(["ada", "bob", "cyd", "dan"]),
    st.sampled_from([0.5, 0.7, 0.9, ErrorInfo("worker.died", "it died")]),
)
_opened = st.tuples(st.integers(0, LAST_MS), st.integers(0, 4), st.just("open"), st.none())
crowds = st.lists(st.one_of(_spoken, _spoken, _opened), max_size=40).map(
    lambda events: sorted(events, key=lambda event: event[0])
)


def play_crowd(events: Sequence[Event]) -> dict[str, list[tuple[int, Effect]]]:
    """Effects by request, each with its moment (ns)."""
    rendezvous = Rendezvous()
    rendezvous.link("meter", FAST, START_NS)
    found: dict[str, list[tuple[int, Effect]]] = defaultdict(list)

    def note(now_ns: int, effects: list[Effect]) -> None:
        for effect in effects:
            found[effect.request.id].append((now_ns, effect))

    def wake_until(now_ns: int) -> None:
        while (wake_ns := rendezvous.next_wake_ns) is not None and wake_ns <= now_ns:
            note(wake_ns, rendezvous.tick(wake_ns))

    for ms, number, name, say in events:
        now_ns = START_NS + ms * MS
        wake_until(now_ns)
        if name == "open":
            note(now_ns, rendezvous.open(Request(f"r{number}", now_ns), POLICY, now_ns))
        elif isinstance(say, ErrorInfo):
            note(now_ns, rendezvous.failure(f"r{number}", name, say, now_ns))
        elif isinstance(say, float):
            note(now_ns, rendezvous.score(f"r{number}", Score(name, "7", say), now_ns))
    wake_until(START_NS + 3600 * 1000 * MS)
    assert (len(rendezvous), rendezvous.unanswered, rendezvous.next_wake_ns) == (0, 0, None)
    return found


@given(crowds)
def test_however_often_an_id_comes_it_is_answered_once_and_told_the_same(events: list[Event]) -> None:
    opened = {f"r{number}" for _, number, name, _ in events if name == "open"}
    found = play_crowd(events)
    assert set(found) == opened
    for effects in found.values():
        (answer,) = [effect for _, effect in effects if isinstance(effect, Answer)]
        assert {effect.answer for _, effect in effects if isinstance(effect, Duplicate)} <= {None, answer}


@given(crowds)
def test_requests_do_not_touch_each_other(events: list[Event]) -> None:
    together = play_crowd(events)
    for number in range(5):
        alone = play_crowd([event for event in events if event[1] == number])
        assert together.get(f"r{number}", []) == alone.get(f"r{number}", [])


def test_a_hundred_thousand_requests_leave_nothing_behind() -> None:
    rendezvous = Rendezvous()
    held = timers = 0
    for number in range(100_000):
        now_ns = START_NS + number * MS
        if (wake_ns := rendezvous.next_wake_ns) is not None and wake_ns <= now_ns:
            rendezvous.tick(now_ns)
        request_id = f"r{number}"
        rendezvous.open(Request(request_id, now_ns), POLICY, now_ns)
        if number % 3:  # the others hear nobody: time goes up, and they linger for late scores
            for name in ("ada", "bob", "dan"):
                rendezvous.score(request_id, Score(name, "7", 0.9), now_ns)
        held = max(held, len(rendezvous))
        timers = max(timers, len(rendezvous._timers))
    assert held < 5_000
    assert timers < 3 * held + 1_025
    assert len(rendezvous._memory) == 10_000
    while (wake_ns := rendezvous.next_wake_ns) is not None:
        rendezvous.tick(wake_ns)
    assert (len(rendezvous), rendezvous.unanswered, len(rendezvous._timers)) == (0, 0, 0)


# ---- against the reference


def reference_words(scenario: Scenario, ticks_ms: Sequence[int]) -> list[tuple[float, str]]:
    reference = ReferenceRendezvous(scenario.request, scenario.policy(), scenario.absent, scenario.link)
    words = [(0.0, word) for word in reference.on(START_NS)]
    ticks = [(ms, "", None) for ms in ticks_ms]
    for ms, name, say in sorted([*ticks, *scenario.story], key=lambda happening: happening[0]):
        told = Score(name, None, say) if isinstance(say, float | None) else say
        words += [(ms, word) for word in reference.on(START_NS + ms_to_ns(ms), name, told if name else None)]
    return words


@given(scenarios(), st.lists(st.integers(0, LAST_MS)))
def test_it_agrees_with_the_slow_reference(scenario: Scenario, ticks_ms: list[int]) -> None:
    ticks_ms = sorted([*ticks_ms, LAST_MS])
    told = [(ms, describe(effect)) for ms, effect in scenario.effects(ticks_ms) if isinstance(effect, Answer | Ask)]
    assert told == reference_words(scenario, ticks_ms)
