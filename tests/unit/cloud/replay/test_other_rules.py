"""What of a policy is made different."""

from pathlib import Path

import pytest

from roost_cloud.replay.other_rules import BadBarError, OtherRules, parse_bars, read_rules
from roost_shared.errors import ConfigError
from roost_shared.rendezvous import Contestant, PolicyDocument, Rule

DOCUMENT = PolicyDocument(
    task="meter",
    contestants=[Contestant(name="a"), Contestant(name="b")],
    rules=[
        Rule(accept="a", min_confidence=0.8),
        Rule(accept="b", after_ms=80),
        Rule(accept="a", after_ms=90, min_confidence=0.5),
        Rule(accept="a", after_ms=250),
    ],
    deadline_ms=300,
    max_deadline_ms=300,
    default="unknown",
)


def bars_of(document: PolicyDocument, contestant: str) -> list[float | None]:
    return [rule.min_confidence for rule in document.rules if rule.accept == contestant]


def test_nothing_different_is_the_same() -> None:
    assert OtherRules().of(DOCUMENT) == DOCUMENT


def test_a_bar_is_that_of_all_rules_which_have_one() -> None:
    assert bars_of(OtherRules(bars={"a": 0.9}).of(DOCUMENT), "a") == [0.9, 0.9, None]


def test_where_no_rule_has_a_bar_the_first_gets_it() -> None:
    assert bars_of(OtherRules(bars={"b": 0.9}).of(DOCUMENT), "b") == [0.9]


def test_whom_no_rule_accepts_has_no_bar() -> None:
    with pytest.raises(BadBarError, match="'stranger'"):
        OtherRules(bars={"stranger": 0.9}).of(DOCUMENT)


def test_a_bar_goes_over_the_rules_of_a_file() -> None:
    other = OtherRules(rules=[Rule(accept="b", min_confidence=0.1)], bars={"b": 0.7})
    assert other.of(DOCUMENT).rules == [Rule(accept="b", min_confidence=0.7)]


@pytest.mark.parametrize(
    ("recorded_ms", "other", "expected_ms"),
    [
        (300, OtherRules(deadline_ms=400), 400),
        (300, OtherRules(deadline_ms=200), 200),
        (900, OtherRules(deadline_ms=400), 900),
        (300, OtherRules(max_deadline_ms=900), 900),
    ],
)
def test_a_longest_deadline_that_nobody_set_goes_with_the_deadline(
    recorded_ms: float, other: OtherRules, expected_ms: float
) -> None:
    document = PolicyDocument(
        task="meter",
        contestants=DOCUMENT.contestants,
        rules=DOCUMENT.rules[:2],
        deadline_ms=300,
        max_deadline_ms=recorded_ms,
    )
    assert other.of(document).max_deadline_ms == expected_ms
    other.of(document).policy()


def test_all_of_a_tasks_times_can_be_different(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('guard_ms = 9\ndefault = "none"\nearly_advance = false\n[[rules]]\naccept = "b"\n')
    document = read_rules(file, "meter").of(DOCUMENT)
    assert (document.guard_ms, document.default, document.early_advance) == (9, "none", False)
    assert document.rules == [Rule(accept="b")]
    assert document.contestants == DOCUMENT.contestants


def test_the_tasks_own_part_of_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(
        'tenant = "acme"\n[tasks.other]\nx = 1\n[tasks.meter]\ndeadline_ms = 200\n'
        '[tasks.meter.capture]\nbase_rate = 1\n[[tasks.meter.contestants]]\nname = "a"\n'
    )
    assert read_rules(file, "meter") == OtherRules(deadline_ms=200)
    with pytest.raises(ConfigError, match=r"tasks\.other\.x: unknown setting"):
        read_rules(file, "other")
    with pytest.raises(ConfigError, match="tenant"):
        read_rules(file, "light")


def test_bars_are_read_as_they_are_written() -> None:
    assert parse_bars(["a=0.9", "b.c=1", "d=.5", "e=1.0"]) == {"a": 0.9, "b.c": 1.0, "d": 0.5, "e": 1.0}
    for text in ("a", "a=", "=0.9", "a=1.1", "a=nan", "a=-0.1", "A=0.9", "a=0.9 "):
        with pytest.raises(BadBarError, match=r"CONTESTANT=0\.9"):
            parse_bars([text])
