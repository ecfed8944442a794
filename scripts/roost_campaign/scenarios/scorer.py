"""Scorers killed with questions in hand: what is asked once more is answered by who is left, rightly, to who asked."""

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final

from roost_cloud.settings import CloudSettings
from roost_shared.bundle import open_bundle
from scripts.roost_campaign.clouds import a_cloud
from scripts.roost_campaign.step import Room, Step
from tests.support.bundles import build_bundles, picture
from tests.support.cloud_process import CloudProcess
from tests.support.mosquitto import Mosquitto
from tests.support.scoring import AskingDevice, ScoringSite
from tests.support.waiting import until

__all__ = ["LIMIT_S", "SHARE", "TYPICAL_S", "run"]

SHARE: Final = 0.7
TYPICAL_S: Final = 60.0
LIMIT_S: Final = 900.0
SCORERS: Final = ("one", "other")
DEVICES: Final = ("cam-01", "cam-02")
ROUNDS: Final = 12
QUESTIONS: Final = 60  # of each device, before somebody dies
RIGHT: Final = {0: "dark", 255: "bright"}  # by a picture's grey
MOST_S: Final = 0.2  # until somebody dies
COMING_S: Final = 1.0  # what is on its way comes within
ANSWERED_S: Final = 60.0

Asked = dict[str, dict[str, int]]  # greys by question, by device


def run(step: Step, room: Room) -> None:
    """Two devices ask, one of two scorers dies at a random moment and comes back, and so on."""
    dice, asked = step.dice(), {name: dict[str, int]() for name in DEVICES}
    with a_cloud(step, room) as cloud, Mosquitto(room.folder / "broker") as broker, ExitStack() as exits:
        site = exits.enter_context(ScoringSite(cloud, broker.url))
        site.push(open_bundle(build_bundles(room.folder / "bundles").sure))
        site.set_task({"big": "sure@stable"})
        scorers = {name: exits.enter_context(_scorer(name, room, cloud.services.settings, broker)) for name in SCORERS}
        devices = {name: exits.enter_context(AskingDevice(broker.port, device=name)) for name in DEVICES}
        for _ in range(ROUNDS):
            victim = scorers[dice.choice(SCORERS)]
            _ask(devices, asked, dice)
            time.sleep(dice.uniform(0.0, MOST_S))
            in_hand = sum(len(_unanswered(devices[name], asked[name])) for name in DEVICES)
            victim.kill()
            room.outcome.kill("scorer", "with questions in hand" if in_hand else "at rest")
            _ask_again(devices, asked, room)
            _ready(victim.start())
        _check(devices, asked, room)


@contextmanager
def _scorer(name: str, room: Room, settings: CloudSettings, broker: Mosquitto) -> Iterator[CloudProcess]:
    flags = ("--role", "scorer", "--broker-url", broker.url, "--database-url", settings.database)
    places = ("--secrets-dir", str(settings.secrets_path), "--objects-url", settings.objects)
    with CloudProcess(room.folder / name, *flags, *places) as process:
        _ready(process.start())
        yield process


def _ready(scorer: CloudProcess) -> None:
    until(lambda: scorer.ask("/readyz").status == 200, "a scorer is ready")  # noqa: PLR2004 - well


def _ask(devices: Mapping[str, AskingDevice], asked: Asked, dice: random.Random) -> None:
    for _ in range(QUESTIONS):
        for name, device in devices.items():
            grey = dice.choice(list(RIGHT))
            question = f"{name}-{len(asked[name])}"
            asked[name][question] = grey
            device.ask(picture(grey), "big", id=question)


def _unanswered(device: AskingDevice, asked: Mapping[str, int]) -> list[str]:
    answered = {one.id for one in device.scores}
    return [question for question in asked if question not in answered]


def _ask_again(devices: Mapping[str, AskingDevice], asked: Asked, room: Room) -> None:
    """As devices do, once; the other scorer answers."""
    time.sleep(COMING_S)
    for name, device in devices.items():
        left = _unanswered(device, asked[name])
        room.outcome.count("questions asked once more", len(left))
        for question in left:
            device.ask(picture(asked[name][question]), "big", id=question)
    for name, device in devices.items():
        try:
            until(lambda: not _unanswered(device, asked[name]), "all is answered", ANSWERED_S)  # noqa: B023
        except AssertionError:
            missing = _unanswered(device, asked[name])
            room.outcome.broken("what is asked once more is answered", (name, missing[:5], len(missing)))


def _check(devices: Mapping[str, AskingDevice], asked: Asked, room: Room) -> None:
    outcome = room.outcome
    for name, device in devices.items():
        outcome.count("questions", len(asked[name]))
        scores = device.scores
        strange = [one.id for one in scores if one.id not in asked[name]]
        outcome.require(not strange, "a score comes to who asked", (name, strange[:5]))
        wrong = [one for one in scores if one.error or one.label != RIGHT.get(asked[name].get(one.id, -1))]
        outcome.require(not wrong, "a score is right, whoever has died", (name, wrong[:5]))
