"""What evidence amounts to: what chance can do is not held against anybody, and what it cannot is."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost_edge.changeover.evidence import Evidence, Subject
from roost_edge.changeover.judgement import find_fault, is_chance, is_enough


def evidence(*, answers: bool = True, predicted: float | None = None, **seen: Any) -> Evidence:
    subject = Subject(
        name="new", contestant="a", bundle="b:2", beside="old", answers=answers, limit_ns=1, predicted=predicted
    )
    found = Evidence(subject)
    for name, value in seen.items():
        setattr(found, name, value)
    return found


def code(found: Evidence, crashes: int = 2) -> str | None:
    fault = find_fault(found, margin=0.05, crashes=crashes)
    return None if fault is None else fault.code


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({"scored": 20, "timed": 20}, None),
        ({"scored": 20, "timed": 20, "slow": 4}, None),  # 1.6 % likely by chance
        ({"scored": 20, "timed": 20, "slow": 5}, "install.slow"),
        ({"timed": 1, "slow": 1}, None),  # one alone proves nothing
        ({"crashes": 1}, None),
        ({"crashes": 2}, "install.crashed"),
    ],
)
def test_few_inputs_prove_little(seen: dict[str, Any], expected: str | None) -> None:
    assert code(evidence(**seen)) == expected


def test_what_befalls_both_is_not_its_fault() -> None:
    busy: dict[str, Any] = {"scored": 20, "timed": 20, "slow": 8}
    assert code(evidence(**busy, counterpart_timed=20, counterpart_slow=0)) == "install.slow"
    assert code(evidence(**busy, counterpart_timed=20, counterpart_slow=8)) is None
    assert code(evidence(timed=2, slow=2, counterpart_timed=1)) is None, "two that came first prove nothing"


def test_faults_count_once_they_are_more_than_an_accident() -> None:
    one, two = evidence(scored=1), evidence(scored=1)
    one.faults["model.bad_output"] = 1
    two.faults["model.bad_output"] = 2
    assert code(one) is None
    assert code(two) == "install.faulty"


def test_disagreement_is_judged_against_what_was_predicted_and_only_then() -> None:
    seen: dict[str, Any] = {"scored": 40, "timed": 40, "compared": 40, "differing": 30}
    assert code(evidence(**seen)) is None
    assert code(evidence(**seen, predicted=0.7)) is None
    assert code(evidence(**seen, predicted=0.1)) == "install.disagreement"
    assert code(evidence(scored=2, compared=2, differing=2, predicted=0.1)) is None


def test_a_shadow_may_be_slow_and_say_what_it_likes_but_not_crash() -> None:
    seen: dict[str, Any] = {"scored": 40, "timed": 40, "slow": 40, "compared": 40, "differing": 40}
    assert code(evidence(answers=False, predicted=0.0, **seen)) is None
    assert code(evidence(answers=False, crashes=2)) == "install.crashed"


def test_it_is_enough_when_as_many_inputs_as_wanted_were_spoken_of() -> None:
    assert not is_enough(evidence(scored=9), 10)
    assert is_enough(evidence(scored=10), 10)
    assert is_enough(evidence(), 0)


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0, 1))
def test_the_tail_is_the_binomial_s(count: int, of: int, share: float) -> None:
    count = min(count, of)
    exact = math.fsum(math.comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(count, of + 1))
    if abs(exact - 0.01) > 1e-6:
        assert is_chance(count, of, share) == (exact > 0.01)


def test_a_million_inputs_are_judged_as_quickly() -> None:
    assert is_chance(50_100, 1_000_000, 0.05)
    assert not is_chance(51_000, 1_000_000, 0.05)
