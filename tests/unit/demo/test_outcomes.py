"""The demo's figures say what happened, and never flatter."""

from typing import Any

import pytest

from roost_shared.messages import Answer, Reason
from scripts.roost_demo.outcomes import Outcome, first_answer_s, is_flawless, percentile, summarise
from scripts.roost_demo.pictures import Picture
from scripts.roost_demo.report import verdict


def outcome(
    label: str | None = "7",
    *,
    device: str = "cam-01",
    contestant: str | None = "primary",
    reason: Reason = "preferred",
    in_time: bool = True,
    elapsed_ms: float = 2.0,
    ended_s: float = 0.0,
) -> Outcome:
    answer = Answer(
        id="1",
        task="digits",
        label=label,
        confidence=0.9,
        top=[],
        output=None,
        contestant=contestant,
        bundle=None,
        reason=reason,
        deadline_met=in_time,
        elapsed_ms=elapsed_ms,
        candidates=[],
        received_at="2026-01-01T00:00:00Z",
    )
    return Outcome(device, 1, Picture(b"", "7"), answer, elapsed_ms + 1, ended_s)


LOST = Outcome("cam-01", 1, Picture(b"", "7"), None, None, 9.0)


def test_a_summary_counts_answers_reasons_and_right_labels() -> None:
    summary = summarise([outcome(), outcome("8", contestant="backup", reason="fallback", elapsed_ms=4.0)])
    assert summary["answers"] == summary["by_deadline"] == 2
    assert summary["accuracy"] == 0.5
    assert summary["by_reason"] == {"preferred": 1, "fallback": 1}
    assert summary["by_contestant"] == {"primary": 1, "backup": 1}
    assert summary["latency_ms"] == {"p50": 2.0, "p99": 4.0, "max": 4.0}
    assert summary["round_trip_ms"] == {"p50": 3.0, "p99": 5.0, "max": 5.0}


def test_a_default_is_an_answer_by_nobody() -> None:
    assert summarise([outcome(None, contestant=None, reason="default")])["by_contestant"] == {"default": 1}


@pytest.mark.parametrize(
    ("outcomes", "flawless"),
    [
        pytest.param([outcome(), outcome("8")], True, id="all in time, right or wrong"),
        pytest.param([outcome(), outcome(in_time=False)], False, id="one late"),
        pytest.param([outcome(), LOST], False, id="one lost"),
        pytest.param([], False, id="nothing happened"),
    ],
)
def test_flawless_means_every_answer_and_each_in_time(outcomes: list[Outcome], *, flawless: bool) -> None:
    summary: dict[str, Any] = summarise(outcomes)
    assert is_flawless(summary) is flawless


def test_an_answer_nobody_asked_for_is_a_fault() -> None:
    assert not is_flawless({**summarise([outcome()]), "unexpected": 1})


def test_the_verdict_names_what_went_wrong() -> None:
    kept = {
        "accuracy": {"all": 1.0},
        "capture": {"exactly_once": True},
        "new_versions": {"as_expected": True},
        "drift": {"as_expected": True},
        "story": None,
    }
    assert verdict(summarise([outcome()]) | kept).startswith("Every picture was answered once")
    assert "1 lost, 1 late" in verdict(summarise([outcome(), outcome(in_time=False), LOST]) | kept)
    assert "no picture was sent" in verdict(summarise([]) | kept)


def test_a_lost_picture_is_no_answer_and_spoils_no_latency() -> None:
    summary = summarise([LOST])
    assert (summary["answers"], summary["lost"], summary["accuracy"]) == (0, 1, None)
    assert summary["latency_ms"] is None


def test_the_first_answer_of_a_contestant_is_found_on_each_device() -> None:
    outcomes = [
        outcome(contestant="backup", ended_s=1.0),
        outcome(ended_s=2.0),
        outcome(ended_s=3.0),
        outcome(device="cam-02", ended_s=4.0),
    ]
    assert first_answer_s(outcomes, "primary") == {"cam-01": 2.0, "cam-02": 4.0}


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 2.0), (0.51, 3.0), (0.99, 4.0), (1.0, 4.0)])
def test_a_percentile_is_the_nearest_rank(share: float, expected: float) -> None:
    assert percentile([4.0, 2.0, 1.0, 3.0], share) == expected
