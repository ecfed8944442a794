"""`force` names the only contestant that may answer."""

import pytest

from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import Contestant, Rendezvous, Request, Rule, Sample, Score, TaskPolicy
from tests.support.timeline import FAILS, NO_LINK, START_NS, Happening, play

SHED = ErrorInfo("shed", "left out")


def policy(*, early_advance: bool = True) -> TaskPolicy:
    return TaskPolicy(
        task="meter",
        contestants=(
            Contestant(name="primary"),
            Contestant(name="backup"),
            Contestant(name="reference", role="baseline"),
            Contestant(name="candidate", role="shadow"),
            Contestant(name="recorder", role="decoy"),
            Contestant(name="cloud", where="cloud"),
            Contestant(name="sampled", where="cloud", ask=Sample(0.0)),
            Contestant(name="teacher", where="cloud", ask="always"),
        ),
        rules=(
            Rule(accept="primary", min_confidence=0.8),
            Rule(accept="backup", after_ms=80, min_confidence=0.6),
            Rule(accept="cloud", after_ms=100),
        ),
        deadline_ms=300,
        early_advance=early_advance,
    )


def answers(told: list[tuple[float, str]]) -> list[tuple[float, str]]:
    return [(ms, what) for ms, what in told if what.startswith("answer")]


def test_only_the_forced_contestant_answers_whatever_its_confidence_and_its_rule() -> None:
    story: list[Happening] = [(10, "primary", 0.99), (20, "backup", 0.01)]
    assert answers(play(policy(), story, force="backup")) == [(20, "answer forced backup")]


def test_others_are_heard_all_the_same() -> None:
    story: list[Happening] = [(20, "backup", 0.01), (30, "primary", 0.99), (40, "teacher", 0.9)]
    assert play(policy(), story, force="backup") == [
        (0, "ask teacher"),
        (20, "answer forced backup"),
        (30, "late primary differs"),
        (40, "late teacher differs"),
    ]


def test_a_baseline_no_rule_names_may_be_forced() -> None:
    assert answers(play(policy(), [(20, "reference", None)], force="reference")) == [(20, "answer forced reference")]


def test_a_forced_contestant_that_fails_leaves_the_default_at_once() -> None:
    story: list[Happening] = [(10, "primary", 0.99), (20, "backup", FAILS)]
    assert answers(play(policy(), story, force="backup")) == [(20, "answer default")]


def test_without_early_advance_a_forced_failure_waits_for_the_deadline() -> None:
    story: list[Happening] = [(20, "backup", FAILS)]
    assert answers(play(policy(early_advance=False), story, force="backup")) == [(295, "answer default")]


def test_a_forced_contestant_that_says_nothing_leaves_the_default_when_time_is_up() -> None:
    assert answers(play(policy(), [(10, "primary", 0.99)], force="backup")) == [(295, "answer default")]


def test_a_forced_contestant_that_is_absent_leaves_the_default_at_once() -> None:
    assert answers(play(policy(), force="backup", absent={"backup": SHED})) == [(0, "answer default")]


@pytest.mark.parametrize("name", ["cloud", "sampled"])
def test_a_forced_cloud_contestant_is_asked_at_once_however_it_is_asked_otherwise(name: str) -> None:
    told = play(policy(), [(70, name, 0.1)], force=name)
    assert (0, f"ask {name}") in told
    assert answers(told) == [(70, f"answer forced {name}")]


def test_a_forced_cloud_contestant_whose_link_is_down_leaves_the_default_at_once() -> None:
    assert play(policy(), force="cloud", link=NO_LINK) == [(0, "answer default")]


def test_no_question_is_spent_on_doubts_it_could_not_settle() -> None:
    told = play(policy(), [(10, "primary", FAILS), (20, "backup", 0.1)], force="backup")
    assert "ask cloud" not in [what for _, what in told]


def test_a_forced_request_asks_to_be_woken_only_when_its_time_is_up() -> None:
    """A score that its rules would accept must not make the shell spin."""
    box = Rendezvous()
    box.open(Request("r1", START_NS, force="backup"), policy(), START_NS)
    box.score("r1", Score("primary", "7", 0.99), START_NS + 10)
    assert box.next_wake_ns == START_NS + 295_000_000
    assert box.tick(START_NS + 20) == []


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("primary", True),
        ("reference", True),
        ("cloud", True),
        ("candidate", False),
        ("recorder", False),
        ("nobody", False),
        ("", False),
    ],
)
def test_who_may_be_forced(name: str, *, allowed: bool) -> None:
    assert policy().may_be_forced(name) is allowed


@pytest.mark.parametrize("name", ["candidate", "recorder", "nobody", ""])
def test_a_shell_that_forces_who_may_not_be_forced_gets_the_default_at_once(name: str) -> None:
    assert answers(play(policy(), [(10, "candidate", 0.9)], force=name)) == [(0, "answer default")]
