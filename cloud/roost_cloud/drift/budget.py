"""The alarm budget: how many false alarms a week people can bear, over all streams. Pure.

- It is split: 70 % for input drift, 10 % each for label mix, models and event rate.
- One decision that exceeds its threshold is no alarm: three of the last five are. So each may exceed it far more often
  than an alarm may come, and a threshold for that can be told from few windows.
- A stream alarms once until somebody has resolved that.

>>> round(starting_alpha(2 * SHARES["input"], decisions_a_week=30 * 168), 3)
0.036
>>> alarms([False, True, False, True, True, True, True])
[4]
"""

import math
from collections.abc import Iterable, Mapping
from typing import Final, Literal

__all__ = ["OF", "SHARES", "WANTED", "Kind", "alarms", "starting_alpha"]

Kind = Literal["input", "label_mix", "model", "event_rate"]

SHARES: Final[Mapping[Kind, float]] = {"input": 0.7, "label_mix": 0.1, "model": 0.1, "event_rate": 0.1}
WANTED: Final = 3  # decisions that exceed the threshold
OF: Final = 5  # the last ones


def starting_alpha(budget_a_week: float, decisions_a_week: float) -> float:
    """The share of decisions that may exceed a threshold, so that alarms keep a budget if decisions are independent.

    They are not, nor are their tails what a formula thinks: it is where `calibration` begins, and no promise.

    Args:
        budget_a_week: false alarms, over all streams.
        decisions_a_week: over all streams.

    Returns:
        (B / (W · C(4, 2)))^⅓, 1 at most.
    """
    ways = math.comb(OF - 1, WANTED - 1)
    return float(min(1.0, (budget_a_week / (max(decisions_a_week, 1e-9) * ways)) ** (1 / WANTED)))


def alarms(exceeded: Iterable[bool]) -> list[int]:
    """The decisions of a stream at which an alarm comes, each resolved at once: what went before counts no more.

    Args:
        exceeded: for each decision, in order of time, whether it exceeded the threshold.

    Returns:
        Their places, from 0.
    """
    found: list[int] = []
    recent: list[int] = []
    for place, did in enumerate(exceeded):
        if not did:
            continue
        recent = [*(one for one in recent if one > place - OF), place]
        if len(recent) >= WANTED:
            found.append(place)
            recent = []
    return found
