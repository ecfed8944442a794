"""How a stage stands: how many of its devices are where, and what it waits for. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from roost_cloud.rollouts.plan import Plan, Stage
from roost_cloud.rollouts.states import FAILED, UNDER_WAY, Fact, Member, Moment

__all__ = ["Count", "count"]


@dataclass(frozen=True, kw_only=True)
class Count:
    """Of the devices of a stage.

    Attributes:
        confirmed: it works there.
        failed: it does not.
        under_way: assigned, and on their way.
        waiting: seen before, and not started or to be tried again.
        unreachable: assigned, and have not read it for long: they hold nobody up.
        unseen: never connected: they neither block nor fail.
        left: take no more part.
        codes: why they failed, the most frequent first, with how many.
    """

    confirmed: int = 0
    failed: int = 0
    under_way: int = 0
    waiting: int = 0
    unreachable: int = 0
    unseen: int = 0
    left: int = 0
    codes: tuple[tuple[str, int], ...] = ()

    @property
    def executed(self) -> int:
        """Devices that came to an end, one or the other."""
        return self.confirmed + self.failed

    @property
    def end(self) -> str:
        """What it came to, for people; whoever has not the candidate is told of.

        >>> Count(confirmed=7, failed=1, unreachable=2, unseen=1).end
        '7 of 8 confirmed; and without it: 2 unreachable, 1 never connected'
        """
        without = {
            "unreachable": self.unreachable,
            "under way": self.under_way,
            "not started": self.waiting,
            "never connected": self.unseen,
            "left": self.left,
        }
        said = ", ".join(f"{number} {what}" for what, number in without.items() if number)
        return f"{self.confirmed} of {self.executed} confirmed" + (f"; and without it: {said}" if said else "")

    def has_failed(self, stage: Stage) -> bool:
        """Whether more of them failed than may."""
        return self.executed >= stage.minimum and self.failed > stage.failure * self.executed

    def waits_for(self, stage: Stage) -> list[str]:
        """What is missing before the stage is through, for people; empty: nothing."""
        said = []
        if self.under_way:
            said.append(f"{self.under_way} on their way")
        if self.waiting:
            said.append(f"{self.waiting} to be started")
        if self.executed < stage.minimum:
            said.append(f"{self.executed} of at least {stage.minimum} came to an end")
        elif not said and self.confirmed < stage.success * self.executed:
            said.append(f"{self.confirmed} of {self.executed} confirmed, less than {stage.success:.0%}")
        return said


def count(plan: Plan, members: Iterable[Member], facts: Mapping[str, Fact], now: Moment) -> Count:
    """Count the devices of a stage.

    Args:
        plan: the rollout's.
        members: those of the stage, as they stand now.
        facts: what is known of them.
        now: the time.
    """
    found: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for member in members:
        found[_kind(plan, member, facts.get(member.device), now)] += 1
        if member.state in FAILED:
            codes[member.code or "unknown"] += 1
    return Count(
        confirmed=found["confirmed"],
        failed=found["failed"],
        under_way=found["under_way"],
        waiting=found["waiting"],
        unreachable=found["unreachable"],
        unseen=found["unseen"],
        left=found["left"],
        codes=tuple(codes.most_common()),
    )


def _kind(plan: Plan, member: Member, fact: Fact | None, now: Moment) -> str:
    if member.state == "confirmed":
        return "confirmed"
    if member.state in FAILED:
        return "failed"
    if member.state in ("left", "returning", "returned"):
        return "left"
    if fact is None or not fact.seen:
        return "unseen"
    if member.state in UNDER_WAY:
        waited_s = now.clock_s - (member.assigned_s or 0.0)
        return "unreachable" if member.heard_s is None and waited_s >= plan.unreachable_s else "under_way"
    return "waiting"
