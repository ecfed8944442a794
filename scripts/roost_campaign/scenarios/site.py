"""A real site and cloud as processes, under traffic: one hazard after the other, and after each all that must hold."""

import ctypes
import os
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from roost_cloud.client import RemoteError
from roost_cloud.errors import NotFoundError
from roost_shared.errors import RoostError
from scripts.roost_campaign.site.feeder import Asked
from scripts.roost_campaign.site.hazards import HAZARDS
from scripts.roost_campaign.site.invariants import Leave, check_answers, check_bundles, check_stored
from scripts.roost_campaign.site.site import DEADLINE_S, DEVICES, Site
from scripts.roost_campaign.step import Room, Step
from tests.support.agent import TENANT
from tests.support.waiting import until

__all__ = ["LIMIT_S", "SHARE", "TYPICAL_S", "run"]

SHARE: Final = 6.0
TYPICAL_S: Final = 240.0
LIMIT_S: Final = 1800.0
ROUNDS: Final = 11
SETTLED_S: Final = 150.0
STORED_S: Final = 30.0
_LOOK_S: Final = 0.5
_NEW_MOUNTS: Final = 0x00020000  # CLONE_NEWNS
_QUIET: Final = Leave()


def run(step: Step, room: Room) -> None:
    """Rounds, each of one hazard; the first step has all of them, later ones what chance draws."""
    _mount_privately()
    dice = step.dice()
    names = list(HAZARDS)
    chosen = dice.sample(names, len(names)) if step.number == 0 else dice.choices(names, k=ROUNDS)
    with Site(room.folder) as site:
        for name in chosen:
            _say(f"round: {name}")
            since = {device: feeder.count for device, feeder in site.feeders.items()}
            lost = {device: site.not_kept(device) for device in DEVICES}
            for feeder in site.feeders.values():
                feeder.resume()
            leaves = HAZARDS[name](site, step.dice(f"{name} {len(since)} {dice.random()}"), room.outcome)
            time.sleep(0.5)
            for feeder in site.feeders.values():
                feeder.pause()
            room.outcome.count(f"rounds: {name}")
            before = len(room.outcome.violations)
            _settle(site, since, leaves, room)
            excused = {device: _excused(site, device, leaves, lost[device], room) for device in DEVICES}
            _check(site, since, excused, room)
            for one in room.outcome.violations[before:]:
                _say(f"VIOLATION in {name}: {one}")


def _settle(site: Site, since: Mapping[str, int], leaves: Mapping[str, Leave], room: Room) -> None:
    """Wait until everybody is back, all is answered, and nothing of a device's is still to get to the cloud."""
    for device in DEVICES:
        try:
            _until_spent(site, device)
            if not leaves.get(device, _QUIET).lost_by_broker:
                _until_answered(site, device, since[device])
                _until_spent(site, device)
        except AssertionError as error:
            room.outcome.broken("all comes to rest once nothing is wrong", str(error)[:6000])


def _excused(site: Site, device: str, leaves: Mapping[str, Leave], before: int, room: Room) -> Leave:
    """What a round excuses, and what the device itself said that it could not keep."""
    not_kept = max(site.not_kept(device) - before, 0)  # a spooler that was killed counts anew
    room.outcome.count("inputs that devices said not to have kept", not_kept)
    return replace(leaves.get(device, _QUIET), not_kept=not_kept)


def _until_spent(site: Site, device: str) -> None:
    what = f"{device} is spent"
    until(lambda: _is_spent(site, device), what, SETTLED_S, otherwise=lambda: site.agents[device].status)


def _until_answered(site: Site, device: str, since: int) -> None:
    def unanswered() -> list[int]:
        asked = site.feeders[device].since(since)
        return [one.number for one in asked if one.acknowledged and not one.answers]

    until(lambda: not unanswered(), f"{device} has answered", SETTLED_S, otherwise=unanswered)


def _is_spent(site: Site, device: str) -> bool:
    agent = site.agents[device]
    if not agent.connected:
        return False
    status = agent.status
    told = status["capture"]["spool"]
    return (status["unanswered"], status["capture"]["unsettled"]) == (0, 0) and (
        told.get("entries"),
        told.get("outbox_bytes"),
    ) == ({}, 0)


def _check(site: Site, since: Mapping[str, int], leaves: Mapping[str, Leave], room: Room) -> None:
    ended = [name for name, process in site.processes().items() if process.ended]
    room.outcome.require(not ended, "nobody ends who was not killed", ended)
    for device in DEVICES:
        leave, feeder = leaves[device], site.feeders[device]
        asked = feeder.since(since[device])
        check_answers(asked, leave, DEADLINE_S, room.stalls.between, room.outcome)
        check_bundles(asked, site.signed, room.outcome)
        inputs, told = _stored(site, device, asked, leave)
        sent = {one.sha256 for one in feeder.since(0)}
        others = sum(times for digest, times in (inputs + told).items() if digest not in sent)
        stored: Mapping[str, int] = {digest: max(times, told[digest]) for digest, times in inputs.items()}
        stored = site.earlier[device].look(stored, asked, leave, room.outcome)
        check_stored(asked, stored, others, leave, room.outcome)
        _check_running(site, device, room)
    _check_tenants(site, room)


def _stored(site: Site, device: str, asked: Sequence[Asked], leave: Leave) -> tuple[Counter[str], Counter[str]]:
    """What the store has of a device, once it has all that was answered or has had time for it.

    A device that says it is spent says so of a moment ago: what a broker that stood still hands out in one go may just
    have been kept then.
    """
    give_up_s = time.monotonic() + STORED_S
    answered = {one.sha256 for one in asked if one.acknowledged and one.answers}
    while True:
        inputs, told = site.stored(device)
        if len(answered - inputs.keys()) <= leave.not_kept or time.monotonic() >= give_up_s:
            return inputs, told
        time.sleep(_LOOK_S)


def _check_running(site: Site, device: str, room: Room) -> None:
    """What a device says that it runs was signed."""
    tasks = site.agents[device].status["tasks"]
    running = [one.get("bundle") for task in tasks.values() for one in task["contestants"].values()]
    strange = [one for one in running if one is not None and one not in site.signed]
    room.outcome.require(not strange, "nothing unsigned active", (device, strange))


def _check_tenants(site: Site, room: Room) -> None:
    """The other tenant's admin and its device see nothing."""
    heard = site.heard_by_other()
    room.outcome.require(not heard, "no tenant sees another", f"its device was given {heard[:5]}")
    room.outcome.require(site.other_listens(), "another tenant's device is there to hear", "it was not given its own")
    with site.as_other() as other:
        for path in ("/samples", "/devices", "/bundles", "/rollouts", "/runs", "/alarms"):
            room.outcome.count("requests of another tenant's")
            try:
                found = list(other.each(path, dict[str, Any]))
            except RoostError as error:
                room.outcome.broken("another tenant's API works", (path, repr(error)))
            else:
                room.outcome.require(not found, "no tenant sees another", (path, found[:3]))
        for device in DEVICES:
            said = "everything"
            try:
                other.call("GET", f"/devices/{device}", dict[str, Any])
            except RemoteError as error:
                said = error.reason
            except RoostError as error:
                said = repr(error)
            room.outcome.require(said == NotFoundError.code, "no tenant sees another", (TENANT, device, said))


def _mount_privately() -> None:
    """What is mounted from here on is gone with these processes, however they end."""
    if os.geteuid() == 0 and ctypes.CDLL(None, use_errno=True).unshare(_NEW_MOUNTS) == 0:
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def _say(text: str) -> None:
    """Into the step's log."""
    print(f"{time.monotonic():.1f} {text}", flush=True)
