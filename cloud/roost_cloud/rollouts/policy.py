"""From what is known of a rollout's devices to what is done next. Pure: no database, no clock, no randomness.

`look` is called again and again, with all that is known at that moment, and gives the rollout and its devices as they
stand then. Whoever calls writes down what changed, and writes an assignment for each device whose `target` has none
(`Member.version`). Called twice with the same, it changes nothing the second time.

>>> from datetime import UTC, datetime
>>> from roost_cloud.rollouts.plan import read_plan
>>> plan = read_plan({"task": "meter", "contestant": "primary", "bundle": "meter:8", "stages": [
...     {"name": "all", "share": 1.0}]})
>>> noon = datetime(2026, 12, 1, 12, tzinfo=UTC)
>>> begun = look("r-1", plan, Rollout(since=noon), {}, {"cam-01": Fact(device="cam-01", seen=True)}, None, noon)
>>> begun.rollout.stage, [(one.device, one.state, one.target) for one in begun.changed]
(0, [('cam-01', 'assigned', 'active')])
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from roost_cloud.rollouts.counting import Count, count
from roost_cloud.rollouts.following import follow
from roost_cloud.rollouts.membership import Aim
from roost_cloud.rollouts.plan import Plan, Stage, is_open
from roost_cloud.rollouts.reached import Reached
from roost_cloud.rollouts.states import (
    FINAL,
    UNDER_WAY,
    Fact,
    Finding,
    Member,
    Moment,
    Rollout,
    RolloutState,
    Target,
)

__all__ = ["GATE_WAITS", "Look", "look"]

GATE_WAITS: Final = "the gate has not let it on"

_LONGEST_STEP: Final = timedelta(minutes=5)  # that the rollout's clock goes at once: nobody looked, or a clock jumped
_HOUR_S: Final = 3600.0
_BACK: Final[dict[RolloutState, RolloutState]] = {
    "stopping": "stopped",
    "aborting": "aborted",
    "reverting": "reverted",
}


@dataclass(frozen=True)
class Look:
    """What a look comes to.

    Attributes:
        rollout: as it stands now.
        changed: devices of which something changed.
        count: of the stage it is in.
        waits_for: why it does not go on, for people; of one that is over, which devices it still waits for.
    """

    rollout: Rollout
    changed: list[Member]
    count: Count
    waits_for: tuple[str, ...]


def look(
    name: str,
    plan: Plan,
    rollout: Rollout,
    members: Mapping[str, Member],
    facts: Mapping[str, Fact],
    finding: Finding | None,
    now: datetime,
) -> Look:
    """Look at a rollout.

    Args:
        name: the rollout's id, of which the order of devices depends.
        plan: it.
        rollout: as it stood.
        members: its devices as they stood, by name.
        facts: what is known of the tenant's devices, by name.
        finding: of the gate, about the stage the rollout is in; None: it has not been asked.
        now: the time, by a wall clock.
    """
    clock_s = rollout.clock_s + _step_s(rollout, now)
    moment = Moment(now, clock_s)
    rollout = msgspec.structs.replace(rollout, clock_s=clock_s, looked_at=now)
    new = (Member(device=device, since=now) for device in facts if device not in members)
    before = {**members, **{one.device: one for one in new}}
    after = {device: follow(plan, one, facts.get(device), moment) for device, one in before.items()}
    turn = _Turn(name, plan, facts, finding, moment, after)
    rollout = turn.advance(rollout)
    if rollout.state == "running":
        turn.start(rollout)
    changed = [one for device, one in after.items() if one is not members.get(device) and _matters(one, members)]
    stage_count = turn.count_of(rollout)
    return Look(rollout, changed, stage_count, tuple(turn.waits_for(rollout, stage_count)))


class _Turn:
    """One look; `members` is changed in place."""

    def __init__(
        self,
        name: str,
        plan: Plan,
        facts: Mapping[str, Fact],
        finding: Finding | None,
        now: Moment,
        members: dict[str, Member],
    ) -> None:
        self._plan = plan
        self._facts = facts
        self._finding = finding
        self._now = now
        self._members = members
        self._reached = Reached(name, plan, facts, members)

    def advance(self, rollout: Rollout) -> Rollout:
        """The rollout's own next state."""
        if rollout.state in FINAL:
            return rollout
        if rollout.state in _BACK:
            return self._go_back(rollout)
        if rollout.stage < 0:
            return rollout if rollout.state == "paused" else self._enter(rollout, 0)
        standing = self.count_of(rollout)
        trip = self._trip(rollout, standing)
        if trip is not None:
            return self._go_back(self._become(rollout, "stopping", trip))
        return self._onward(rollout, standing)

    def _onward(self, rollout: Rollout, standing: Count) -> Rollout:
        if rollout.state == "approval":
            return self._enter(rollout, rollout.stage + 1)
        if rollout.state == "paused" or self._lacks(rollout, standing) or self._holds(rollout):
            return rollout
        if rollout.stage + 1 < len(self._plan.stages):
            return self._enter(rollout, rollout.stage + 1)
        end = count(self._plan, self._reached.of_all_stages(), self._facts, self._now).end
        return self._become(rollout, "finished", end)

    def start(self, rollout: Rollout) -> None:
        """Start as many of the devices that have been reached as may be started now."""
        if not is_open(self._plan.windows, self._now.at):
            return
        may = self._may_start()
        ready = [
            (device, aim)
            for device, aim in self._reached.aims(rollout.stage)
            if self._is_startable(self._members[device], aim)
        ]
        for device, aim in sorted(ready, key=lambda one: self._reached.places[one[0]]):
            if may is not None and may <= 0:
                return
            member = self._members[device]
            counts = member.stage != aim.stage
            self._assign(member, aim.mode, stage=aim.stage, attempts=1 if counts else member.attempts + 1)
            if counts and may is not None:
                may -= 1

    def count_of(self, rollout: Rollout) -> Count:
        """How the stage stands: of all devices that it is the first to give their mode."""
        if rollout.stage < 0:
            return Count()
        return count(self._plan, self._reached.of_stage(rollout.stage), self._facts, self._now)

    def waits_for(self, rollout: Rollout, standing: Count) -> Iterator[str]:
        """Why it does not go on."""
        if rollout.state in FINAL or rollout.state in _BACK:
            yield from self._stragglers()
            return
        if rollout.state == "paused":
            yield "it is paused"
        if rollout.stage < 0 and rollout.state != "approval":
            return
        if rollout.state == "approval":
            yield f"stage {self._plan.stages[rollout.stage + 1].name} waits for approval"
            return
        yield from self._lacks(rollout, standing)
        held = self._holds(rollout)
        if held is not None:
            yield held
        if standing.waiting and not is_open(self._plan.windows, self._now.at):
            yield "no window is open"
        if self._finding is not None and self._finding.verdict != "pass" and self._asks(rollout):
            yield from self._finding.says

    def _lacks(self, rollout: Rollout, standing: Count) -> list[str]:
        """What the stage's devices have yet to do; a share that earlier stages have reached whole adds nobody."""
        return [] if self._reached.adds_nobody(rollout.stage) else standing.waits_for(self._stage(rollout))

    def _stragglers(self) -> Iterator[str]:
        """What is not done though the rollout is over, or as good as: nothing ends half done without saying so."""
        away = sum(one.state == "returning" for one in self._members.values())
        if away:
            yield f"{away} of its devices are not back yet"
        late = sum(one.state in UNDER_WAY for one in self._members.values())
        if late:
            yield f"{late} of its devices have yet to confirm"

    def _is_startable(self, member: Member, aim: Aim) -> bool:
        if member.state in ("left", "returning", "returned"):
            return False
        if member.stage != aim.stage:  # a stage it has not taken part in
            return member.state in ("waiting", "confirmed") or (member.target == "shadow" and aim.mode == "active")
        return member.state == "waiting" and self._now.clock_s >= member.not_before_s

    def _assign(self, member: Member, target: Target, *, stage: int, attempts: int) -> None:
        again = member.stage == stage
        self._members[member.device] = msgspec.structs.replace(
            member,
            state="returning" if target == "previous" else "assigned",
            since=self._now.at,
            stage=stage,
            target=target,
            version=None,
            started_s=member.started_s if again and member.started_s is not None else self._now.clock_s,
            assigned_s=self._now.clock_s,
            heard_s=None,
            attempts=attempts,
        )

    def _send_back(self, rollout: Rollout) -> None:
        for member in list(self._members.values()):
            if member.target in (None, "previous") or member.state == "left":
                continue
            if rollout.state == "aborting" and member.state == "confirmed" and member.target == "active":
                continue
            self._assign(member, "previous", stage=member.stage, attempts=member.attempts)

    def _go_back(self, rollout: Rollout) -> Rollout:
        """Send back who has to go, and end when nobody is on the way back for whom waiting is worth it."""
        self._send_back(rollout)
        for member in self._members.values():
            if member.state != "returning":
                continue
            waited_s = self._now.clock_s - (member.assigned_s or 0.0)
            patience_s = self._plan.unreachable_s if member.heard_s is None else self._plan.timeout_s
            if member.version is None or waited_s < patience_s:
                return rollout
        return self._become(rollout, _BACK[rollout.state], rollout.reason)

    def _trip(self, rollout: Rollout, standing: Count) -> str | None:
        stage = self._stage(rollout)
        if standing.has_failed(stage):
            codes = ", ".join(f"{code} {number}" for code, number in standing.codes[:3])
            return f"stage {stage.name}: {standing.failed} of {standing.executed} failed ({codes})"
        if self._finding is not None and self._finding.verdict == "trip":
            return f"stage {stage.name}: {'; '.join(self._finding.says)}"
        return None

    def _enter(self, rollout: Rollout, number: int) -> Rollout:
        stage = self._plan.stages[number]
        if stage.approval and number not in rollout.approved:
            if rollout.state == "approval":
                return rollout
            return self._become(rollout, "approval", f"stage {stage.name} may begin when a person approves")
        entered = self._become(rollout, "running", f"stage {stage.name}")
        return msgspec.structs.replace(entered, stage=number, stage_s=self._now.clock_s, stage_at=self._now.at)

    def _holds(self, rollout: Rollout) -> str | None:
        """What holds a stage back though its devices are through."""
        stage = self._stage(rollout)
        left_s = stage.hold_s - (self._now.clock_s - rollout.stage_s)
        if left_s > 0:
            return f"held for another {left_s:.0f} s"
        if self._asks(rollout) and (self._finding is None or self._finding.verdict != "pass"):
            return GATE_WAITS
        return None

    def _stage(self, rollout: Rollout) -> Stage:
        return self._plan.stages[rollout.stage]

    def _asks(self, rollout: Rollout) -> bool:
        return self._stage(rollout).asks_gate

    def _may_start(self) -> int | None:
        if self._plan.rate_per_hour is None:
            return None
        since = self._now.clock_s - _HOUR_S
        started = sum(one.started_s is not None and one.started_s > since for one in self._members.values())
        return self._plan.rate_per_hour - started

    def _become(self, rollout: Rollout, state: RolloutState, reason: str) -> Rollout:
        return msgspec.structs.replace(rollout, state=state, since=self._now.at, reason=reason)


def _step_s(rollout: Rollout, now: datetime) -> float:
    """How far the rollout's clock goes: not back, and never far at once."""
    if rollout.looked_at is None:
        return 0.0
    return min(max(now - rollout.looked_at, timedelta()), _LONGEST_STEP).total_seconds()


def _matters(member: Member, members: Mapping[str, Member]) -> bool:
    """Whether a device that nothing was known of is worth a row: not before it has been reached."""
    return member.device in members or member.stage >= 0
