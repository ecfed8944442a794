"""How sure models are: by the quantiles of their confidence when commissioned, and whose fault it is. Pure.

A device's commissioning windows cut confidence into ten groups of about equal size. A window in which the groups are
not about equal is one in which the model is surer, or less sure, than it was; where, the groups tell. The baseline
contestant sees the same inputs and never changes: if both moved, the inputs did; if the primary alone did, the model.

Reference: T. Dunning and E. Friedman, Machine Learning Logistics, 2017: the canary, and score quantiles.

>>> tell_apart(primary_moved=True, baseline_moved=False)
'model'
>>> tell_apart(primary_moved=True, baseline_moved=True)
'input'
"""

from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cause", "in_groups", "quantile_groups", "tell_apart"]

Cause = Literal["none", "input", "model", "baseline"]
GROUPS: Final = 10


def quantile_groups(windows: NDArray[Any]) -> NDArray[np.intp]:
    """Which group each bin of a confidence histogram belongs to, (bins,), by commissioning windows (K, bins)."""
    counts = windows.sum(axis=0)
    middle = counts.cumsum() - counts / 2
    groups: NDArray[np.intp] = np.minimum(GROUPS * middle // max(int(counts.sum()), 1), GROUPS - 1).astype(np.intp)
    return groups


def in_groups(windows: NDArray[Any], groups: NDArray[np.intp]) -> NDArray[np.int64]:
    """Counts by group, (…, groups), of counts by bin, (…, bins); for `CountsTest`."""
    members = groups[:, None] == np.arange(GROUPS)
    found: NDArray[np.int64] = windows @ members.astype(np.int64)
    return found


def tell_apart(*, primary_moved: bool, baseline_moved: bool) -> Cause:
    """What has changed, by whose confidence did; `baseline`: alone it moved, so look at that contestant."""
    if primary_moved:
        return "input" if baseline_moved else "model"
    return "baseline" if baseline_moved else "none"
