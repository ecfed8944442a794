"""Whom a rollout's stages have reached: once for all, each counted by the stage that reached it first."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from roost_cloud.rollouts.membership import Aim
from roost_cloud.rollouts.plan import read_plan
from roost_cloud.rollouts.reached import Reached
from roost_cloud.rollouts.states import Fact, Member

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
STAGES: list[dict[str, Any]] = [
    {"name": "lab", "selector": "site=lab"},
    {"name": "some", "share": 0.5, "minimum": 1},
    {"name": "all", "share": 1.0},
]
LAB, SOME, ALL = range(3)


class Fleet:
    """Devices of which a rollout knows, and the lab's."""

    def __init__(self, devices: int = 8, stages: list[dict[str, Any]] = STAGES) -> None:
        self.plan = read_plan({"task": "meter", "contestant": "primary", "bundle": "meter:8", "stages": stages})
        names = [f"cam-{number}" for number in range(devices)]
        self.facts = {name: Fact(device=name, seen=True) for name in names}
        self.members = {name: Member(device=name, since=NOON) for name in names}
        self.facts["cam-0"] = msgspec.structs.replace(self.facts["cam-0"], labels={"site": "lab"})

    def reached(self) -> Reached:
        return Reached("r-1", self.plan, self.facts, self.members)

    def change(self, device: str, **changes: Any) -> None:
        self.members[device] = msgspec.structs.replace(self.members[device], **changes)


def names(members: list[Member]) -> set[str]:
    return {one.device for one in members}


def test_a_stage_counts_those_that_it_is_the_first_to_reach() -> None:
    fleet = Fleet()
    reached = fleet.reached()
    by_stage = [names(reached.of_stage(stage)) for stage in (LAB, SOME, ALL)]
    assert by_stage[LAB] == {"cam-0"}
    assert set().union(*by_stage) == set(fleet.members)
    assert sum(map(len, by_stage)) == len(fleet.members)


def test_who_was_reached_stays_so_without_the_label_it_was_reached_by() -> None:
    fleet = Fleet()
    fleet.change("cam-0", stage=LAB)
    fleet.facts["cam-0"] = Fact(device="cam-0", seen=True)
    assert dict(fleet.reached().aims(LAB)) == {"cam-0": Aim(LAB, "active")}


def test_a_shadow_is_reached_anew_by_the_first_stage_that_has_it_answer() -> None:
    fleet = Fleet(stages=[{"name": "shadow", "mode": "shadow", "share": 1.0}, {"name": "all", "share": 1.0}])
    fleet.change("cam-1", stage=0)
    reached = fleet.reached()
    assert dict(reached.aims(0))["cam-1"] == Aim(0, "shadow")
    assert dict(reached.aims(1))["cam-1"] == Aim(1, "active")


def test_who_never_connected_counts_everywhere_and_is_given_nothing() -> None:
    fleet = Fleet()
    fleet.facts["cam-7"] = Fact(device="cam-7", seen=False)
    reached = fleet.reached()
    assert "cam-7" not in dict(reached.aims(ALL))
    assert all("cam-7" in names(reached.of_stage(stage)) for stage in (LAB, SOME, ALL))
    assert names(reached.of_all_stages()) == {"cam-7"}


def test_who_is_known_no_more_counts_for_the_stage_that_had_reached_it() -> None:
    fleet = Fleet()
    fleet.change("cam-5", stage=SOME)
    del fleet.facts["cam-5"]
    reached = fleet.reached()
    assert "cam-5" in names(reached.of_stage(SOME))
    assert "cam-5" not in names(reached.of_stage(ALL))


def test_a_share_whose_devices_earlier_stages_have_reached_adds_nobody() -> None:
    fleet = Fleet()
    assert not fleet.reached().adds_nobody(ALL)
    for device in fleet.members:
        fleet.change(device, stage=SOME)
    assert fleet.reached().adds_nobody(ALL)


def test_a_stage_that_has_nobody_to_reach_yet_waits_for_them() -> None:
    fleet = Fleet(devices=1)
    fleet.facts["cam-0"] = Fact(device="cam-0", seen=False)
    assert not fleet.reached().adds_nobody(ALL)
    assert not fleet.reached().adds_nobody(LAB)


def test_what_a_look_changes_is_seen_at_once() -> None:
    fleet = Fleet()
    reached = fleet.reached()
    fleet.change("cam-3", stage=SOME)
    assert names(reached.of_all_stages()) == {"cam-3"}
