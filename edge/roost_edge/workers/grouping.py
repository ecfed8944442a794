"""Which contestants of a task share a worker: a pure decision.

Contestants whose bases are the same share one, so that the base runs once for an input and each further head costs
next to nothing. Rules:

- Two contestants that may answer never share: one is the other's fallback, and must not hang or die with it.
- Contestants that only score (shadows, and baselines that no rule names) join the first that may answer on their
  base; with none there, each other.
- Those that have no base to share are alone.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

__all__ = ["Sharer", "group_by_base"]


class Sharer(NamedTuple):
    """A contestant as far as sharing goes."""

    contestant: str
    may_answer: bool  # a rule accepts it, or its role is to answer
    base: Hashable | None  # equal for those that can share; None: it shares with nobody


def group_by_base(sharers: Sequence[Sharer]) -> list[tuple[Sharer, ...]]:
    """The workers to be made: each contestant in exactly one, the one that may answer first in it.

    Args:
        sharers: a task's local contestants, in the task's order.

    >>> group_by_base([Sharer("primary", True, "b1"), Sharer("backup", True, "b1"), Sharer("shadow", False, "b1")])
    ... # doctest: +NORMALIZE_WHITESPACE
    [(Sharer(contestant='primary', may_answer=True, base='b1'),
      Sharer(contestant='shadow', may_answer=False, base='b1')),
     (Sharer(contestant='backup', may_answer=True, base='b1'),)]
    """
    groups: list[list[Sharer]] = []
    open_to: dict[Hashable, list[Sharer]] = {}
    for sharer in sorted(sharers, key=lambda one: not one.may_answer):  # stable: those that may answer come first
        group = None if sharer.may_answer or sharer.base is None else open_to.get(sharer.base)
        if group is None:
            group = []
            groups.append(group)
            if sharer.base is not None:
                open_to.setdefault(sharer.base, group)
        group.append(sharer)
    return [tuple(group) for group in groups]
