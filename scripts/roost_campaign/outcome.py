"""What came of a step: whom it killed and where, what it counted, and what did not hold.

All of it can be written as JSON; outcomes of many steps are added up.
"""

from collections import Counter
from collections.abc import Iterable

import msgspec

__all__ = ["Outcome", "Violation", "added_up"]


class Violation(msgspec.Struct, frozen=True):
    """Something that must always hold, and did not.

    Attributes:
        invariant: which, in a few words; the same for all that break it.
        detail: what was seen.
    """

    invariant: str
    detail: str


class Outcome(msgspec.Struct):
    """Of one step, or of many.

    Attributes:
        kills: by victim and point: `director: UPDATE rollout`.
        counts: what else was done or seen, by name; lateness that the machine's own stalls explain is here too.
        violations: none, if all is well.
        skipped: what could not be done on this machine, and why.
    """

    kills: dict[str, int] = {}
    counts: dict[str, int] = {}
    violations: list[Violation] = []
    skipped: list[str] = []

    def kill(self, victim: str, point: str, times: int = 1) -> None:
        """Count a kill."""
        name = f"{victim}: {point}"
        self.kills[name] = self.kills.get(name, 0) + times

    def count(self, what: str, times: int = 1) -> None:
        """Count something."""
        if times:
            self.counts[what] = self.counts.get(what, 0) + times

    def broken(self, invariant: str, detail: object) -> None:
        """Note what did not hold."""
        self.violations.append(Violation(invariant, str(detail)))

    def require(self, held: object, invariant: str, detail: object = "") -> None:
        """Note that something does not hold, if so."""
        if not held:
            self.broken(invariant, detail)

    @property
    def killed(self) -> int:
        """How many were, all told."""
        return sum(self.kills.values())


def added_up(outcomes: Iterable[Outcome]) -> Outcome:
    """All of them as one.

    >>> first, second = Outcome(kills={"agent: any": 1}), Outcome(kills={"agent: any": 2}, counts={"answers": 3})
    >>> added_up([first, second]).kills, added_up([first, second]).counts
    ({'agent: any': 3}, {'answers': 3})
    """
    kills, counts = Counter[str](), Counter[str]()
    total = Outcome()
    for one in outcomes:
        kills.update(one.kills)
        counts.update(one.counts)
        total.violations += one.violations
        total.skipped += [text for text in one.skipped if text not in total.skipped]
    total.kills, total.counts = dict(sorted(kills.items())), dict(sorted(counts.items()))
    return total
