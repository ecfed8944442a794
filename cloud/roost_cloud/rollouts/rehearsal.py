"""A rollout played over a fleet that is made up, in virtual time, by the policy and the gate that run real ones. Pure.

What people say of a candidate (how often it disagrees, how often it is right then, how slow it is, on which share of
devices it crashes) and of a fleet (how many are away, how long they take, how many lie) goes in; how long the rollout
took, how many devices answered by the candidate when it was stopped, and how many labels were asked for, comes out.
The same seed plays the same rehearsal.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from roost_cloud.rollouts.made_up_fleet import Candidate, Fleet, MadeUpDevice
from roost_cloud.rollouts.made_up_inputs import MadeUpInputs
from roost_cloud.rollouts.plan import Plan
from roost_cloud.rollouts.policy import GATE_WAITS, Look, look
from roost_cloud.rollouts.states import FINAL, Finding, Member, Rollout

__all__ = ["Rehearsed", "rehearse"]

_BEGIN: Final = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
_DAY_S: Final = 86_400.0


class Rehearsed(msgspec.Struct, frozen=True, kw_only=True):
    """How it went.

    Attributes:
        state: how the rollout ended; `running`, `approval`: it had not when time was up.
        reason: why.
        hours: that it took.
        exposed: the largest share of the fleet on which the candidate answered at once.
        confirmed: devices that confirmed, at the end.
        failed: devices on which it failed, at the end.
        labels: that people gave.
        requests: that the candidate scored before the end.
        waited_hours: during which devices were through and the gate had not decided.
        looks: how often the policy looked.
    """

    state: str
    reason: str
    hours: float
    exposed: float
    confirmed: int
    failed: int
    labels: int
    requests: int
    waited_hours: float
    looks: int


def rehearse(
    plan: Plan,
    fleet: Fleet,
    candidate: Candidate,
    *,
    seed: int = 0,
    step_s: float = 60.0,
    days: float = 14.0,
    progress: Callable[[float], None] | None = None,
) -> Rehearsed:
    """Play a rollout to its end. Stages that wait for a person are approved at once.

    Args:
        plan: the rollout's.
        fleet: what devices are like.
        candidate: what the bundle is like.
        seed: of all that is drawn.
        step_s: between two looks, in seconds of virtual time.
        days: after which it is broken off.
        progress: told the share of `days` that is over.
    """
    play = _Play(plan, fleet, candidate, random.Random(seed))  # noqa: S311 - a simulation
    steps = int(days * _DAY_S / step_s)
    for number in range(steps):
        if progress is not None and number % 64 == 0:
            progress(number / steps)
        if play.step(_BEGIN + timedelta(seconds=number * step_s), step_s):
            break
    return play.rehearsed()


class _Play:
    def __init__(self, plan: Plan, fleet: Fleet, candidate: Candidate, draw: random.Random) -> None:
        self._plan = msgspec.structs.replace(
            plan, stages=tuple(msgspec.structs.replace(one, approval=False) for one in plan.stages)
        )
        self._fleet, self._draw = fleet, draw
        self._devices = {name: MadeUpDevice(name, fleet, candidate, draw) for name in map(_name, range(fleet.devices))}
        self._inputs = MadeUpInputs(fleet, candidate, draw)
        self._rollout = Rollout(since=_BEGIN)
        self._members: dict[str, Member] = {}
        self._looks = 0
        self._exposed = 0.0
        self._waited_s = 0.0
        self._clock_s = 0.0

    def step(self, now: datetime, step_s: float) -> bool:
        self._clock_s = (now - _BEGIN).total_seconds()
        for device in self._devices.values():
            device.go(self._clock_s, self._fleet, self._draw, step_s)
        self._inputs.come(self._devices.values(), step_s)
        facts = {name: device.fact() for name, device in self._devices.items()}
        looked = look("rehearsal", self._plan, self._rollout, self._members, facts, self._finding(), now)
        self._looks += 1
        self._write(looked, step_s)
        answering = sum(one.answers for one in self._devices.values())
        self._exposed = max(self._exposed, answering / len(self._devices))
        return self._rollout.state in FINAL

    def rehearsed(self) -> Rehearsed:
        states = [one.state for one in self._members.values()]
        return Rehearsed(
            state=self._rollout.state,
            reason=self._rollout.reason,
            hours=round(self._clock_s / 3600, 2),
            exposed=round(self._exposed, 6),
            confirmed=states.count("confirmed"),
            failed=sum(states.count(one) for one in ("failed", "refused", "rolled_back", "timed_out")),
            labels=self._inputs.labels,
            requests=self._inputs.requests,
            waited_hours=round(self._waited_s / 3600, 2),
            looks=self._looks,
        )

    def _write(self, looked: Look, step_s: float) -> None:
        if looked.rollout.stage != self._rollout.stage:
            self._inputs.begin_anew()
        self._rollout = looked.rollout
        for member in looked.changed:
            if member.target is not None and member.version is None:
                device = self._devices[member.device]
                device.assign(member.target, device.version + 1)
                member = msgspec.structs.replace(member, version=device.version)  # noqa: PLW2901
            self._members[member.device] = member
        if looked.rollout.state == "running" and looked.waits_for[:1] == (GATE_WAITS,):
            self._waited_s += step_s

    def _finding(self) -> Finding | None:
        return None if self._rollout.stage < 0 else self._inputs.finding(self._plan.gate)


def _name(number: int) -> str:
    return f"device-{number:06d}"
