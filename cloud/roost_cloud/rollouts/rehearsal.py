"""A rollout played over a fleet that is made up, in virtual time, by the policy and the gate that run real ones. Pure.

What people say of a candidate (how often it disagrees, how often it is right then, how slow it is, on which share of
devices it crashes) and of a fleet (how many are away, how long they take, how many lie) goes in; how long the rollout
took, how many devices answered by the candidate when it was stopped, and how many labels were asked for, comes out.
The same seed plays the same rehearsal.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from roost_cloud.rollouts.gate import Seen, judge
from roost_cloud.rollouts.plan import Plan
from roost_cloud.rollouts.policy import GATE_WAITS, Look, look
from roost_cloud.rollouts.states import FINAL, Fact, Finding, Member, MemberState, Rollout
from roost_shared.assignment import Trial

__all__ = ["Candidate", "Fleet", "Rehearsed", "rehearse"]

Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
_BEGIN: Final = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
_WATCHED: Final = Trial().watch_inputs  # while the candidate answers on a device, before that lets it
_TOO_MANY_SLOW: Final = 12  # of them: less likely than 1 % where 5 % may be, which is what a device asks
_DAY_S: Final = 86_400.0


class Candidate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the candidate is like.

    Attributes:
        disagreement: share of inputs on which it says something else than the incumbent.
        predicted: the same, as its bundle predicts it; None: it does not.
        win_share: of those, on which it is right and the incumbent wrong; on all others it is the other way round.
        slow_share: share of its scores that take longer than there is time.
        crash_devices: share of devices on which it crashes.
        broken_devices: share of devices on which its golden vectors do not come out.
    """

    disagreement: Share = 0.05
    predicted: Share | None = 0.05
    win_share: Share = 0.7
    slow_share: Share = 0.01
    crash_devices: Share = 0.0
    broken_devices: Share = 0.0


class Fleet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the devices are like.

    Attributes:
        devices: how many there are.
        inputs_per_hour: that each scores.
        uneven: by how much devices differ in what they see: standard deviation of the logarithm of disagreement.
        coverage: share of inputs that a shadow scores.
        offline: share of the time that a device is away.
        dead: share of devices that go away for good in the middle.
        unseen: share of devices that never come.
        lying: share of devices whose proof is wrong.
        install_s: what an installation takes, on average, in seconds.
        labels_per_hour: that people give.
    """

    devices: Annotated[int, Meta(ge=1, le=1_000_000)] = 100
    inputs_per_hour: Positive = 60
    uneven: Annotated[float, Meta(ge=0, le=3)] = 0.3
    coverage: Share = 0.99
    offline: Share = 0.05
    dead: Share = 0.0
    unseen: Share = 0.0
    lying: Share = 0.0
    install_s: Positive = 300
    labels_per_hour: Annotated[float, Meta(ge=0)] = 20


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


class _Device:
    """A made-up device."""

    def __init__(self, name: str, fleet: Fleet, candidate: Candidate, draw: random.Random) -> None:
        self.name = name
        self.seen = draw.random() >= fleet.unseen
        self.lies = draw.random() < fleet.lying
        self.crashes = draw.random() < candidate.crash_devices
        self.is_broken = draw.random() < candidate.broken_devices
        slow = sum(draw.random() < candidate.slow_share for _ in range(_WATCHED))
        self.is_slow = slow >= _TOO_MANY_SLOW
        self.dies_after_s = draw.uniform(0, 2 * _DAY_S) if draw.random() < fleet.dead else None
        self.disagreement = min(0.95, candidate.disagreement * draw.lognormvariate(0, fleet.uneven))
        self.installs_in_s = draw.expovariate(1 / fleet.install_s)
        self.is_online = self.seen
        self.believed = 0
        self.version = 0
        self.carries: str = "previous"
        self.phase: MemberState | None = None
        self.code: str | None = None
        self.began_s = 0.0
        self.answers = False  # the candidate does, here

    def assign(self, target: str, version: int) -> None:
        self.carries, self.version = target, version

    def go(self, clock_s: float, fleet: Fleet, draw: random.Random, step_s: float) -> None:
        if not self.seen or (self.dies_after_s is not None and clock_s > self.dies_after_s):
            self.is_online = False
            return
        turnover = min(1.0, step_s / 3600)  # an absence lasts an hour or so
        if draw.random() < turnover:
            self.is_online = draw.random() >= fleet.offline
        if not self.is_online or self.believed == self.version:
            self._proceed(clock_s)
            return
        self.believed, self.began_s, self.code = self.version, clock_s, None
        if self.carries == "previous":
            self.phase, self.answers = None, False
        else:
            self.phase = "downloading"

    def _proceed(self, clock_s: float) -> None:
        if self.phase != "downloading" or clock_s - self.began_s < self.installs_in_s:
            return
        if self.is_broken:
            self.phase, self.code = "failed", "install.golden_mismatch"
        elif self.crashes:
            self.phase, self.code = "rolled_back", "install.crashed"
        elif self.is_slow and self.carries == "active":  # of a shadow's time the gate judges
            self.phase, self.code = "rolled_back", "install.slow"
        else:
            self.phase, self.answers = "confirmed", self.carries == "active"

    def fact(self) -> Fact:
        return Fact(
            device=self.name,
            seen=self.seen,
            online=self.is_online,
            carries=self.carries,  # type: ignore[arg-type]
            believed=self.believed,
            phase=self.phase,
            code=self.code,
            proof=(not self.lies) if self.phase == "confirmed" else None,
            returned=self.carries == "previous" and self.believed == self.version,
        )


class _Play:
    def __init__(self, plan: Plan, fleet: Fleet, candidate: Candidate, draw: random.Random) -> None:
        self._plan = msgspec.structs.replace(
            plan, stages=tuple(msgspec.structs.replace(one, approval=False) for one in plan.stages)
        )
        self._fleet, self._candidate, self._draw = fleet, candidate, draw
        self._devices = {name: _Device(name, fleet, candidate, draw) for name in map(_name, range(fleet.devices))}
        self._seen: dict[str, Seen] = {}
        self._labels_due = 0.0
        self._stage = -1
        self.rollout = Rollout(since=_BEGIN)
        self.members: dict[str, Member] = {}
        self.looks = 0
        self._exposed = 0.0
        self._waited_s = 0.0
        self._labels = 0
        self._requests = 0
        self._ended_s: float | None = None
        self._clock_s = 0.0

    def step(self, now: datetime, step_s: float) -> bool:
        self._clock_s = (now - _BEGIN).total_seconds()
        for device in self._devices.values():
            device.go(self._clock_s, self._fleet, self._draw, step_s)
        self._see(step_s)
        facts = {name: device.fact() for name, device in self._devices.items()}
        looked = look("rehearsal", self._plan, self.rollout, self.members, facts, self._finding(), now)
        self.looks += 1
        self._write(looked, step_s)
        answering = sum(one.answers for one in self._devices.values())
        self._exposed = max(self._exposed, answering / len(self._devices))
        return self.rollout.state in FINAL

    def rehearsed(self) -> Rehearsed:
        states = [one.state for one in self.members.values()]
        return Rehearsed(
            state=self.rollout.state,
            reason=self.rollout.reason,
            hours=round(self._clock_s / 3600, 2),
            exposed=round(self._exposed, 6),
            confirmed=states.count("confirmed"),
            failed=sum(states.count(one) for one in ("failed", "refused", "rolled_back", "timed_out")),
            labels=self._labels,
            requests=self._requests,
            waited_hours=round(self._waited_s / 3600, 2),
            looks=self.looks,
        )

    def _write(self, looked: Look, step_s: float) -> None:
        if looked.rollout.stage != self.rollout.stage:
            self._seen.clear()  # the gate judges each stage by itself
        self.rollout = looked.rollout
        for member in looked.changed:
            if member.target is not None and member.version is None:
                device = self._devices[member.device]
                device.assign(member.target, device.version + 1)
                member = msgspec.structs.replace(member, version=device.version)  # noqa: PLW2901
            self.members[member.device] = member
        if looked.rollout.state == "running" and looked.waits_for[:1] == (GATE_WAITS,):
            self._waited_s += step_s

    def _see(self, step_s: float) -> None:
        """Inputs come, and people label some of the disagreements."""
        for device in self._devices.values():
            if device.phase == "confirmed" and device.is_online:
                self._score(device, _poisson(self._fleet.inputs_per_hour * step_s / 3600, self._draw))
        self._labels_due += self._fleet.labels_per_hour * step_s / 3600
        open_ones = [one for one in self._seen.values() if one.differing > one.wins + one.losses]
        while self._labels_due >= 1 and open_ones:
            self._labels_due -= 1
            one = self._draw.choice(open_ones)
            won = self._draw.random() < self._candidate.win_share
            seen = self._seen[one.device]
            seen = msgspec.structs.replace(seen, wins=seen.wins + won, losses=seen.losses + (not won))
            self._seen[one.device] = seen
            self._labels += 1
            open_ones = [entry for entry in open_ones if entry.device != one.device]
            if seen.differing > seen.wins + seen.losses:
                open_ones.append(seen)
        self._labels_due = min(self._labels_due, self._fleet.labels_per_hour + 1)

    def _score(self, device: _Device, inputs: int) -> None:
        scored = _binomial(inputs, self._fleet.coverage, self._draw)
        differing = _binomial(scored, device.disagreement, self._draw)
        slow = _binomial(scored, self._candidate.slow_share, self._draw)
        before = self._seen.get(device.name, Seen(device=device.name))
        self._requests += scored
        self._seen[device.name] = msgspec.structs.replace(
            before,
            inputs=before.inputs + inputs,
            scored=before.scored + scored,
            slow=before.slow + slow,
            compared=before.compared + scored,
            differing=before.differing + differing,
        )

    def _finding(self) -> Finding | None:
        if self.rollout.stage < 0:
            return None
        return judge(self._plan.gate, list(self._seen.values()), predicted=self._candidate.predicted)


def _name(number: int) -> str:
    return f"device-{number:06d}"


def _poisson(mean: float, draw: random.Random) -> int:
    """Knuth's way for the small means of one step; a normal for large ones."""
    if mean > 50:  # noqa: PLR2004
        return max(0, round(draw.gauss(mean, mean**0.5)))
    count, product, bar = 0, draw.random(), 2.718281828459045**-mean
    while product > bar:
        count, product = count + 1, product * draw.random()
    return count


def _binomial(of: int, share: float, draw: random.Random) -> int:
    return sum(draw.random() < share for _ in range(of))
