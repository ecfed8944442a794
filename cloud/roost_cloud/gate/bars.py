"""Whether a rule's bar still means the same of another model: how many inputs reach it. Pure.

An operator who asks for a confidence of 0.80 has chosen how many inputs are answered at the edge and how many are
asked of the cloud. A model that is sure of other things at other confidences changes that choice without being told.

>>> confidences = [0.5, 0.6, 0.7, 0.8, 0.9]
>>> share_reaching(confidences, [1.0] * 5, 0.8)
0.4
>>> matching_bar(confidences, [1.0] * 5, 0.6, old=0.8, within=0.05)
0.7
"""

import math
from collections.abc import Sequence
from typing import Final

__all__ = ["matching_bar", "share_reaching"]

_DECIMALS: Final = (2, 3, 4, 6)  # of a bar, the first that do


def share_reaching(confidences: Sequence[float | None], weights: Sequence[float], bar: float) -> float:
    """The share of inputs, by weight, whose confidence reaches the bar; None reaches none. Of no inputs 0."""
    total = math.fsum(weights)
    reached = [w for c, w in zip(confidences, weights, strict=True) if c is not None and c >= bar]
    return math.fsum(reached) / total if total else 0.0


def matching_bar(
    confidences: Sequence[float | None], weights: Sequence[float], share: float, *, old: float, within: float
) -> float | None:
    """The bar that nearly that share of inputs reach, with as few decimals as may be.

    Args:
        confidences: of inputs.
        weights: of the same inputs.
        share: wanted.
        old: the bar that gave it, to which of several the nearest is taken.
        within: how far from the share it may be.

    Returns:
        None: no bar comes within `within` of the share: too many inputs have one and the same confidence.
    """
    known = sorted({c for c in confidences if c is not None})
    for decimals in _DECIMALS:
        step = 10**decimals
        # A bar that matters lies at one of the confidences or just below, or just above.
        places = {place for c in known for place in (math.floor(c * step), math.floor(c * step) + 1)}
        tried = {min(place / step, 1.0) for place in places} | {0.0, old, 1.0}
        found = [(abs(share_reaching(confidences, weights, bar) - share), abs(bar - old), bar) for bar in tried]
        off, _, bar = min(found)
        if off <= within:
            return bar
    return None
