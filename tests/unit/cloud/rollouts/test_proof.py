import math
from typing import Any

import pytest

from roost_cloud.rollouts.gate import Seen
from roost_cloud.rollouts.proof import counted, expected_hashes, prove

GOOD: dict[str, Any] = {
    "golden": True,
    "golden_hash": "a",
    "hardware": "pi",
    "scored": 40,
    "slow": 0,
    "p95_ms": 4.0,
    "crashes": 0,
}
EXPECTED = {"pi": "a"}


@pytest.mark.parametrize(
    ("changes", "is_right", "says"),
    [
        ({}, True, None),
        ({"golden": False}, False, "golden"),
        ({"golden": None}, None, "golden"),
        ({"golden_hash": "b"}, False, "not those of most devices with pi"),
        ({"golden_hash": None}, False, "not those of most"),
        ({"hardware": "other", "golden_hash": "b"}, True, None),
        ({"crashes": 1}, False, "lost its process 1 times"),
        ({"scored": 0}, None, "no live input"),
        ({"scored": -3}, None, "no live input"),
        ({"p95_ms": "fast"}, None, "no live input"),
        ({"p95_ms": 51.0, "slow": 3}, None, "3 of 40 scores took longer than 50 ms"),
        ({"p95_ms": 51.0, "slow": 20}, False, "20 of 40"),
        ({"p95_ms": math.nan, "slow": 10**9}, False, "40 of 40"),
        ({"p95_ms": math.nan, "slow": 0}, None, "0 of 40"),
    ],
)
def test_what_evidence_proves(changes: dict[str, Any], *, is_right: bool | None, says: str | None) -> None:
    proof = prove(GOOD | changes, EXPECTED, limit_ms=50)
    assert proof.is_right is is_right
    assert (proof.says is None) == (says is None)
    assert says is None or says in (proof.says or "")


def test_a_device_without_inputs_in_its_trial_is_proven_by_its_windows_later() -> None:
    quiet = {**GOOD, "scored": 0, "p95_ms": None}
    assert prove(quiet, EXPECTED, limit_ms=50, live=Seen(device="cam")).is_right is None
    assert prove(quiet, EXPECTED, limit_ms=50, live=Seen(device="cam", scored=100, slow=5)).is_right
    assert prove(quiet, EXPECTED, limit_ms=50, live=Seen(device="cam", scored=100, slow=9)).is_right is None


def test_what_was_fast_in_its_trial_may_turn_out_to_be_too_slow() -> None:
    later = Seen(device="cam", scored=1000, slow=300)
    assert prove(GOOD, EXPECTED, limit_ms=50, live=later).is_right is False
    assert prove(GOOD, EXPECTED, limit_ms=None, live=later).is_right


def test_most_of_at_least_three_say_what_golden_outputs_come_to() -> None:
    def said(*hashes: str) -> list[dict[str, Any]]:
        return [{"hardware": "pi", "golden_hash": one} for one in hashes]

    assert expected_hashes(said("a", "a")) == {}
    assert expected_hashes(said("a", "a", "b")) == {"pi": "a"}
    assert expected_hashes(said("a", "a", "b", "b")) == {}
    assert expected_hashes([{"hardware": 1, "golden_hash": []}, {}]) == {}


def test_what_a_device_counts_is_kept_within_reason() -> None:
    assert [counted(one) for one in (-5, 7, 10**30, 2.5, "9", None)] == [0, 7, 1_000_000_000, 0, 0, 0]
