"""Rollouts among devices that answer, fail, vanish, lie and come back in any order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from roost_cloud.rollouts import orders
from roost_cloud.rollouts.membership import aim_of, cuts_of, place
from roost_cloud.rollouts.plan import Plan, read_plan
from roost_cloud.rollouts.policy import Look, look
from roost_cloud.rollouts.states import ENDED, FINAL, UNDER_WAY, Fact, Finding, Member, Rollout

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
NAME = "r-1"
PHASES = [None, "downloading", "verified", "staged", "shadowing", "active", "confirmed", "failed", "rolled_back"]
PLAN = read_plan(
    {
        "task": "meter",
        "contestant": "primary",
        "bundle": "meter:8",
        "stages": [
            {"name": "shadow", "mode": "shadow", "share": 0.3},
            {"name": "some", "share": 0.3, "success": 0.5, "failure": 0.5},
            {"name": "all", "share": 1.0, "success": 0.5, "failure": 0.5},
        ],
        "timeout_s": 600,
        "unreachable_s": 600,
        "rate_per_hour": 3,
        "retries": [{"code": "download.", "attempts": 2, "after_s": 60}],
    }
)
happenings = st.lists(
    st.tuples(
        st.sampled_from(["report", "report", "report", "seen", "gone", "taken", "back"]),
        st.integers(0, 7),  # which device
        st.sampled_from(PHASES),
        st.sampled_from([True, True, True, False, None]),  # proof
        st.sampled_from([0, 30, 60, 600, -86_400, 86_400]),  # seconds until the next look
        st.sampled_from(["wait", "pass", "pass", "pass", "trip"]),
        st.sampled_from([None] * 12 + ["pause", "resume", "abort", "revert"]),
    ),
    max_size=60,
)


class World:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rollout = Rollout(since=NOON)
        self.members: dict[str, Member] = {}
        self.facts = {f"cam-{one}": Fact(device=f"cam-{one}", seen=one % 4 != 3) for one in range(8)}
        self.now = NOON
        self.versions = 0
        self.starts: list[tuple[float, str, int]] = []  # on the rollout's clock, which device, which stage

    def look(self, finding: Finding | None) -> Look:
        looked = self.peek(finding)
        self.rollout = looked.rollout
        for member in looked.changed:
            if member.target is not None and member.version is None:
                self.versions += 1
                if member.target != "previous" and member.attempts == 1:
                    self.starts.append((self.rollout.clock_s, member.device, member.stage))
                fact = self.facts[member.device]
                self.facts[member.device] = msgspec.structs.replace(
                    fact, carries=member.target, phase=None, proof=None, returned=False
                )
                member = msgspec.structs.replace(member, version=self.versions)  # noqa: PLW2901
            self.members[member.device] = member
        return looked

    def peek(self, finding: Finding | None) -> Look:
        return look(NAME, self.plan, self.rollout, self.members, self.facts, finding, self.now)

    def happen(self, what: str, device: str, phase: Any, proof: Any) -> None:
        fact, member = self.facts.get(device), self.members.get(device)
        if fact is None:
            return
        if what == "gone":
            del self.facts[device]
        elif what == "seen":
            self.facts[device] = msgspec.structs.replace(fact, seen=True)
        elif what == "taken":
            self.facts[device] = msgspec.structs.replace(fact, carries="other")
        elif member is not None and member.version is not None:
            back = member.target == "previous"
            self.facts[device] = msgspec.structs.replace(
                fact,
                believed=member.version,
                phase=None if back else phase,
                code="download.timeout" if phase == "failed" else None,
                proof=proof,
                returned=back and what == "back",
            )


def order(world: World, what: str) -> None:
    try:
        if what == "pause":
            world.rollout = orders.pause(world.rollout, world.now)
        elif what == "resume":
            world.rollout = orders.resume(world.rollout, world.now)
        elif what == "abort":
            world.rollout = orders.abort(world.rollout, world.now)
        else:
            world.rollout = orders.revert(world.rollout, world.now)
    except orders.WrongMomentError:
        pass


def check(world: World, before: Rollout, looked: Look) -> None:
    again = world.peek(Finding(verdict="wait"))
    assert not again.changed or again.rollout.state != looked.rollout.state, "a second look finds nothing to do"
    cuts = cuts_of(world.plan.stages, [1.0])
    for member in looked.changed:
        fact = world.facts.get(member.device)
        if member.state == "assigned" and member.version is None:
            assert before.state not in FINAL
            assert looked.rollout.state == "running"
            assert fact is not None
            assert fact.seen
            reached = aim_of(
                world.plan.stages, cuts, looked.rollout.stage, member.device, place(NAME, member.device), {}
            )
            assert reached is not None or member.stage >= 0
        if member.state == "confirmed":
            assert fact is not None
            assert fact.proof is True
            assert fact.phase == "confirmed"
    hour = [at for at, _, _ in world.starts if at > looked.rollout.clock_s - 3600]
    assert len(hour) <= 3
    counted = looked.count
    assert counted.executed == counted.confirmed + counted.failed


@settings(max_examples=150)
@given(happenings)
def test_only_what_may_happen_happens(history: list[tuple[Any, ...]]) -> None:
    world = World(PLAN)
    for what, device, phase, proof, after_s, verdict, ordered in history:
        world.happen(what, f"cam-{device}", phase, proof)
        if ordered is not None:
            order(world, ordered)
        world.now += timedelta(seconds=after_s)
        before = world.rollout
        looked = world.look(Finding(verdict=verdict, says=("so",)))
        check(world, before, looked)
    assert all(one.stage < len(PLAN.stages) for one in world.members.values())


@settings(max_examples=60)
@given(happenings, st.sampled_from(["confirmed", "failed"]))
def test_every_rollout_ends_in_a_stated_state_once_devices_answer(history: list[tuple[Any, ...]], answer: str) -> None:
    world = World(PLAN)
    for what, device, phase, proof, after_s, verdict, ordered in history:
        world.happen(what, f"cam-{device}", phase, proof)
        if ordered is not None:
            order(world, ordered)
        world.now += timedelta(seconds=after_s)
        world.look(Finding(verdict=verdict, says=("so",)))
    for _ in range(400):
        if world.rollout.state in FINAL:
            break
        if world.rollout.state == "paused":
            world.rollout = orders.resume(world.rollout, world.now)
        for name in list(world.facts):
            world.happen("back", name, answer, True)
        world.now += timedelta(seconds=300)
        looked = world.look(Finding(verdict="pass"))
    else:
        nobody = not any(one.state in ENDED or one.state in UNDER_WAY for one in world.members.values())
        assert nobody, f"{world.rollout} waits for {looked.waits_for} with {world.members}"
    if world.rollout.state in ("stopped", "reverted"):
        carrying = [
            one for one in world.members.values() if one.target in ("shadow", "active") and one.state != "left"
        ]
        assert not carrying, "all that took it went back"
