"""In which order several processes take tests, so that none of them is left with what takes long at the end.

pytest-xdist gives each an equal share of consecutive tests, and whoever is done takes half of what another has left,
from its end. So each share begins with its part of what takes long, whole modules, since their tests share servers,
and ends with what takes no time.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import TypeVar

__all__ = ["deal"]

_Test = TypeVar("_Test")


def deal(
    modules: Sequence[Sequence[_Test]], shares: int, *, seconds: Callable[[Sequence[_Test]], float]
) -> list[_Test]:
    """All tests, in the order to run them in.

    Args:
        modules: the tests of each.
        shares: how many processes there are.
        seconds: how long a module takes at most; 0 for next to nothing. The longest come first.
    """
    whole = sum(len(module) for module in modules)
    hands: list[list[_Test]] = [[] for _ in range(shares)]
    longest_first = sorted((module for module in modules if seconds(module)), key=seconds, reverse=True)
    for number, module in enumerate(longest_first):
        hands[number % shares] += module
    quick = list(chain.from_iterable(module for module in modules if not seconds(module)))
    for number, hand in enumerate(hands):
        size = whole // shares + (number >= shares - whole % shares)
        wanted = max(0, size - len(hand))
        hand.extend(quick[:wanted])
        quick = quick[wanted:]
    return [*chain.from_iterable(hands), *quick]
