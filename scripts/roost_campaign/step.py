"""A step of a campaign, and the scenarios that steps are of.

A scenario is a module of `scripts.roost_campaign.scenarios`; its name is the module's, and its docstring's first line
says what is done. Everything random in a step follows from its seed, and a step needs no other before it: that is what
makes a violation repeatable alone, and a campaign resumable.
"""

import hashlib
import importlib
import pkgutil
import random
from pathlib import Path
from typing import NamedTuple, Protocol, cast

from scripts.roost_campaign import scenarios
from scripts.roost_campaign.outcome import Outcome
from scripts.roost_campaign.stalls import Stalls

__all__ = ["Room", "Scenario", "Step", "load_scenario", "scenario_names", "seed_of"]


class Step(NamedTuple):
    """One step.

    Attributes:
        scenario: whose.
        number: from 0.
        seed: of the campaign.
    """

    scenario: str
    number: int
    seed: int

    @property
    def name(self) -> str:
        """As `--repeat` takes it."""
        return f"{self.scenario}:{self.number}"

    def dice(self, what: str = "") -> random.Random:
        """Chance, the same at every repetition; of its own for each `what`."""
        return random.Random(seed_of(self, what))


def seed_of(step: Step, what: str = "") -> int:
    """A number for something random in a step.

    >>> step = Step("spool", 3, 1)
    >>> seed_of(step) == seed_of(step), seed_of(step) == seed_of(step, "boots")
    (True, False)
    """
    text = f"{step.seed} {step.scenario} {step.number} {what}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6])


class Room(NamedTuple):
    """What a step is given.

    Attributes:
        folder: an empty one of its own.
        stalls: of the machine, measured beside.
        outcome: to be filled; what is in it when a step breaks is kept.
    """

    folder: Path
    stalls: Stalls
    outcome: Outcome


class Scenario(Protocol):
    """A module of `scenarios`."""

    __doc__: str | None
    SHARE: float  # of the campaign's time, against the other scenarios'
    TYPICAL_S: float  # that a step takes, until the journal knows better
    LIMIT_S: float  # after which a step is taken to hang, and killed

    def run(self, step: Step, room: Room) -> None:
        """Do it.

        Raises:
            Exception: of any kind, which is a violation, too: `step`.
        """
        ...


def scenario_names() -> list[str]:
    """Of all scenarios, in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(scenarios.__path__))


def load_scenario(name: str) -> Scenario:
    """Import one of `scenario_names()`."""
    return cast("Scenario", importlib.import_module(f"{scenarios.__name__}.{name}"))
