"""What is recorded of random requests, played again, gives what was answered; by other rules, what would have been."""

from dataclasses import replace
from typing import Any

from hypothesis import assume, event, given
from hypothesis import strategies as st

from roost_shared.clock import MS
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import Answer, Contestant, Link, Sample, Score, TaskPolicy
from roost_shared.rendezvous.replay import Play, case_of, play_original, play_other
from tests.support.recorded import World, live
from tests.support.scenarios import rules_for

NAMES = ("ada", "bob", "cyd", "dan", "eve")
FAILED = ErrorInfo("worker.died", "the worker died")
LOST = ErrorInfo("link.lost", "unanswered for longer than 95 % of the others")
SHED = ErrorInfo("shed", "left out")

_links = st.builds(
    Link,
    up=st.sampled_from([True, True, True, False]),
    round_trip_ns=st.sampled_from([0, 8, 20, 40, 200]).map(MS.__mul__),
)
_confidences = st.sampled_from([None, 0.0, 0.3, 0.6, 0.8, 1.0])


@st.composite
def contestants(draw: st.DrawFn) -> tuple[Contestant, ...]:
    return tuple(
        Contestant(
            name=name,
            role=draw(st.sampled_from(["answer", "answer", "baseline", "shadow", "decoy"])) if place else "answer",
            where=draw(st.sampled_from(["local", "local", "cloud"])),
            ask=draw(st.sampled_from(["always", "unsure", "unsure", Sample(0.5)])),
            has_confidence=draw(st.sampled_from([True, True, False])),
        )
        for place, name in enumerate(NAMES[: draw(st.integers(1, len(NAMES)))])
    )


@st.composite
def policies(draw: st.DrawFn, taking_part: tuple[Contestant, ...]) -> TaskPolicy:
    return TaskPolicy(
        task="meter",
        contestants=taking_part,
        rules=draw(st.lists(rules_for(taking_part), min_size=1, max_size=5)),
        deadline_ms=100,
        max_deadline_ms=120,
        guard_ms=draw(st.sampled_from([0, 5, 20])),
        default=draw(st.sampled_from([None, "unknown"])),
        early_advance=draw(st.booleans()),
    )


@st.composite
def worlds(draw: st.DrawFn, taking_part: tuple[Contestant, ...], *, distinct: bool) -> World:
    """What happens; `distinct`: nothing at the moment of anything else, and no error that is not told."""
    says: dict[str, tuple[tuple[float, Score | ErrorInfo], ...]] = {}
    for place, one in enumerate(taking_part):
        # Devices read their clocks to the nanosecond, and tell microseconds.
        fraction = (0.001 * 6**place) if distinct else draw(st.sampled_from([0, 0, -0.0004, 0.0004]))
        moment = max(0, draw(st.integers(0, 130)) + fraction)
        score = Score(one.name, draw(st.sampled_from("47")), draw(_confidences))
        fate = draw(st.sampled_from(["score", "score", "score", "score", "fails", "silent", "given up"]))
        if fate == "silent" or (distinct and fate != "score"):
            continue
        if fate == "given up" and one.where == "cloud":
            says[one.name] = ((moment, LOST), (moment + draw(st.integers(0, 100)), score))
        else:
            says[one.name] = ((moment, FAILED if fate == "fails" else score),)
    return World(
        says,
        absent=dict.fromkeys(draw(st.sets(st.sampled_from(NAMES), max_size=2)), SHED),
        link=draw(_links),
        timer_late_ms=0 if distinct else draw(st.sampled_from([0, 0, 1, 7])),
        timers_first=draw(st.booleans()),
    )


_requests = st.fixed_dictionaries(
    {
        "deadline_ns": st.sampled_from([None, None, 0, 3, 30, 110, 500]).map(
            lambda ms: None if ms is None else ms * MS
        ),
        "force": st.sampled_from([None, None, None, *NAMES]),
    }
)


def said(play: Play) -> tuple[str, str | None, str | None]:
    return told(play.answer)


def told(answer: Answer) -> tuple[str, str | None, str | None]:
    if answer.score is None:
        return answer.reason, None, None
    return answer.reason, answer.score.contestant, answer.score.label


@given(st.data(), _requests, st.integers(1, 50))
def test_by_its_own_policy_a_request_gets_the_answer_it_got(
    data: st.DataObject, request: dict[str, Any], number: int
) -> None:
    taking_part = data.draw(contestants())
    policy = data.draw(policies(taking_part))
    lived = live(policy, data.draw(worlds(taking_part, distinct=False)), number=number, **request)
    played = play_original(case_of(lived.record, lived.late), policy)
    assert said(played) == told(lived.answer)
    assert played.answer.elapsed_ns <= lived.answer.elapsed_ns
    event("on time" if played.stall is None else "stalled")


@given(st.data(), _requests, st.integers(1, 50))
def test_by_other_rules_it_gets_what_it_would_have_got(
    data: st.DataObject, request: dict[str, Any], number: int
) -> None:
    taking_part = data.draw(contestants())
    policy, other = data.draw(policies(taking_part)), data.draw(policies(taking_part))
    world = data.draw(worlds(taking_part, distinct=True))
    lived = live(policy, world, number=number, **request)
    case = case_of(lived.record, lived.late)
    original = play_original(case, policy)
    assert original.answer.elapsed_ns == lived.answer.elapsed_ns
    assert {name: ns / MS for name, ns in original.asked_ns.items()} == lived.asked_ms
    played = play_other(case, other, original)
    event("unknown" if played.unknown else "known")
    assume(not played.unknown)
    expected = live(other, world, number=number, **request)
    assert said(played) == told(expected.answer)
    assert played.answer.elapsed_ns == expected.answer.elapsed_ns
    assert {name: ns / MS for name, ns in played.asked_ns.items()} == expected.asked_ms


@given(st.data(), _requests)
def test_by_the_same_rules_as_other_rules_nothing_changes(data: st.DataObject, request: dict[str, Any]) -> None:
    taking_part = data.draw(contestants())
    policy = data.draw(policies(taking_part))
    lived = live(policy, data.draw(worlds(taking_part, distinct=False)), **request)
    case = case_of(lived.record, lived.late)
    original = play_original(case, policy)
    again = play_other(case, policy, original)
    assert said(again) == said(original)
    assert again.answer.elapsed_ns == original.answer.elapsed_ns
    assert again.asked_ns == original.asked_ns


@given(st.data(), _requests)
def test_the_same_case_plays_the_same(data: st.DataObject, request: dict[str, Any]) -> None:
    taking_part = data.draw(contestants())
    policy, other = data.draw(policies(taking_part)), data.draw(policies(taking_part))
    lived = live(policy, replace(data.draw(worlds(taking_part, distinct=False)), timer_late_ms=3), **request)
    case = case_of(lived.record, lived.late)
    original = play_original(case, policy)
    assert play_original(case, policy) == original
    assert play_other(case, other, original) == play_other(case, other, original)
