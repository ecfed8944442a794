"""A device's spool killed at each step of its work, and at random moments: what was kept is there once, whole."""

import shutil
from typing import Final

from scripts.roost_campaign.step import Room, Step, seed_of
from tests.support.spool_killer import kill_at_each_step, kill_at_random
from tests.support.spool_work import check

__all__ = ["LIMIT_S", "SHARE", "TYPICAL_S", "run"]

SHARE: Final = 1.0
TYPICAL_S: Final = 40.0
LIMIT_S: Final = 600.0
AT_RANDOM: Final = 60


def run(step: Step, room: Room) -> None:
    """One boot's work, ended at each of its steps, and then one spool through many boots."""
    folder, outcome = room.folder / "ends", room.outcome
    killed = kill_at_each_step(folder, f"c{step.dice().randrange(10**9)}")
    outcome.kill("spool", "a step of its work", killed)
    for number in range(1, killed + 2):
        found = check(folder / str(number))
        outcome.count("inputs that a spool had kept", len(found["kept"]))
    shutil.rmtree(folder)
    killed = kill_at_random(room.folder / "spool", AT_RANDOM, seed_of(step, "moments"))
    outcome.kill("spool", "a random moment", killed)
    found = check(room.folder / "spool")
    outcome.require(found["kept"], "a spool that was killed had kept something", AT_RANDOM)
    outcome.count("inputs that a spool had kept", len(found["kept"]))
