from datetime import UTC, datetime
from typing import Any

import pytest

from roost_cloud.rollouts.facts import Known, fact_of, read_said
from roost_cloud.rollouts.gate import Seen
from roost_cloud.rollouts.states import Member, Target
from roost_shared.assignment import Install, Phase, Reported, Running
from roost_shared.messages import ErrorInfo, encode_json

BUNDLE = "meter:8@sha256:00"
PROVEN = {"golden": True, "golden_hash": "a", "hardware": "pi", "scored": 40, "slow": 0, "p95_ms": 4.0, "crashes": 0}


def fact(
    *,
    target: Target = "active",
    phase: Phase = "confirmed",
    running: Running | None = None,
    live: Seen | None = None,
    evidence: dict[str, Any] | None = None,
    **reported: Any,
) -> Any:
    """What is made of a report about version 2, on which the device was put."""
    contestant = "primary.candidate" if target == "shadow" else "primary"
    install = Install(task="meter", contestant=contestant, bundle=BUNDLE, phase=phase, evidence=evidence or PROVEN)
    told: dict[str, Any] = {"boot": "b", "version": 2, "confirmed": True, "desired": 2, "installs": [install]}
    tasks = {} if running is None else {"meter": {contestant: running}}
    document = encode_json(Reported(**told | {"tasks": tasks} | reported))
    said = read_said(document, "meter", contestant, BUNDLE)
    known = Known("cam", {}, True, True, 2, target, said, limit_ms=50, live=live)
    member = Member(
        device="cam", state="assigned", since=datetime(2026, 12, 1, tzinfo=UTC), stage=0, target=target, version=2
    )
    return fact_of(known, member, {})


def test_what_is_confirmed_and_in_force_is_proven() -> None:
    found = fact()
    assert (found.phase, found.proof, found.message) == ("confirmed", True, None)


@pytest.mark.parametrize(
    ("reported", "phase"),
    [
        ({"version": 1}, "active"),
        ({"confirmed": False}, "active"),
        ({"desired": 1}, None),
        ({"problem": ErrorInfo("trust.unsigned", "nobody signed it")}, "refused"),
        ({"installs": []}, None),
    ],
)
def test_what_a_device_says_of_another_version_is_no_proof(reported: dict[str, Any], phase: str | None) -> None:
    found = fact(**reported)
    assert (found.phase, found.proof) == (phase, None)


@pytest.mark.parametrize(
    ("running", "phase"),
    [
        (Running(bundle=BUNDLE, state="ready"), "confirmed"),
        (Running(bundle=BUNDLE, state="restarting"), "confirmed"),
        (Running(bundle="meter:7@sha256:00", state="failed"), "confirmed"),
        (Running(bundle=BUNDLE, state="failed"), "failed"),
        (Running(bundle=BUNDLE, state="thrown_out", error=ErrorInfo("worker.crashed", "again and again")), "failed"),
    ],
)
def test_what_ran_and_is_of_no_use_any_more_has_failed(running: Running, phase: str) -> None:
    found = fact(running=running)
    assert found.phase == phase
    assert (found.code is None) == (phase == "confirmed")


def test_of_a_shadow_s_time_nobody_judges_here() -> None:
    slow = PROVEN | {"slow": 40, "p95_ms": 400.0}
    assert fact(evidence=slow).proof is False
    assert fact(evidence=slow, target="shadow").proof is True


def test_windows_prove_what_a_quiet_trial_could_not() -> None:
    quiet = PROVEN | {"scored": 0, "p95_ms": None}
    found = fact(evidence=quiet)
    assert (found.proof, found.message) == (None, "it has scored no live input in its trial")
    assert fact(evidence=quiet, live=Seen(device="cam", scored=3)).proof is True
