"""One face for the four kinds of drift: how far a decision is from its device's own baseline, and what moved. Pure.

- `input` and `event_rate` by `test.DriftTest`: mean φ, and the logarithm of the rate.
- `label_mix` and `model` by `counts.CountsTest`: labels, and confidence by the device's own tenths.

>>> random = np.random.default_rng(1)
>>> fleet = [np.log(random.normal(place, 0.01, (12, 1))) for place in range(5, 15)]
>>> measure = fit("event_rate", fleet)
>>> [measure.distance(fleet[3], fleet[3].mean(axis=0) + off) > measure.threshold(0.05) for off in (0.0, 0.1)]
[False, True]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from roost_cloud.drift.budget import Kind
from roost_cloud.drift.counts import CountsTest
from roost_cloud.drift.decisions import Decision
from roost_cloud.drift.labels import stack_labels
from roost_cloud.drift.models import in_groups, quantile_groups
from roost_cloud.drift.rate import log_rate
from roost_cloud.drift.test import DriftTest
from roost_shared.sketches import ConfidenceHistogram

__all__ = ["CONTINUOUS", "Floats", "Measure", "Values", "compared", "features", "fit"]

Values = NDArray[Any]
Floats = NDArray[np.float64]

CONTINUOUS: Final[frozenset[Kind]] = frozenset({"input", "event_rate"})


def features(kind: Kind, decisions: Sequence[Decision]) -> Values:
    """What of decisions is compared, a row for each; they have what their kind is about, and are of one world."""
    match kind:
        case "input":
            return np.array([one.sketches.phi.means for one in decisions if one.sketches.phi is not None], np.float64)
        case "event_rate":
            return log_rate([one.count for one in decisions], [one.seconds for one in decisions])[:, None]
        case "label_mix":
            return stack_labels([one.sketches.labels for one in decisions if one.sketches.labels is not None])
        case "model":
            bins = [one.sketches.confidence.counts for one in decisions if one.sketches.confidence is not None]
            return np.array(bins, np.int64).reshape(-1, ConfidenceHistogram.SLOTS)


@dataclass(frozen=True)
class Measure:
    """Of one kind, learnt from all devices of a task.

    Attributes:
        kind: of drift.
        test: the measure that devices share.
    """

    kind: Kind
    test: DriftTest | CountsTest

    @property
    def left_out(self) -> tuple[NDArray[np.float64], ...]:
        """U of each commissioning window as if it were new, by device."""
        return self.test.left_out

    def threshold(self, alpha: float) -> float:
        """The U that a decision like those learnt from exceeds with probability `alpha`; infinite if too few are."""
        return self.test.threshold(alpha)

    def distance(self, own: Values, now: Values) -> float:
        """U of a decision.

        Args:
            own: features of the device's commissioning windows, (K, …).
            now: features of the decision.
        """
        own, now = compared(self.kind, own), compared(self.kind, now, own)
        if isinstance(self.test, DriftTest):
            return float(self.test.distance(self.test.baseline(own), now))
        return self.test.distance(self.test.baseline(own), now)

    def deviations(self, own: Values, now: Values) -> NDArray[np.float64]:
        """By how many deviations each statistic is off; of counts, each slot's share by what chance makes of it."""
        own, now = compared(self.kind, own), compared(self.kind, now, own)
        if isinstance(self.test, DriftTest):
            return self.test.deviations(self.test.baseline(own), now)
        total, all_own = max(int(now.sum()), 1), own.sum(axis=0)
        share = all_own / max(int(all_own.sum()), 1)
        scale = float(self.test.baseline(own).scale) ** 0.5
        by = np.sqrt(np.maximum(total * share * (1 - share), 1.0)) * scale
        off: NDArray[np.float64] = (now - total * share) / by
        return off


def compared(kind: Kind, values: Values, own: Values | None = None) -> Values:
    """Features as they are compared: of confidence, its tenths in the device's commissioning windows.

    Args:
        kind: of drift.
        values: features of decisions, (…, n).
        own: of the device's commissioning windows, (K, n); None: `values` are.
    """
    return values if kind != "model" else in_groups(values, quantile_groups(values if own is None else own))


def fit(kind: Kind, devices: Sequence[Values]) -> Measure:
    """Learn from commissioning windows.

    Args:
        kind: of drift.
        devices: for each device the features of its windows.

    Raises:
        BaselineShortError: there is no device, or one has too few windows.
        ReferenceSmallError: there are too few of all.
    """
    if kind not in CONTINUOUS:
        return Measure(kind, CountsTest.fit([compared(kind, one) for one in devices]))
    return Measure(kind, DriftTest.fit(devices))
