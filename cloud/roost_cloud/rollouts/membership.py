"""Which stages of a rollout reach which devices: whoever joins late lands where it would have been. Pure.

>>> 0 <= place("r-1", "cam-01") < 1
True
>>> place("r-1", "cam-01") == place("r-2", "cam-01")
False
"""

import hashlib
import heapq
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from roost_cloud.fleet.labels import parse_selector
from roost_cloud.rollouts.plan import Mode, Stage

__all__ = ["Aim", "aim_of", "cuts_of", "place"]

_BYTES: Final = 7  # what a float holds exactly


class Aim(NamedTuple):
    """What a device shall do for a rollout that has come to a stage."""

    stage: int  # by which it came to that
    mode: Mode


def place(rollout: str, device: str) -> float:
    """Where a device stands in a rollout's order, evenly in 0…1: the same everywhere, another in each rollout."""
    digest = hashlib.sha256(f"{rollout}\0{device}".encode()).digest()
    return (int.from_bytes(digest[:_BYTES], "big") >> 3) / (1 << 53)


def cuts_of(stages: Sequence[Stage], places: Collection[float]) -> list[float]:
    """Up to which place each stage reaches; 0 for a stage that reaches by name or label.

    A share of a small fleet may be less than the devices a stage needs: it then reaches the first that there are.

    Args:
        stages: the rollout's.
        places: of the devices that may take part.
    """
    return [0.0 if one.share is None else max(one.share, _cut_for(one.minimum, places)) for one in stages]


def aim_of(
    stages: Sequence[Stage], cuts: Sequence[float], come_to: int, device: str, at: float, labels: Mapping[str, str]
) -> Aim | None:
    """What a device shall do; None: nothing yet.

    Args:
        stages: the rollout's.
        cuts: their `cuts_of`.
        come_to: the last stage that has begun.
        device: its name.
        at: its `place`.
        labels: what it is called.

    Returns:
        The first stage that gives it the mode it shall have, so that a stage counts its own devices and no other's.
    """
    aim: Aim | None = None
    for number, stage in enumerate(stages[: come_to + 1]):
        if (aim is None or aim.mode != stage.mode) and _reaches(stage, cuts[number], device, at, labels):
            aim = Aim(number, stage.mode)
    return aim


def _cut_for(minimum: int, places: Collection[float]) -> float:
    """Just above the `minimum`-th place."""
    first = heapq.nsmallest(minimum, places)
    return first[-1] + 2.0**-53 if first else 0.0


def _reaches(stage: Stage, cut: float, device: str, at: float, labels: Mapping[str, str]) -> bool:
    if stage.share is not None:
        return at < cut
    if stage.selector is not None:
        key, value = parse_selector(stage.selector)
        return labels.get(key) == value
    return device in stage.devices
