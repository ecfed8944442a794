"""Directors killed before any statement: every rollout ends in a stated state, and its devices in step with it."""

import random
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import select

from roost_cloud.db.tables import RolloutDevice
from roost_cloud.rollouts.states import FINAL
from roost_cloud.services import open_services
from roost_shared.bundle import open_bundle
from roost_shared.messages import ErrorInfo
from scripts.roost_campaign.clouds import a_cloud
from scripts.roost_campaign.killing import killed_at
from scripts.roost_campaign.step import Room, Step
from tests.support.cloud import Cloud
from tests.support.fleet import enrolled_device
from tests.support.registry import RegistryApi
from tests.support.rollouts import RolloutFleet, directing
from tests.support.served_cloud import bundle_like
from tests.support.split_bundles import split_bundle
from tests.support.trust import TrustPeople

__all__ = ["LIMIT_S", "SHARE", "TYPICAL_S", "run"]

SHARE: Final = 1.5
TYPICAL_S: Final = 60.0
LIMIT_S: Final = 900.0
DEVICES: Final = tuple(f"cam-{number:02}" for number in range(1, 6))
ROLLOUTS: Final = 8
MOST_ROUNDS: Final = 120  # of a rollout
MOST_STEPS: Final = 25  # at which a round may be ended; it has that many, by what there is to do
ONE: Final = {"name": "one", "share": 0.2}
HALF: Final = {"name": "half", "share": 0.5}
ALL: Final = {"name": "all", "share": 1.0}
ORDERS: Final = ("pause", "resume", "abort", "revert")


def run(step: Step, room: Room) -> None:
    """Rollouts one after another: some go through, some fail, some are ended by a person."""
    dice = step.dice()
    with a_cloud(step, room) as cloud:
        fleet = _fleet(cloud, room)
        at = "1"
        for _ in range(ROLLOUTS):
            candidate = "2" if at == "1" else "1"
            stages = [stage for stage in (ONE, HALF) if dice.random() < 0.5] + [ALL]  # noqa: PLR2004
            temper = dice.choice(("well", "well", "badly", "ordered"))
            rollout = fleet.start(*stages, bundle=f"argmax:{candidate}")
            state = _direct(fleet, rollout, temper, dice, room)
            room.outcome.count(f"rollouts {state}")
            _check(fleet, rollout, state, candidate, at, room)
            if state == "finished":
                at = candidate
            else:
                for device in DEVICES:  # whatever an abort has left where it was goes back by hand
                    if list(_versions(fleet, device)) != [at]:
                        fleet.assign(device, f"argmax:{at}")


def _fleet(cloud: Cloud, room: Room) -> RolloutFleet:
    first = open_bundle(split_bundle(room.folder / "argmax-1"))
    second = bundle_like(first, room.folder / "argmax-2", version="2", parent=first.digest, predicted_disagreement=0.1)
    registry, people = RegistryApi(cloud), TrustPeople(cloud)
    for bundle in (first, second):
        registry.push(bundle)
    task = first.config.task or ""
    people.begin(task)
    people.release(first, second)
    fleet = RolloutFleet(cloud, task)
    for name in DEVICES:
        enrolled_device(cloud, name)
        fleet.assign(name, "argmax:1")
    return fleet


def _direct(fleet: RolloutFleet, rollout: str, temper: str, dice: random.Random, room: Room) -> str:
    """Rounds whose director dies, and a round of another's, until it is over; how it ended."""
    for _ in range(MOST_ROUNDS):
        point = killed_at(dice.randint(1, MOST_STEPS), lambda: _round(fleet.cloud))
        if point is not None:
            room.outcome.kill("director", point)
        if dice.random() < 0.5:  # noqa: PLR2004 - half of the time another looks at once
            fleet.look()
        if temper == "ordered" and dice.random() < 0.3:  # noqa: PLR2004
            fleet.order(rollout, dice.choice(ORDERS))
        _answer(fleet, rollout, temper, dice)
        state = str(fleet.document(rollout)["state"])
        if state in FINAL:
            return state
        if state == "paused":
            fleet.order(rollout, "resume")
    told = {name: fleet.document(rollout)[name] for name in ("state", "reason", "waits_for", "devices")}
    room.outcome.broken("every rollout ends in a stated state", f"{rollout} after {MOST_ROUNDS} rounds: {told}")
    return state


def _round(cloud: Cloud) -> None:
    """A director of its own, as a process of its own has it."""
    with open_services(cloud.services.settings, clock=cloud.clock) as services:
        own = Cloud.__new__(Cloud)
        own.services, own.clock = services, cloud.clock
        for _ in directing(own).round():
            pass


def _answer(fleet: RolloutFleet, rollout: str, temper: str, dice: random.Random) -> None:
    """Devices that have something to do tell of it."""
    states = fleet.states(rollout)
    for device, state in states.items():
        if state not in ("assigned", "returning") or dice.random() < 0.2:  # noqa: PLR2004 - some take their time
            continue
        if temper == "badly" and state == "assigned" and dice.random() < 0.6:  # noqa: PLR2004
            fleet.follow(device, phase="rolled_back", error=ErrorInfo("install.crashed", "primary lost its process"))
        else:
            fleet.follow(device)


def _check(fleet: RolloutFleet, rollout: str, state: str, candidate: str, before: str, room: Room) -> None:
    """What devices are assigned is what the rollout says of them."""
    outcome = room.outcome
    states = fleet.states(rollout)
    events: list[dict[str, Any]] = fleet.get(f"/rollouts/{rollout}/events")["items"]
    numbers = [one["number"] for one in events]
    outcome.require(numbers == list(range(1, len(events) + 1)), "a rollout's story has no gap", (rollout, numbers))
    over = [one["became"] for one in events if one["device"] is None][-1:]
    outcome.require(over == [state], "a rollout's story ends as it ended", (rollout, over, state))
    wanted = {"confirmed": candidate, "returned": before, "waiting": before}
    for device, became in states.items():
        versions = _versions(fleet, device)
        expected = wanted.get(became)
        outcome.require(
            expected is None or versions == [expected],
            "a device is assigned what its rollout says",
            (rollout, state, device, became, versions),
        )
    with fleet.cloud.services.database.read() as session:
        due = list(session.scalars(select(RolloutDevice.device).where(RolloutDevice.is_due)))
    outcome.require(not due, "what is over has nothing left to do", (rollout, state, due))


def _versions(fleet: RolloutFleet, device: str) -> Sequence[str]:
    return [one.bundle.version for one in fleet.desired(device).tasks[fleet.task].contestants if one.bundle]
