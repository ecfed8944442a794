"""What the candidate's inputs looked like when it was made: the moments of φ, as devices measure it."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roost_shared.phi.choice import ChosenPhi
from roost_shared.sketches.moments import Moments

__all__ = ["drift_reference"]

_DIGITS = 7  # as much as the wire carries of a mean


def drift_reference(chosen: ChosenPhi | None, rows: Iterable[NDArray[np.float64]]) -> dict[str, Any] | None:
    """The document's `drift_reference`; None: the bundle measures nothing, or nothing was seen.

    Args:
        chosen: the bundle's φ.
        rows: φ of each input.
    """
    if chosen is None:
        return None
    moments = Moments(chosen.kind.number, chosen.source, len(chosen.kind.statistics))
    for row in rows:
        moments.update(row.tolist())
    if not moments.count:
        return None
    return {
        "phi": chosen.kind.name,
        "source": chosen.source,
        "count": moments.count,
        "means": [_short(one) for one in moments.means],
        "mean_squares": [_short(one) for one in moments.mean_squares],
    }


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
