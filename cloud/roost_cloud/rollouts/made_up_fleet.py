"""A fleet that is made up for a rehearsal, and the candidate that it is given. Pure, but for what is drawn.

A made-up device comes and goes, installs what it is assigned, and ends it as real ones do: confirmed, failed or rolled
back, by what the candidate is like.
"""

import random
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from roost_cloud.rollouts.states import Fact, MemberState
from roost_shared.assignment import Trial

__all__ = ["Candidate", "Fleet", "MadeUpDevice"]

Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
_WATCHED: Final = Trial().watch_inputs  # while the candidate answers on a device, before that lets it
_TOO_MANY_SLOW: Final = 12  # of them: less likely than 1 % where 5 % may be, which is what a device asks
_DEAD_WITHIN_S: Final = 2 * 86_400.0


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


class MadeUpDevice:
    """One of them: how it takes what it is assigned, and what it says of it.

    Args:
        name: its own.
        fleet: what it is drawn from.
        candidate: what it is given.
        draw: randomness.

    Attributes:
        disagreement: share of its inputs on which the candidate says something else than the incumbent.
        version: of the newest assignment it was given.
        is_online: it can be reached.
        answers: the candidate answers here.
    """

    def __init__(self, name: str, fleet: Fleet, candidate: Candidate, draw: random.Random) -> None:
        self.name = name
        self.seen = draw.random() >= fleet.unseen
        self.lies = draw.random() < fleet.lying
        self.crashes = draw.random() < candidate.crash_devices
        self.is_broken = draw.random() < candidate.broken_devices
        slow = sum(draw.random() < candidate.slow_share for _ in range(_WATCHED))
        self.is_slow = slow >= _TOO_MANY_SLOW
        self.dies_after_s = draw.uniform(0, _DEAD_WITHIN_S) if draw.random() < fleet.dead else None
        self.disagreement = min(0.95, candidate.disagreement * draw.lognormvariate(0, fleet.uneven))
        self.installs_in_s = draw.expovariate(1 / fleet.install_s)
        self.is_online = self.seen
        self.believed = 0
        self.version = 0
        self.carries: str = "previous"
        self.phase: MemberState | None = None
        self.code: str | None = None
        self.began_s = 0.0
        self.answers = False

    @property
    def scores(self) -> bool:
        """Whether the candidate scores inputs here that the cloud hears of."""
        return self.phase == "confirmed" and self.is_online

    def assign(self, target: str, version: int) -> None:
        """The cloud writes an assignment; the device believes it once it is there."""
        self.carries, self.version = target, version

    def go(self, clock_s: float, fleet: Fleet, draw: random.Random, step_s: float) -> None:
        """Time has passed: `step_s` seconds, until `clock_s` of the rehearsal."""
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
        """What the cloud knows of it."""
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
