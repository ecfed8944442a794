"""The threshold at which the recorded weeks would have kept the alarm budget: replay, in place of a formula. Pure.

Under heavy tails, devices that scatter more than others, and hours that are like the hour before, formulas overran
the budget three to sixty times; the same rule replayed over recorded weeks kept it. The more decisions exceed a
threshold, the more alarms there are: so the smallest that keeps the budget is found by halving.

The record may have one alarm less than the budget allows. A threshold that is just below the next alarm would be kept
by this record and overrun by the next, by one alarm on average; as with a quantile, (N + 1) is what counts.

A budget that the record is too short to show is kept by drawing its tail out: see `drawn_out`.

>>> quiet, restless = np.zeros(168), np.tile([0.0, 9.0, 9.0, 9.0, 0.0, 0.0, 0.0], 24)
>>> calibrate([quiet, restless], weeks=1, budget_a_week=2)
Calibration(threshold=9.0, alarms_a_week=0.0, weeks=1, is_promised=False)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roost_cloud.drift.budget import OF, WANTED, alarms

__all__ = ["LEAST_ALARMS", "Calibration", "calibrate", "drawn_out", "replayed_alarms"]

LEAST_ALARMS: Final = 3.0  # that the budget allows over the recorded weeks, if it is to be promised
_PEAKS: Final = (5, 50)  # that a tail is learnt from, at least and at most
_SHARE_OF_PEAKS: Final = 0.1
_FARTHEST: Final = 100.0  # times as rare as the rarest that was recorded: beyond, a tail tells nothing


@dataclass(frozen=True)
class Calibration:
    """A threshold, and what is known of it.

    Attributes:
        threshold: an alarm takes decisions beyond it.
        alarms_a_week: that the recorded weeks have at it.
        weeks: that are recorded.
        is_promised: enough are to say so; else a budget this small cannot be promised yet.
    """

    threshold: float
    alarms_a_week: float
    weeks: float
    is_promised: bool

    def words(self, budget_a_week: float) -> str:
        """What to tell people of it."""
        if self.is_promised:
            return f"{budget_a_week:g} false alarms a week, by {self.weeks:.1f} recorded weeks"
        wanted = LEAST_ALARMS / budget_a_week
        return (
            f"{budget_a_week:g} false alarms a week cannot be promised yet: that takes {wanted:.1f} recorded weeks, "
            f"there are {self.weeks:.1f}"
        )


def replayed_alarms(streams: Sequence[NDArray[np.float64]], threshold: float) -> int:
    """How many alarms recorded streams have at a threshold; of each, U by decision in order of time."""
    return sum(len(alarms((stream > threshold).tolist())) for stream in streams)


def calibrate(streams: Sequence[NDArray[np.float64]], *, weeks: float, budget_a_week: float) -> Calibration:
    """The smallest threshold, among the distances seen, at which the recorded weeks keep the budget.

    Args:
        streams: U of each stream's decisions in order of time, each judged by windows other than itself.
        weeks: that they span.
        budget_a_week: false alarms over all streams, above 0.
    """
    seen = np.unique(np.concatenate([np.zeros(1), *streams]))
    allowed = max(math.floor(budget_a_week * weeks + 1e-9) - 1, 0)
    low, high = 0, len(seen) - 1  # at the largest there is no alarm
    while low < high:
        middle = (low + high) // 2
        if replayed_alarms(streams, float(seen[middle])) <= allowed:
            high = middle
        else:
            low = middle + 1
    threshold = float(seen[low])
    is_promised = budget_a_week * weeks >= LEAST_ALARMS - 1e-9
    return Calibration(threshold, replayed_alarms(streams, threshold) / weeks, weeks, is_promised)


def drawn_out(streams: Sequence[NDArray[np.float64]], *, weeks: float, budget_a_week: float) -> float:
    """The threshold at which the tail of the record, drawn out beyond it, keeps the budget; 0 if it shows no tail.

    What comes once a week, a short record has seen once, and the next weeks bring it again and again: beyond the
    highest of n there is one of n + 1. An alarm's peak is the third highest of five decisions that follow one another;
    the highest peaks exceed the one before them by exponential amounts (Pickands, 1975, of light tails), and whoever
    knows their mean from k of them alone expects the next by a Lomax distribution of shape k.

    Args:
        streams: U of each stream's decisions in order of time, each judged by windows other than itself.
        weeks: that they span.
        budget_a_week: false alarms over all streams, above 0.
    """
    peaks = np.sort(np.concatenate([np.zeros(0), *map(_peaks, streams)]))[::-1]
    few, many = _PEAKS
    count = int(min(max(len(peaks) * _SHARE_OF_PEAKS, few), many))
    if len(peaks) <= count:
        return 0.0
    base = float(peaks[count])
    mean = float(np.mean(peaks[:count]) - base)
    wanted = max(budget_a_week * weeks, 1 / _FARTHEST)
    return float(base + count * mean * max((count / wanted) ** (1 / count) - 1, 0.0))


def _peaks(stream: NDArray[np.float64]) -> NDArray[np.float64]:
    """The highest thresholds at which alarms would come: of stretches of as many decisions as are counted for one."""
    if len(stream) < OF:
        return np.zeros(0)
    levels = np.sort(np.lib.stride_tricks.sliding_window_view(stream, OF), axis=1)[:, OF - WANTED]
    whole = len(levels) // OF * OF
    stretches: NDArray[np.float64] = levels[:whole].reshape(-1, OF).max(axis=1)
    return stretches
