"""The devices that a rollout's stages have reached, and what each of them shall do. Pure.

Once a stage has reached a device, that holds, though labels and the fleet may change; who joins late lands where it
would have been (`membership`).
"""

from collections.abc import Iterator, Mapping

from roost_cloud.rollouts.membership import Aim, aim_of, cuts_of, place
from roost_cloud.rollouts.plan import Plan
from roost_cloud.rollouts.states import Fact, Member

__all__ = ["Reached"]


class Reached:
    """As a look at a rollout finds them.

    Args:
        name: the rollout's id, of which the order of devices depends.
        plan: it.
        facts: what is known of the tenant's devices, by name.
        members: all of them, by name; looked at anew in each call, since a look changes them.

    Attributes:
        places: where devices stand that have been seen, evenly in 0…1, by name.
    """

    def __init__(self, name: str, plan: Plan, facts: Mapping[str, Fact], members: Mapping[str, Member]) -> None:
        self._plan = plan
        self._facts = facts
        self._members = members
        self.places = {device: place(name, device) for device, fact in facts.items() if fact.seen}
        self._unseen = {device for device, fact in facts.items() if not fact.seen}
        part = [at for device, at in self.places.items() if members[device].state != "left"]
        self._cuts = cuts_of(plan.stages, part)

    def aims(self, stage: int) -> Iterator[tuple[str, Aim]]:
        """What each device shall do that was reached, now that this stage has begun."""
        for device in self.places:
            aim = self._aim(stage, device)
            if aim is not None:
                yield device, aim

    def of_stage(self, stage: int) -> list[Member]:
        """All that count for a stage: whom it is the first to give their mode, and whoever has never connected."""
        reached = [self._members[device] for device, aim in self.aims(stage) if aim.stage == stage]
        gone = [
            one
            for device, one in self._members.items()
            if one.stage == stage and device not in self.places and device not in self._unseen
        ]
        unseen = [self._members[device] for device in self._unseen]
        return [*reached, *gone, *unseen]

    def of_all_stages(self) -> list[Member]:
        """Whoever was reached by any stage, and whoever has never connected."""
        return [one for one in self._members.values() if one.stage >= 0 or one.device in self._unseen]

    def adds_nobody(self, stage: int) -> bool:
        """Whether a stage reaches devices by its share, and earlier stages have reached them all."""
        cut = self._cuts[stage]
        reaches = self._plan.stages[stage].share is not None and any(at < cut for at in self.places.values())
        return reaches and all(aim.stage != stage for _, aim in self.aims(stage))

    def _aim(self, stage: int, device: str) -> Aim | None:
        fact, member = self._facts[device], self._members[device]
        aim = aim_of(self._plan.stages, self._cuts, stage, device, self.places[device], fact.labels)
        if member.stage < 0:
            return aim
        held = Aim(member.stage, self._plan.stages[member.stage].mode)
        return held if aim is None or aim.mode == held.mode or aim.stage < held.stage else aim
