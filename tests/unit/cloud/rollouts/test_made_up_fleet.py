"""Devices that are made up for a rehearsal do as real ones would, and what they score shows what the candidate is."""

import random

import pytest

from roost_cloud.rollouts.made_up_fleet import Candidate, Fleet, MadeUpDevice
from roost_cloud.rollouts.made_up_inputs import MadeUpInputs
from roost_cloud.rollouts.plan import GateSettings
from roost_cloud.rollouts.states import MemberState

STEP_S = 60.0
STEADY = Fleet(devices=1, offline=0.0, uneven=0.0, inputs_per_hour=3600)


def made_up(fleet: Fleet = STEADY, candidate: Candidate | None = None) -> MadeUpDevice:
    return MadeUpDevice("device-000000", fleet, candidate or Candidate(), random.Random(1))


def go(device: MadeUpDevice, fleet: Fleet = STEADY, *, hours: float = 10) -> None:
    draw = random.Random(2)
    for number in range(int(hours * 3600 / STEP_S)):
        device.go(number * STEP_S, fleet, draw, STEP_S)


def test_a_device_proves_what_it_was_assigned_and_answers_by_it() -> None:
    device = made_up()
    device.assign("active", 1)
    assert not device.fact().returned
    go(device)
    fact = device.fact()
    assert (fact.phase, fact.believed, fact.proof, device.answers, device.scores) == ("confirmed", 1, True, True, True)


def test_a_shadow_scores_and_does_not_answer() -> None:
    device = made_up()
    device.assign("shadow", 1)
    go(device)
    assert (device.answers, device.scores) == (False, True)


def test_sent_back_it_says_so_and_answers_no_more() -> None:
    device = made_up()
    device.assign("active", 1)
    go(device)
    device.assign("previous", 2)
    go(device)
    assert (device.fact().returned, device.answers, device.fact().phase) == (True, False, None)


@pytest.mark.parametrize(
    ("candidate", "phase", "code"),
    [
        (Candidate(broken_devices=1.0), "failed", "install.golden_mismatch"),
        (Candidate(crash_devices=1.0), "rolled_back", "install.crashed"),
        (Candidate(slow_share=1.0), "rolled_back", "install.slow"),
    ],
)
def test_it_takes_no_bad_candidate(candidate: Candidate, phase: MemberState, code: str) -> None:
    device = made_up(candidate=candidate)
    device.assign("active", 1)
    go(device)
    assert (device.fact().phase, device.fact().code, device.answers) == (phase, code, False)


def test_a_liars_proof_is_wrong() -> None:
    fleet = Fleet(devices=1, offline=0.0, lying=1.0)
    device = made_up(fleet)
    device.assign("active", 1)
    go(device, fleet)
    assert (device.fact().phase, device.fact().proof) == ("confirmed", False)


@pytest.mark.parametrize("fleet", [Fleet(devices=1, unseen=1.0), Fleet(devices=1, dead=1.0)], ids=["unseen", "dead"])
def test_who_never_comes_or_is_gone_believes_nothing(fleet: Fleet) -> None:
    device = made_up(fleet)
    go(device, fleet, hours=49)
    device.assign("active", 1)
    device.go(49 * 3600, fleet, random.Random(3), STEP_S)
    assert (device.fact().online, device.fact().believed) == (False, 0)


def test_what_is_scored_and_labelled_shows_what_the_candidate_is() -> None:
    candidate = Candidate(disagreement=0.1, predicted=0.1, win_share=0.0)
    fleet = Fleet(devices=1, offline=0.0, uneven=0.0, inputs_per_hour=3600, labels_per_hour=600)
    device = made_up(fleet, candidate)
    inputs = MadeUpInputs(fleet, candidate, random.Random(4))
    inputs.come([device], STEP_S)
    assert (inputs.requests, inputs.labels) == (0, 0)  # nothing runs there
    device.assign("shadow", 1)
    go(device, fleet)
    for _ in range(600):
        inputs.come([device], STEP_S)
    assert inputs.requests == pytest.approx(0.99 * 36_000, rel=0.05)
    assert inputs.labels == pytest.approx(0.1 * inputs.requests, rel=0.2)
    assert inputs.finding(GateSettings()).verdict == "trip"
    inputs.begin_anew()
    assert inputs.finding(GateSettings()).verdict == "wait"
