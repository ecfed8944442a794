"""A device's installer and its identity ended at each touch of disk and network, by SIGKILL and by a full disk."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Final

from roost_edge.identity import read_identity
from roost_edge.identity.renew import renew
from roost_edge.installer.errors import StoreUnwritableError
from roost_shared.bundle import Bundle, open_bundle
from scripts.roost_campaign.step import Room, Step
from tests.support.device_cloud import DeviceCloud
from tests.support.identity_checks import left_over, sign_in, whole
from tests.support.identity_work import enrol
from tests.support.install_checks import check_clean, check_whole
from tests.support.install_work import install
from tests.support.served_cloud import bundle_like
from tests.support.split_bundles import split_bundle
from tests.support.step_killer import end_at_each_step

__all__ = ["LIMIT_S", "SHARE", "TYPICAL_S", "run"]

SHARE: Final = 1.0
TYPICAL_S: Final = 60.0
LIMIT_S: Final = 900.0
INSTALL_STEPS: Final = 160  # more than there are
IDENTITY_STEPS: Final = 50  # likewise
BLOB_BYTES: Final = 3000


def run(step: Step, room: Room) -> None:
    """An installation over an older one and an enrolment, ended by one of the two, and a renewal by the other."""
    how, other = step.dice().sample(["kill", "full"], 2) if step.number else ("kill", "full")
    _install(step, room, how)
    with DeviceCloud(room.folder / "cloud", tls=False) as cloud:
        _enrol(cloud, room, how)
        _renew(cloud, room, other)


def _install(step: Step, room: Room, how: str) -> None:
    """From versions 1 and 2 to 3, of sizes that chance chooses."""
    dice, folder = step.dice("sizes"), room.folder / "install"
    first = open_bundle(split_bundle(folder / "1"))
    models = {str(number): dice.randbytes(dice.randrange(1, 2 * BLOB_BYTES)) for number in (2, 3)}
    bundles = [first, *(bundle_like(first, folder / name, version=name, model=data) for name, data in models.items())]
    for version in (1, 2):
        install(folder / "state", _argument(version, bundles))
    for number in range(1, INSTALL_STEPS + 1):
        shutil.copytree(folder / "state", folder / "each" / str(number))
    work = _argument(3, bundles)
    ended = end_at_each_step(how, "tests.support.install_work:install", folder / "each", [work] * INSTALL_STEPS)
    _count(room, "installer", ended, {StoreUnwritableError.code})
    for one in ended:
        state = folder / "each" / str(one["number"])
        check_whole(state, {2, 3})
        install(state, work)
        check_whole(state, {3})
        check_clean(state, bundles[1:])


def _enrol(cloud: DeviceCloud, room: Room, how: str) -> None:
    folder = room.folder / "enrol"
    tokens = [json.dumps([cloud.url, cloud.token(f"cam-{number}").text()]) for number in range(IDENTITY_STEPS)]
    ended = end_at_each_step(how, "tests.support.identity_work:enrol", folder, tokens)
    _count(room, "enrolment", ended, {"identity.unwritable"})
    for one in ended:
        state = folder / str(one["number"])
        if read_identity(state) is not None:
            room.outcome.require(sign_in(whole(state)) == "device", "an identity is whole or not there", one)
        enrol(state, tokens[one["number"] - 1])
        room.outcome.require(sign_in(whole(state)) == "device", "a device can enrol after it was ended", one)


def _renew(cloud: DeviceCloud, room: Room, how: str) -> None:
    folder = room.folder / "renew"
    for number in range(1, IDENTITY_STEPS + 1):
        enrol(folder / str(number), json.dumps([cloud.url, cloud.token(f"cam-{number}").text()]))
    ended = end_at_each_step(how, "tests.support.identity_work:renew_there", folder, ["-"] * IDENTITY_STEPS)
    _count(room, "renewal", ended, {"identity.unwritable"})
    for one in ended:
        state = folder / str(one["number"])
        whole(state)
        report = renew(state)
        room.outcome.require(report.error is None, "a device can renew after it was ended", (one, report.error))
        room.outcome.require(sign_in(whole(state)) == "device", "an identity is whole or not there", one)
        room.outcome.require(not left_over(state), "a renewal leaves nothing behind", one)


def _argument(version: int, bundles: list[Bundle]) -> str:
    return f"{version}:{Path(bundles[version - 1].folder)}"


def _count(room: Room, victim: str, ended: list[dict[str, object]], typed: set[str]) -> None:
    """Each was killed, or met a full disk and said so, and the last went through."""
    codes = Counter(str(one["code"]) for one in ended)
    room.outcome.require(ended[-1]["code"] is None, f"the {victim} ends once nobody ends it", codes)
    for one in ended:
        if one["code"] == "killed":
            room.outcome.kill(victim, f"{one['point']}")
        else:
            room.outcome.count(f"{victim}: full disks", one["code"] is not None)
            untyped = one["code"] is not None and one["code"] not in typed
            room.outcome.require(not untyped, f"a full disk is told by the {victim}", one)
