"""A task's policy is validated once, and a refusal names the key and the remedy."""

from typing import Any

import pytest

from roost_shared.errors import ContentError
from roost_shared.rendezvous import Contestant, PolicyError, Rule, Sample, TaskPolicy

NAN = float("nan")
INF = float("inf")
PRIMARY = Contestant(name="primary")


def policy(**changes: Any) -> TaskPolicy:
    fields: dict[str, Any] = {
        "task": "meter",
        "contestants": (PRIMARY,),
        "rules": (Rule(accept="primary"),),
        "deadline_ms": 300,
    }
    return TaskPolicy(**(fields | changes))


def with_second(**changes: Any) -> dict[str, Any]:
    return {"contestants": (PRIMARY, Contestant(**({"name": "second"} | changes)))}


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "deadline zero": ({"deadline_ms": 0}, "deadline_ms", "above 0"),
    "deadline negative": ({"deadline_ms": -1}, "deadline_ms", "above 0"),
    "deadline endless": ({"deadline_ms": INF}, "deadline_ms", "above 0"),
    "deadline not a number": ({"deadline_ms": NAN}, "deadline_ms", "above 0"),
    "guard negative": ({"guard_ms": -1}, "guard_ms", "below deadline_ms"),
    "guard as long as the deadline": ({"guard_ms": 300}, "guard_ms", "below deadline_ms"),
    "guard not a number": ({"guard_ms": NAN}, "guard_ms", "below deadline_ms"),
    "maximum below the deadline": ({"max_deadline_ms": 299}, "max_deadline_ms", "deadline_ms or more"),
    "maximum endless": ({"max_deadline_ms": INF}, "max_deadline_ms", "deadline_ms or more"),
    "tolerance negative": ({"agreement_tolerance": -0.1}, "agreement_tolerance", "0 or more"),
    "tolerance not a number": ({"agreement_tolerance": NAN}, "agreement_tolerance", "0 or more"),
    "no name": (with_second(name="Big One"), "contestants[1].name", "Use a-z"),
    "name taken": (with_second(name="primary"), "contestants[1].name", "its own name"),
    "share above one": (with_second(where="cloud", ask=Sample(1.1)), "contestants[1].ask", "sample = 0.02"),
    "share negative": (with_second(where="cloud", ask=Sample(-0.1)), "contestants[1].ask", "sample = 0.02"),
    "share not a number": (with_second(where="cloud", ask=Sample(NAN)), "contestants[1].ask", "sample = 0.02"),
    "no rules": ({"rules": ()}, "rules", "at least one"),
    "nobody": ({"contestants": ()}, "rules[0].accept", "There are: none"),
    "rule for a stranger": ({"rules": (Rule(accept="backup"),)}, "rules[0].accept", "There are: primary"),
    "rule for a shadow": (
        with_second(role="shadow") | {"rules": (Rule(accept="primary"), Rule(accept="second"))},
        "rules[1].accept",
        "role = 'answer'",
    ),
    "rule for a decoy": (
        with_second(role="decoy") | {"rules": (Rule(accept="second"),)},
        "rules[0].accept",
        "role = 'answer'",
    ),
    "rule at the deadline": ({"rules": (Rule(accept="primary", after_ms=300),)}, "rules[0].after_ms", "earlier"),
    "rule before receipt": ({"rules": (Rule(accept="primary", after_ms=-1),)}, "rules[0].after_ms", "0 or more"),
    "rule at no time": ({"rules": (Rule(accept="primary", after_ms=NAN),)}, "rules[0].after_ms", "0 or more"),
    "bar above one": ({"rules": (Rule(accept="primary", min_confidence=80),)}, "rules[0].min_confidence", "0.8"),
    "bar just above one": (
        {"rules": (Rule(accept="primary", min_confidence=1.01),)},
        "rules[0].min_confidence",
        "0.8",
    ),
    "bar negative": ({"rules": (Rule(accept="primary", min_confidence=-0.1),)}, "rules[0].min_confidence", "0.8"),
    "bar not a number": ({"rules": (Rule(accept="primary", min_confidence=NAN),)}, "rules[0].min_confidence", "0.8"),
}


@pytest.mark.parametrize(("changes", "key", "remedy"), REFUSED.values(), ids=REFUSED.keys())
def test_a_contradiction_is_refused_with_key_and_remedy(changes: dict[str, Any], key: str, remedy: str) -> None:
    with pytest.raises(PolicyError) as refusal:
        policy(**changes)
    assert refusal.value.key == key
    assert remedy in refusal.value.remedy
    assert str(refusal.value) == f"{key}: {refusal.value.problem}. {refusal.value.remedy}"


def test_a_refusal_has_a_stable_code() -> None:
    assert issubclass(PolicyError, ContentError)
    assert PolicyError.code == "policy.invalid"


def test_a_refusal_counts_rules_as_they_were_written() -> None:
    written = (Rule(accept="primary", after_ms=50), Rule(accept="stranger"))
    with pytest.raises(PolicyError, match=r"rules\[1\]\.accept"):
        policy(rules=written)


@pytest.mark.parametrize(
    "changes",
    [
        {"guard_ms": 0},
        {"max_deadline_ms": 300},
        {"agreement_tolerance": 0},
        {"rules": (Rule(accept="primary", after_ms=299.9),)},
        {"rules": (Rule(accept="primary", min_confidence=0), Rule(accept="primary", min_confidence=1))},
        with_second(where="cloud", ask=Sample(0.0)),
        with_second(where="cloud", ask=Sample(1.0)),
        with_second(role="baseline") | {"rules": (Rule(accept="second"),)},
    ],
)
def test_the_edges_are_allowed(changes: dict[str, Any]) -> None:
    policy(**changes)
