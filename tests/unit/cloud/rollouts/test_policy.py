"""One rollout after the other, look by look, against devices that do as they are told here."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from roost_cloud.rollouts import orders
from roost_cloud.rollouts.plan import read_plan
from roost_cloud.rollouts.policy import Look, look
from roost_cloud.rollouts.states import Fact, Finding, Member, Rollout

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
PASS = Finding(verdict="pass")
WAIT = Finding(verdict="wait", says=("3 won and 1 lost",))
TRIP = Finding(verdict="trip", says=("it is worse",))


class Stage:
    """A rollout with its devices, on a clock that goes a minute with each look."""

    def __init__(self, stages: list[dict[str, Any]], devices: int = 4, **plan: Any) -> None:
        written = {"task": "meter", "contestant": "primary", "bundle": "meter:8", "stages": stages} | plan
        self.plan = read_plan(written)
        self.rollout = Rollout(since=NOON)
        self.members: dict[str, Member] = {}
        self.facts = {f"cam-{one}": Fact(device=f"cam-{one}", seen=True, online=True) for one in range(devices)}
        self.now = NOON
        self.finding: Finding | None = None
        self.assigned: list[tuple[str, str | None]] = []

    def look(self, *, after_s: float = 60) -> Look:
        self.now += timedelta(seconds=after_s)
        looked = look("r-1", self.plan, self.rollout, self.members, self.facts, self.finding, self.now)
        self.rollout = looked.rollout
        for member in looked.changed:
            if member.target is not None and member.version is None:
                self.assigned.append((member.device, member.target))
                version = len(self.assigned)
                self.tell(member.device, carries=member.target, phase=None, proof=None, returned=False)
                member = msgspec.structs.replace(member, version=version)  # noqa: PLW2901
            self.members[member.device] = member
        return looked

    def tell(self, device: str, **changes: Any) -> None:
        self.facts[device] = msgspec.structs.replace(self.facts[device], **changes)

    def confirm(self, *devices: str, proof: bool | None = True) -> None:
        for device in devices or [one.device for one in self.members.values() if one.version is not None]:
            self.tell(device, believed=self.members[device].version, phase="confirmed", proof=proof)

    def go_back(self) -> None:
        for member in self.members.values():
            if member.state == "returning":
                self.tell(member.device, believed=member.version, returned=True, phase=None)

    @property
    def state(self) -> str:
        return self.rollout.state

    @property
    def states(self) -> dict[str, str]:
        return {name: one.state for name, one in sorted(self.members.items())}


@pytest.mark.parametrize("devices", [1, 2])
def test_a_share_that_earlier_stages_have_reached_whole_waits_for_nobody(devices: int) -> None:
    run = Stage(
        [{"name": name, "share": share} for name, share in (("one", 0.01), ("few", 0.02), ("all", 1.0))], devices
    )
    for _ in range(6):
        run.look()
        run.confirm()
    assert (run.state, set(run.states.values())) == ("finished", {"confirmed"})


def test_stages_follow_each_other_when_all_their_devices_have_confirmed() -> None:
    run = Stage([{"name": "one", "share": 0.01}, {"name": "all", "share": 1.0}])
    run.look()
    assert len(run.assigned) == 1
    first = run.assigned[0][0]
    assert run.look().waits_for == ("1 on their way", "0 of at least 1 came to an end")
    run.confirm()
    run.look()
    assert (run.rollout.stage, len(run.assigned)) == (1, 4)
    run.confirm()
    looked = run.look()
    assert (run.state, looked.waits_for) == ("finished", ())
    assert set(run.states.values()) == {"confirmed"}
    assert run.members[first].stage == 0, "it is of the stage that reached it first"
    assert not run.look().changed, "what is over stays as it is"


def test_a_shadow_is_not_let_on_before_the_gate_says_so_and_is_stopped_when_it_says_no() -> None:
    run = Stage([{"name": "shadow", "mode": "shadow", "share": 0.5}, {"name": "all", "share": 1.0}])
    run.look()
    run.confirm()
    run.finding = WAIT
    assert run.look().waits_for == ("the gate has not let it on", "3 won and 1 lost")
    run.finding = PASS
    run.look()
    assert run.rollout.stage == 1
    assert {target for _, target in run.assigned} == {"shadow", "active"}
    run.finding = TRIP
    run.look()
    assert (run.state, run.rollout.reason) == ("stopping", "stage all: it is worse")
    assert set(run.states.values()) == {"returning"}
    run.go_back()
    run.look()
    assert (run.state, set(run.states.values())) == ("stopped", {"returned"})


def test_too_many_failures_stop_it_and_all_go_back() -> None:
    run = Stage([{"name": "all", "share": 1.0, "success": 0.5, "failure": 0.25, "minimum": 2}])
    run.look()
    run.tell("cam-0", believed=9, phase="rolled_back", code="install.crashed")
    run.look()
    assert run.state == "running", "one device is fewer than two"
    run.confirm("cam-1")
    run.look()
    assert run.state == "stopping"
    assert "1 of 2 failed (install.crashed 1)" in run.rollout.reason
    assert run.states["cam-0"] == "returning", "it too is given what it ran before, with a higher number"
    run.go_back()
    run.look()
    assert run.members["cam-0"].code == "install.crashed", "why it went back is not forgotten"


def test_what_is_installed_is_no_success_and_a_wrong_proof_is_a_failure() -> None:
    run = Stage([{"name": "all", "share": 1.0, "success": 0.0, "failure": 1.0}])
    run.look()
    run.confirm(proof=None)
    run.confirm("cam-2", proof=False)
    run.look()
    assert run.states == {"cam-0": "active", "cam-1": "active", "cam-2": "failed", "cam-3": "active"}
    assert run.members["cam-2"].code == "proof.mismatch"
    assert "cam-2" in (run.members["cam-2"].message or "")


def test_a_failure_worth_it_is_tried_again_and_then_counts() -> None:
    run = Stage(
        [{"name": "all", "share": 1.0, "success": 0.0, "failure": 1.0}],
        devices=1,
        retries=[{"code": "download.", "attempts": 2, "after_s": 120}],
    )
    run.look()
    for expected in ("waiting", "waiting"):
        run.tell("cam-0", believed=run.members["cam-0"].version, phase="failed", code="download.timeout")
        run.look()
        assert run.states["cam-0"] == expected
        run.look()
        run.look()
        if run.members["cam-0"].attempts == 2:
            break
    assert run.assigned == [("cam-0", "active")] * 2
    run.tell("cam-0", believed=run.members["cam-0"].version, phase="failed", code="download.timeout")
    run.look()
    assert (run.states["cam-0"], run.members["cam-0"].code) == ("failed", "download.timeout")


def test_silence_is_no_failure_before_a_device_has_read_its_assignment_and_holds_nobody_up() -> None:
    stages = [{"name": "all", "share": 1.0, "success": 0.5, "failure": 0.5}]
    run = Stage(stages, timeout_s=600, unreachable_s=300)
    run.tell("cam-3", seen=False)
    run.look()
    assert "cam-3" not in run.members, "never seen: neither blocks nor fails"
    run.confirm("cam-0")
    run.tell("cam-1", believed=9, phase="downloading")  # and stays there
    for _ in range(12):
        run.look()
    assert run.states == {"cam-0": "confirmed", "cam-1": "timed_out", "cam-2": "assigned"}
    assert run.state == "finished", "one of the two that came to an end confirmed, as was asked"


def test_an_unreachable_device_lets_a_rollout_end_and_is_followed_afterwards() -> None:
    run = Stage([{"name": "all", "share": 1.0}], unreachable_s=300)
    run.look()
    run.confirm("cam-0", "cam-1", "cam-2")
    for _ in range(6):
        looked = run.look()
    assert (run.state, looked.count.unreachable) == ("finished", 1)
    run.confirm("cam-3")
    run.look()
    assert (run.state, run.states["cam-3"]) == ("finished", "confirmed")


def test_late_joiners_land_where_they_would_have_been() -> None:
    run = Stage([{"name": "half", "share": 0.5}, {"name": "all", "share": 1.0, "hold_s": 1e6}], devices=20)
    run.look()
    run.confirm()
    run.look()
    assert run.rollout.stage == 1
    run.tell("cam-0", seen=True)
    run.facts["late"] = Fact(device="late", seen=True)
    run.look()
    assert run.states["late"] == "assigned"


def test_a_rate_a_window_a_pause_and_a_hold_hold_it_back() -> None:
    run = Stage([{"name": "all", "share": 1.0, "hold_s": 600}], devices=5, rate_per_hour=2)
    run.look()
    assert len(run.assigned) == 2
    assert len(run.look().changed) == 0
    run.rollout = orders.pause(run.rollout, run.now)
    for _ in range(61):
        run.look()
    assert len(run.assigned) == 2
    run.rollout = orders.resume(run.rollout, run.now)
    run.look()
    assert len(run.assigned) == 4
    night = Stage([{"name": "all", "share": 1.0}], windows=[{"start": "22:00", "end": "23:00"}])
    assert "no window is open" in night.look().waits_for
    assert not night.assigned
    held = Stage([{"name": "all", "share": 1.0, "hold_s": 600}])
    held.look()
    held.confirm()
    assert held.look().waits_for == ("held for another 540 s",)


def test_what_is_paused_or_unapproved_before_it_began_does_not_begin() -> None:
    run = Stage([{"name": "all", "share": 1.0, "approval": True}])
    assert run.look().waits_for == ("stage all waits for approval",)
    run.rollout = orders.pause(run.rollout, run.now)
    assert run.look().waits_for == ("it is paused",)
    run.rollout = orders.approve(run.plan, orders.resume(run.rollout, run.now))
    run.look()
    assert len(run.assigned) == 4


def test_approval_is_waited_for_and_may_be_given_before() -> None:
    stages = [{"name": "one", "share": 0.01}, {"name": "all", "share": 1.0, "approval": True}]
    run = Stage(stages)
    run.look()
    run.confirm()
    assert run.look().waits_for == ("stage all waits for approval",)
    assert run.state == "approval"
    run.rollout = orders.approve(run.plan, run.rollout)
    run.look()
    assert (run.state, run.rollout.stage, len(run.assigned)) == ("running", 1, 4)
    with pytest.raises(orders.WrongMomentError, match="cannot be approved now"):
        orders.approve(run.plan, run.rollout)
    early = Stage(stages)
    early.look()
    early.rollout = orders.approve(early.plan, early.rollout)
    early.confirm()
    early.look()
    assert early.rollout.stage == 1


def test_an_abort_keeps_what_has_confirmed_and_a_revert_takes_all_back() -> None:
    run = Stage([{"name": "all", "share": 1.0}])
    run.look()
    run.confirm("cam-0")
    run.look()
    run.rollout = orders.abort(run.rollout, run.now)
    run.look()
    assert run.states["cam-0"] == "confirmed"
    assert [run.states[f"cam-{one}"] for one in (1, 2, 3)] == ["returning"] * 3
    run.go_back()
    run.look()
    assert run.state == "aborted"
    run.rollout = orders.revert(run.rollout, run.now)
    run.look()
    run.go_back()
    run.look()
    assert (run.state, set(run.states.values())) == ("reverted", {"returned"})


def test_whoever_is_assigned_something_else_or_is_gone_takes_no_more_part() -> None:
    run = Stage([{"name": "all", "share": 1.0}])
    run.look()
    run.tell("cam-0", carries="other")
    del run.facts["cam-1"]
    run.look()
    assert (run.members["cam-0"].code, run.members["cam-1"].code) == ("rollout.superseded", "device.gone")
    run.confirm("cam-2", "cam-3")
    looked = run.look()
    assert (run.state, looked.count.left) == ("finished", 2)
    assert run.rollout.reason == "2 of 2 confirmed; and without it: 2 left"
    assert len(run.assigned) == 4, "nothing is assigned to them any more"


@pytest.mark.parametrize("jump", [timedelta(days=3650), timedelta(days=-3650)])
def test_no_jump_of_the_clock_times_anybody_out(jump: timedelta) -> None:
    run = Stage([{"name": "all", "share": 1.0}], timeout_s=3600, unreachable_s=3600)
    run.look()
    for name in run.facts:
        run.tell(name, believed=9, phase="downloading")
    run.look()
    run.now += jump
    run.look()
    assert set(run.states.values()) == {"downloading"}
    assert run.state == "running"


def test_a_device_that_crashes_after_it_confirmed_counts_as_failed() -> None:
    run = Stage([{"name": "all", "share": 1.0, "hold_s": 3600}])
    run.look()
    run.confirm()
    run.look()
    run.tell("cam-0", phase="rolled_back", code="install.crashed")
    run.look()
    assert (run.states["cam-0"], run.state) == ("returning", "stopping")
