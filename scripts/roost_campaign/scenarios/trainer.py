"""Trainers killed before any statement: each run ends in a stated state, and its bundle is registered once or not."""

import copy
import os
from datetime import timedelta
from typing import Final

from roost_cloud.runs.state import ENDED
from roost_cloud.services import open_services
from scripts.roost_campaign.clouds import a_cloud
from scripts.roost_campaign.killing import killed_at
from scripts.roost_campaign.step import Room, Step
from tests.support.bundles import build_bundles
from tests.support.tiny_trainers import installed
from tests.support.training_site import TrainingSite

__all__ = ["LIMIT_S", "SHARE", "TYPICAL_S", "run"]

SHARE: Final = 1.2
TYPICAL_S: Final = 90.0
LIMIT_S: Final = 900.0
RUNS: Final = 5
TURNS: Final = 25  # of a run's, at most
MOST_STEPS: Final = 70  # at which an attempt may be ended
BETWEEN: Final = timedelta(hours=1)  # a lease, and any wait for the next attempt, is over then


def run(step: Step, room: Room) -> None:
    """Runs one after another, each through many workers that die at it; now and then one is left alone."""
    dice, outcome = step.dice(), room.outcome
    os.environ["PYTHONPATH"] = installed(room.folder / "installed")  # what trainers find the tiny one by
    bundles = build_bundles(room.folder / "bundles")
    with a_cloud(step, room) as cloud:
        site = TrainingSite(cloud, bundles.sure, room.folder / "workshop")
        site.label()
        registered = 1
        for _ in range(RUNS):
            opened = site.open(attempts=5)
            for _ in range(TURNS):
                site.clock.advance(BETWEEN)
                deadly = dice.randint(1, MOST_STEPS) if dice.random() < 0.8 else 10**6  # noqa: PLR2004
                point = killed_at(deadly, lambda: _turn(site))
                if point is not None:
                    outcome.kill("trainer", point)
                state = site.run(opened).state
                if state in ENDED:
                    break
            outcome.require(state in ENDED, "every run ends in a stated state", (opened, site.way(opened)))
            outcome.count(f"runs {state}")
            registered += state == "registered"
            versions = site.versions()
            outcome.require(
                len(versions) == registered, "what is registered is there once", (site.way(opened), versions)
            )
        site.clock.advance(BETWEEN)
        _turn(site)
        outcome.require(not site.leftovers(), "dead trainers leave nothing that stays", site.leftovers())


def _turn(site: TrainingSite) -> None:
    """A trainer's process from its start: it takes what dead ones held, and makes an attempt."""
    with open_services(site.services.settings, clock=site.clock) as services:
        own = copy.copy(site)
        own.services = services
        with own.trainer() as trainer:
            trainer.go_round()
            trainer.work(f"worker-{os.getpid()}")
