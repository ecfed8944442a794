"""Samples that somebody is labelling: which one is looked at, what was chosen, and what each key means. Pure.

What is chosen is kept here until it is saved, so that it can be undone without a trace.

>>> keys_of(["0", "1", "rust", "scratch"])
{'0': '0', '1': '1', '2': 'rust', '3': 'scratch'}
>>> sheet = Sheet(3).choose("rust").choose(None)
>>> sheet.at, sheet.chosen
(2, {0: 'rust', 1: None})
>>> sheet.undo().chosen, sheet.undo().at
({0: 'rust'}, 1)
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

__all__ = ["COLUMNS", "RESERVED", "Sheet", "keys_of"]

RESERVED: Final = "uxs"  # undo, cannot tell, save
COLUMNS: Final = 6
_KEYS: Final = "1234567890abcdefghijklmnopqrtvwyz"


def keys_of(labels: Iterable[str]) -> dict[str, str]:
    """A key for each label: its own character where it is one, else the first that is left; those beyond have none."""
    every = list(labels)
    own = {label: label for label in every if len(label) == 1 and label in _KEYS}
    left = iter(key for key in _KEYS if key not in own)
    found = dict(own)
    for label in every:
        if label not in own and (key := next(left, None)) is not None:
            found[key] = label
    return found


@dataclass(frozen=True)
class Sheet:
    """Some samples in a row.

    Attributes:
        count: how many.
        at: which one is looked at, from 0.
        chosen: what each shows; None: it cannot be told.
        order: those that were chosen, the last one last.
    """

    count: int
    at: int = 0
    chosen: dict[int, str | None] = field(default_factory=dict)
    order: tuple[int, ...] = ()

    def choose(self, label: str | None) -> "Sheet":
        """Say what the one that is looked at shows, and look at the next that nothing was said of."""
        if not self.count:
            return self
        chosen = self.chosen | {self.at: label}
        order = (*(one for one in self.order if one != self.at), self.at)
        ahead = [*range(self.at + 1, self.count), *range(self.at)]
        return replace(self, at=next((one for one in ahead if one not in chosen), self.at), chosen=chosen, order=order)

    def undo(self) -> "Sheet":
        """Take the last word back, and look at that one again."""
        if not self.order:
            return self
        *order, last = self.order
        chosen = {place: label for place, label in self.chosen.items() if place != last}
        return replace(self, at=last, chosen=chosen, order=tuple(order))

    def move(self, by: int) -> "Sheet":
        """Look at another."""
        return replace(self, at=min(max(self.at + by, 0), max(self.count - 1, 0)))
