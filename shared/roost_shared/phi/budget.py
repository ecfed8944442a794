"""When φ is measured: as often as a share of what inference takes pays for, and once a second at least. Pure.

A measurement is paid for by the inferences after it: only then comes the next. A large model takes so long that every
input is measured; a small one answers in less time than φ takes, and then every k-th input is. Which ones depends on
time alone and not on what they show, so those that are measured stand for all.

>>> budget = Budget()
>>> budget.earn(4_000_000, now_ns=4_000_000)
True
>>> budget.spend(200_000, now_ns=4_200_000)
>>> [budget.earn(4_000_000, now_ns) for now_ns in (8_200_000, 12_200_000, 16_200_000, 1_004_200_000)]
[False, False, True, True]
"""

from typing import Final

from roost_shared.clock import SECOND

__all__ = ["SHARE", "Budget"]

# Of the time that inference takes. 3 % are promised: the rest is for counting, and for the caches that φ leaves cold.
SHARE: Final = 0.02
_AT_LEAST_NS: Final = SECOND  # between two that are measured whatever they cost


class Budget:
    """What may be spent on φ; the first input is measured."""

    __slots__ = ("_due_ns", "_earned_ns", "_price_ns")

    def __init__(self) -> None:
        self._earned_ns = 0.0  # of inference, towards the next measurement
        self._price_ns = 0.0  # of inference, that it takes
        self._due_ns = 0  # when it is measured in any case

    def earn(self, took_ns: int, now_ns: int) -> bool:
        """An inference took so long; whether to measure its input."""
        self._earned_ns += took_ns
        return self._earned_ns >= self._price_ns or now_ns >= self._due_ns

    def spend(self, took_ns: int, now_ns: int) -> None:
        """A measurement took so long, until now."""
        self._earned_ns = max(self._earned_ns - self._price_ns, 0.0) if self._price_ns else 0.0
        self._price_ns = took_ns / SHARE
        self._due_ns = now_ns + _AT_LEAST_NS
