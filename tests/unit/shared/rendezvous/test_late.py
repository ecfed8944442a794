"""What comes after the answer: late scores, whether they differ, and the closing."""

from typing import Any

import pytest

from roost_shared.clock import MS, SECOND
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import (
    Answer,
    Close,
    Contestant,
    Effect,
    Late,
    Rendezvous,
    Request,
    Rule,
    Score,
    TaskPolicy,
)
from tests.support.timeline import FAILS, FAST, START_NS, describe, play_effects

TRIO = (Contestant(name="primary"), Contestant(name="backup"), Contestant(name="candidate", role="shadow"))


def policy(tolerance: float | None = None) -> TaskPolicy:
    rules = (Rule(accept="primary"), Rule(accept="backup", after_ms=80))
    return TaskPolicy(task="meter", contestants=TRIO, rules=rules, deadline_ms=300, agreement_tolerance=tolerance)


def open_at(rendezvous: Rendezvous, request_id: str = "r1", tolerance: float | None = None) -> None:
    rendezvous.open(Request(request_id, START_NS), policy(tolerance), START_NS)


def words(effects: list[Effect]) -> list[str]:
    return [describe(effect) for effect in effects]


def test_a_score_after_the_answer_is_late_and_the_last_one_closes() -> None:
    rendezvous = Rendezvous()
    open_at(rendezvous)
    assert words(rendezvous.score("r1", Score("primary", "7", 0.9), START_NS + 1)) == ["answer preferred primary"]
    assert words(rendezvous.score("r1", Score("backup", "7", 0.9), START_NS + 2)) == ["late backup"]
    assert words(rendezvous.score("r1", Score("candidate", "1", 0.9), START_NS + 3)) == [
        "late candidate differs",
        "close",
    ]
    assert len(rendezvous) == 0


def test_a_failure_after_the_answer_is_silent_and_may_close() -> None:
    rendezvous = Rendezvous()
    open_at(rendezvous)
    rendezvous.score("r1", Score("primary", "7", 0.9), START_NS + 1)
    assert rendezvous.failure("r1", "backup", FAILS, START_NS + 2) == []
    assert words(rendezvous.failure("r1", "candidate", FAILS, START_NS + 3)) == ["close"]


def test_a_late_score_beyond_belief_is_a_failure() -> None:
    rendezvous = Rendezvous()
    open_at(rendezvous)
    rendezvous.score("r1", Score("primary", "7", 0.9), START_NS + 1)
    assert rendezvous.score("r1", Score("backup", "7", float("nan")), START_NS + 2) == []


def test_a_request_closes_ten_seconds_after_its_answer_if_somebody_stays_silent() -> None:
    effects = play_effects(policy(), Request("r1", START_NS), [(20, "primary", 0.9)])
    assert [(ms, describe(effect)) for ms, effect in effects] == [(20, "answer preferred primary"), (10_020, "close")]


def test_late_scores_do_not_prolong_the_wait() -> None:
    effects = play_effects(policy(), Request("r1", START_NS), [(20, "primary", 0.9), (9_000, "backup", 0.9)])
    assert [(ms, type(effect)) for ms, effect in effects][1:] == [(9_000, Late), (10_020, Close)]


def test_a_score_after_the_close_is_counted() -> None:
    rendezvous = Rendezvous(linger_ns=SECOND)
    open_at(rendezvous)
    rendezvous.score("r1", Score("primary", "7", 0.9), START_NS)
    assert words(rendezvous.tick(START_NS + SECOND)) == ["close"]
    assert rendezvous.score("r1", Score("backup", "7", 0.9), START_NS + SECOND) == []
    assert rendezvous.counts == {"unknown_request": 1}


@pytest.mark.parametrize(
    ("said", "says", "tolerance", "differs"),
    [
        ({"label": "7"}, {"label": "7"}, None, False),
        ({"label": "7"}, {"label": "1"}, None, True),
        ({"label": "7"}, {"label": None}, None, True),
        ({"output": 1.0}, {"output": 1.5}, 0.5, False),
        ({"output": 1.0}, {"output": 1.51}, 0.5, True),
        ({"output": 2}, {"output": 1}, 0.5, True),
        ({"output": -1.0}, {"output": 1.0}, 0.5, True),
        ({"label": "7", "output": 1.0}, {"label": "7", "output": None}, 0.5, False),
        ({"label": "7", "output": [1.0]}, {"label": "1", "output": 1.0}, 0.5, True),
        ({"output": [1.0, 2.0]}, {"output": [1.5, 1.5]}, 0.5, False),
        ({"output": [1.0, 2.0]}, {"output": [1.0, 2.51]}, 0.5, True),
        ({"output": [1.0, 2.0]}, {"output": [1.0]}, 0.5, True),
        ({"output": [1.0]}, {"output": 1.0}, 0.5, True),
        ({"output": [1.0]}, {"output": "far"}, 0.5, True),
        ({"output": [1.0]}, {"output": [1.0]}, None, False),
        ({"output": [1.0]}, {"output": [1.1]}, None, True),
        ({"output": [float("nan")]}, {"output": [1.0]}, 0.5, True),
    ],
)
def test_a_late_score_differs_by_label_or_beyond_the_tolerance(
    said: dict[str, Any], says: dict[str, Any], tolerance: float | None, *, differs: bool
) -> None:
    rendezvous = Rendezvous()
    open_at(rendezvous, tolerance=tolerance)
    rendezvous.score("r1", Score("primary", **said), START_NS + 1)
    (late,) = rendezvous.score("r1", Score("backup", **says), START_NS + 2)
    assert isinstance(late, Late)
    assert late.differs is differs


def test_every_late_score_differs_from_a_default() -> None:
    rendezvous = Rendezvous()
    open_at(rendezvous)
    rendezvous.tick(START_NS + 295_000_000)
    assert words(rendezvous.score("r1", Score("primary", "7", 0.9), START_NS + 300_000_000)) == [
        "late primary differs"
    ]


# ---- a wait that is over, and a score that comes after all


CLOUD = TaskPolicy(
    task="meter",
    contestants=(Contestant(name="primary"), Contestant(name="cloud", where="cloud")),
    rules=(
        Rule(accept="primary", min_confidence=0.8),
        Rule(accept="cloud", min_confidence=0.7),
        Rule(accept="primary", after_ms=200, min_confidence=0.5),
    ),
    deadline_ms=300,
)
LOST = ErrorInfo("link.lost", "unanswered")


def ask_in_vain(rendezvous: Rendezvous, confidence: float = 0.1) -> list[str]:
    """A request whose cloud contestant was asked, and is no longer waited for."""
    rendezvous.link("meter", FAST, START_NS)
    rendezvous.open(Request("r1", START_NS), CLOUD, START_NS)
    rendezvous.score("r1", Score("primary", "1", confidence), START_NS + MS)
    return words(rendezvous.failure("r1", "cloud", LOST, START_NS + 2 * MS, final=False))


def test_who_is_no_longer_waited_for_is_not_outstanding() -> None:
    assert ask_in_vain(Rendezvous()) == ["answer fallback primary"]


def test_its_score_is_late_where_the_answer_has_left_and_then_the_request_closes() -> None:
    rendezvous = Rendezvous()
    ask_in_vain(rendezvous)
    assert words(rendezvous.score("r1", Score("cloud", "7", 0.9), START_NS + 3 * MS)) == [
        "late cloud differs",
        "close",
    ]
    assert rendezvous.score("r1", Score("cloud", "7", 0.9), START_NS + 4 * MS) == []


def test_its_score_answers_where_the_answer_is_still_to_come() -> None:
    rendezvous = Rendezvous()
    rendezvous.link("meter", FAST, START_NS)
    rendezvous.open(Request("r1", START_NS), CLOUD, START_NS)
    assert words(rendezvous.tick(START_NS + 233 * MS)) == ["ask cloud"]
    assert rendezvous.failure("r1", "cloud", LOST, START_NS + 250 * MS, final=False) == []
    (answer,) = rendezvous.score("r1", Score("cloud", "7", 0.9), START_NS + 260 * MS)[:1]
    assert describe(answer) == "answer preferred cloud"
    assert isinstance(answer, Answer)
    assert [(seen.contestant, seen.error) for seen in answer.candidates] == [("cloud", None)]


def test_it_lingers_for_such_a_score_no_longer_than_for_others() -> None:
    rendezvous = Rendezvous()
    ask_in_vain(rendezvous)
    assert words(rendezvous.tick(START_NS + 11 * SECOND)) == ["close"]
    assert len(rendezvous) == 0
