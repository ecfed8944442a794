"""When φ is measured: as often as a share of what inference takes pays for, and once a second at least. Pure.

A large model takes so long that every input is measured; a small one answers in less time than φ takes, and then every
k-th input is. Which ones depends on time alone and not on what they show, so those that are measured stand for all.

>>> budget = Budget()
>>> budget.earn(took_ns=4_000_000)
>>> budget.may_spend(now_ns=0)
True
>>> budget.spend(took_ns=200_000, now_ns=0)
>>> budget.may_spend(now_ns=0), budget.may_spend(now_ns=1_000_000_000)
(False, True)
"""

from typing import Final

from roost_shared.clock import SECOND

__all__ = ["SHARE", "Budget"]

SHARE: Final = 0.03  # of the time that inference takes
_AT_LEAST_NS: Final = SECOND  # between two that are measured whatever they cost
_SAVED: Final = 4  # measurements that can be saved up for


class Budget:
    """What may be spent on φ."""

    __slots__ = ("_cost_ns", "_last_ns", "_left_ns")

    def __init__(self) -> None:
        self._left_ns = 0.0  # below 0: owed
        self._cost_ns = 0.0  # of a measurement, about
        self._last_ns: int | None = None

    def earn(self, took_ns: int) -> None:
        """An inference took so long."""
        self._left_ns = min(self._left_ns + SHARE * took_ns, _SAVED * max(self._cost_ns, SHARE * took_ns))

    def may_spend(self, now_ns: int) -> bool:
        """Whether to measure the input at hand."""
        if self._last_ns is None or now_ns - self._last_ns >= _AT_LEAST_NS:
            return True
        return self._left_ns >= self._cost_ns

    def spend(self, took_ns: int, now_ns: int) -> None:
        """A measurement took so long."""
        self._cost_ns = took_ns if self._last_ns is None else 0.8 * self._cost_ns + 0.2 * took_ns
        self._left_ns = max(self._left_ns - took_ns, -_SAVED * self._cost_ns)
        self._last_ns = now_ns
