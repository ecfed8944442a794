"""Training runs: whatever is done to them, in whatever order."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost_cloud.runs.openings import Finding, Situation, due
from roost_cloud.runs.policy import BadPolicyError, RunPolicy, encode_policy, read_policy
from roost_cloud.runs.retrying import PATIENCE, Cause, Faults, verdict
from roost_cloud.runs.state import CLAIMABLE, ENDED, STATES, WORKING, Move, RunStateError, State, move

MOVES: tuple[Move, ...] = get_args(Move)
CAUSES: tuple[Cause, ...] = get_args(Cause)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
PEOPLES: tuple[Move, ...] = ("approve", "cancel")


def after(state: State, by: Move) -> State | None:
    try:
        return move(state, by)
    except RunStateError:
        return None


def reachable(begin: State, moves: tuple[Move, ...] = MOVES) -> set[State]:
    found, waiting = {begin}, [begin]
    while waiting:
        state = waiting.pop()
        for by in moves:
            to = after(state, by)
            if to is not None and to not in found:
                found.add(to)
                waiting.append(to)
    return found


@given(begin=st.sampled_from(["proposed", "queued"]), moves=st.lists(st.sampled_from(MOVES), max_size=40))
def test_an_ended_run_stays_as_it_is_and_any_other_can_be_cancelled(begin: State, moves: list[Move]) -> None:
    state = begin
    for by in moves:
        to = after(state, by)
        if state in ENDED:
            assert to is None
        else:
            assert move(state, "cancel") == "cancelled"
        state = to or state


def test_every_state_is_reached_and_from_every_state_an_end_is() -> None:
    assert reachable("proposed") == set(STATES)
    for state in STATES:
        assert reachable(state) & ENDED


def test_nothing_is_registered_that_was_not_judged() -> None:
    for state in STATES:
        if after(state, "register") is not None:
            assert state in ("judging", "approved")
    assert {state for state in STATES if after(state, "pass") is not None} == {"judging"}
    assert {state for state in STATES if after(state, "approve") == "approved"} == {"passed"}


def test_what_a_worker_has_it_can_give_back_and_that_can_be_claimed_again() -> None:
    for state in WORKING:
        back = move(state, "retry")
        assert back in CLAIMABLE
        assert move(back, "claim") in WORKING


@given(
    cause=st.sampled_from(CAUSES),
    failures=st.integers(0, 50),
    more=st.integers(0, 50),
    attempts=st.integers(1, 20),
    age_s=st.integers(0, 3 * 86_400),
    draw=st.floats(0, 1),
)
def test_tries_end_and_waits_are_bounded(
    cause: Cause, failures: int, more: int, attempts: int, age_s: int, draw: float
) -> None:
    age = timedelta(seconds=age_s)
    again = verdict(cause, Faults(failures, failures + more), attempts=attempts, age=age, draw=draw)
    if again is not None:
        assert timedelta(seconds=5) <= again.wait <= timedelta(seconds=600)
        assert age < PATIENCE if cause == "peer" else failures < attempts
    if cause in ("impossible", "not_a_number", "bundle", "time", "disk"):
        assert again is None


@given(
    alarms=st.booleans(),
    every_days=st.none() | st.floats(0.01, 400),
    new_labels=st.none() | st.integers(1, 100),
    found=st.integers(0, 3),
    labels=st.integers(0, 200),
    last_days=st.none() | st.floats(0, 500),
)
def test_a_run_is_due_for_what_its_policy_names_and_nothing_else(
    *, alarms: bool, every_days: float | None, new_labels: int | None, found: int, labels: int, last_days: float | None
) -> None:
    policy = RunPolicy(alarms=alarms, every_days=every_days, new_labels=new_labels)
    ago = [NOON - timedelta(days=number) for number in range(found)]
    findings = [Finding(f"a-{since:%d}", f"cam-{since:%d}", since, "", None) for since in ago]
    last = None if last_days is None else NOON - timedelta(days=last_days)
    why = due(policy, Situation(findings, last, NOON, labels), NOON)
    reasons = {
        "alarm": alarms and found > 0,
        "labels": new_labels is not None and labels >= new_labels,
        "schedule": every_days is not None and last is not None and NOON - last >= timedelta(days=every_days),
    }
    assert (why is not None) == any(reasons.values())
    if why is not None:
        assert reasons[why.cause]
        assert why.since == (ago[-1] if why.cause == "alarm" else None)
        assert why.devices == (sorted(one.device for one in findings) if why.cause == "alarm" else None)


@pytest.mark.parametrize(
    "raw",
    [
        {"mode": "never"},
        {"bundle": "no reference"},
        {"labels_wanted": 0},
        {"trainer": "Not a Name"},
        {"every_days": 0},
        {"gate": {"epsilon": 2}},
        {"unknown": 1},
        [],
    ],
)
def test_a_bad_policy_is_refused(raw: object) -> None:
    with pytest.raises(BadPolicyError):
        read_policy(raw)


def test_a_policy_comes_back_as_it_was() -> None:
    policy = RunPolicy(mode="auto", bundle="meter@stable", parameters={"lambda": 0.03})
    assert read_policy(encode_policy(policy)) == policy
