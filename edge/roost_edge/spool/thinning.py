"""Which inputs go when space runs short, so that those that stay still speak for all. Pure.

A class (a priority) is thinned in rounds, whose numbers never come again. In each, inputs are dropped or stay by the
toss of a coin, which is a hash of sample and round, and the probability of those that stay is multiplied by the coin's
chance. An input that stays with probability p stands for 1/p like it, so a sum over those kept, weighted by 1/p,
expects to be the sum over all that there were (Horvitz and Thompson, 1952). A round tosses for those only that stand
for the fewest: so weights stay alike, and that sum scatters little, however long the device was alone. The lowest
class goes first, down to the `FLOOR` that is left to it: a class that is gone speaks for nothing, and in a long outage
what is worth more would take all the room. Nothing is learnt any more from inputs that stand for thousands: below
`LEAST_PROBABILITY` the oldest go instead, and that is said to be something else.

>>> survives("06d512e219d217f4-7", round_number=1), survives("06d512e219d217f4-7", round_number=2)
(True, False)
"""

import hashlib
from collections.abc import Mapping
from typing import Final

__all__ = ["CHANCE", "FLOOR", "LEAST_PROBABILITY", "is_tossed_for", "next_class", "survives"]

CHANCE: Final = 0.5  # of staying, in one round
LEAST_PROBABILITY: Final = 1e-4
FLOOR: Final = 0.1  # of all that could be freed: no class below it is thinned while a higher one may go
_RANGE: Final = 1 << 64


def is_tossed_for(probability: float, highest: float) -> bool:
    """Whether a round is about an input.

    Args:
        probability: the input's.
        highest: in its class.
    """
    return probability > CHANCE * highest and probability * CHANCE >= LEAST_PROBABILITY


def survives(sample: str, *, round_number: int) -> bool:
    """Whether an input stays in this round."""
    digest = hashlib.blake2b(sample.encode(), digest_size=8, salt=round_number.to_bytes(8, "little")).digest()
    return int.from_bytes(digest, "little") < CHANCE * _RANGE


def next_class(bytes_by_class: Mapping[int, int], *, highest: int | None = None) -> int | None:
    """The class to thin: the lowest with more than its floor, or else the highest of all; None if there is none.

    >>> next_class({0: 50, 1: 50}), next_class({0: 5, 1: 95}), next_class({0: 5, 1: 95}, highest=0)
    (0, 1, 0)

    Args:
        bytes_by_class: what could be freed.
        highest: the class of an input that wants the room; what is worth more does not make way for it.
    """
    present = sorted(priority for priority, size_bytes in bytes_by_class.items() if size_bytes > 0)
    candidates = [priority for priority in present if highest is None or priority <= highest]
    floor_bytes = FLOOR * sum(bytes_by_class.values())
    above = (priority for priority in candidates if bytes_by_class[priority] > floor_bytes)
    return next(above, candidates[-1] if candidates else None)
