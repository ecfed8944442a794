from types import SimpleNamespace
from typing import cast

from roost_shared.messages import Answer, Candidate
from scripts.roost_demo.contestants import Contestant
from scripts.roost_demo.escalation import escalation_line, measure_escalation
from scripts.roost_demo.outcomes import Outcome
from scripts.roost_demo.pictures import Picture

CLOUD = cast("Contestant", SimpleNamespace(name="cloud", where="cloud", accuracy=0.97))
PRIMARY = cast("Contestant", SimpleNamespace(name="primary", where="local", accuracy=0.9))


def outcome(truth: str, primary: str, by: str, label: str) -> Outcome:
    said = Candidate("primary", "digits:3@sha256:0", primary, 0.5, 1.0)
    answer = Answer(
        id="1",
        task="digits",
        label=label,
        confidence=0.9,
        top=[],
        output=None,
        contestant=by,
        bundle=None,
        reason="preferred",
        deadline_met=True,
        elapsed_ms=2.0,
        candidates=[said],
        received_at="2026-11-24T00:00:00+00:00",
    )
    return Outcome("cam-01", 4, Picture(b"", truth), answer, 3.0, 0.0)


def test_the_devices_word_on_the_same_pictures_is_compared() -> None:
    together = [
        outcome("1", "1", "primary", "1"),
        outcome("2", "7", "cloud", "2"),
        outcome("3", "3", "cloud", "3"),
        outcome("4", "9", "primary", "9"),
    ]
    escalation = measure_escalation(together, [PRIMARY, CLOUD])
    assert escalation == {
        "edge_only": {"accuracy": 0.5, "kept_at_edge": 1.0},
        "cloud_only": {"accuracy": 0.97, "kept_at_edge": 0.0},
        "together": {"accuracy": 0.75, "kept_at_edge": 0.5},
    }
    assert "50.0% by the devices alone, 97.0% by the cloud alone, 75.0% together" in escalation_line(escalation)


def test_without_a_cloud_contestant_there_is_nothing_to_compare() -> None:
    assert measure_escalation([], [PRIMARY]) is None


def test_nothing_answered_is_no_share() -> None:
    escalation = measure_escalation([], [PRIMARY, CLOUD])
    assert escalation is not None
    assert escalation["together"]["kept_at_edge"] is None
    assert "- together" in escalation_line(escalation)
