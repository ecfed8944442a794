"""Which samples to hand to somebody who labels. Pure; randomness comes in.

At least half of what is handed out is drawn at random, each sample as often as the world had inputs like it (the
inverse of its keep probability): a queue of the uncertain alone made refined heads worse (93.8 % against 96.1 %,
DESIGN.md, section 10). The rest goes in turn to what was left open, to the uncertain, to disagreements, and to what
is unlike that which is labelled. No embedding of a sample is in the cloud, so unlike means: of the device, then the
answer, then the hour of which least is labelled.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from math import log
from random import Random
from typing import Any, NamedTuple

from roost_cloud.labels.said import Drawn

__all__ = ["Handed", "Seen", "Waiting", "draw", "draw_alike"]

_Key = Callable[["Waiting"], Any]


class Seen(NamedTuple):
    """What of a sample says whether another is like it."""

    device: str
    answered: str | None
    received_at: datetime

    @property
    def hour(self) -> datetime:
        """In which it came."""
        return self.received_at.replace(minute=0, second=0, microsecond=0)


class Waiting(NamedTuple):
    """A sample that somebody could look at.

    Attributes:
        device: that it came from.
        sample: its name there.
        seen: what makes it like others.
        weight: of how many inputs like it this one is the survivor.
        confidence: of what was answered, 0…1; None: nothing sure was.
        disagreement: whether contestants disagreed.
        again: why people who have not seen it yet shall, though others have; None: nobody has.
    """

    device: str
    sample: str
    seen: Seen
    weight: float = 1.0
    confidence: float | None = None
    disagreement: bool = False
    again: Drawn | None = None


class Handed(NamedTuple):
    """A sample to hand out, and why this one."""

    waiting: Waiting
    drawn: Drawn


def draw(waiting: Sequence[Waiting], labelled: Iterable[Seen], count: int, random: Random) -> list[Handed]:
    """Choose.

    Args:
        waiting: to choose from.
        labelled: what is labelled already.
        count: how many to choose; fewer where fewer wait.
        random: draws.

    Returns:
        In random order, so that a place says nothing of the reason. At least half are `random`, unless fewer wait that
        nobody has seen.
    """
    order = _shuffled([one for one in waiting if one.again is None], random)
    at_random, rest = order[: (count + 1) // 2], order[(count + 1) // 2 :]
    handed = [Handed(one, "random") for one in at_random]
    ways = _Ways(rest, _shuffled([one for one in waiting if one.again is not None], random))
    ways.note(labelled)
    ways.note(one.seen for one in at_random)
    handed += ways.take(count - len(handed))
    random.shuffle(handed)
    return handed


def draw_alike(waiting: Sequence[Waiting], count: int, random: Random) -> list[Handed]:
    """Choose among disagreements, each as likely as any other, in random order; see `draw`.

    They stand for no other inputs, so that their labels are not taken for those of a random draw.
    """
    fresh = [one for one in waiting if one.again is None]
    return [Handed(one, "disagreement") for one in random.sample(fresh, min(count, len(fresh)))]


def _shuffled(waiting: Iterable[Waiting], random: Random) -> list[Waiting]:
    """In random order, the heavier sooner.

    The order of drawing without putting back, in proportion to weight: P. Efraimidis and P. Spirakis, "Weighted random
    sampling with a reservoir", Information Processing Letters 97(5), 2006.
    """
    return [one for _, one in sorted(((-log(1 - random.random()) / one.weight, one) for one in waiting), key=_first)]


def _first(pair: tuple[float, Waiting]) -> float:
    return pair[0]


class _Ways:
    """The ways in which what is not random is chosen, each asked in its turn."""

    def __init__(self, fresh: list[Waiting], again: list[Waiting]) -> None:
        self._fresh = fresh  # in random order, which decides where a way finds several alike
        self._again = deque(again)
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._ways = deque((self._take_again, self._uncertain, self._disagreement, self._diverse))

    def note(self, seen: Iterable[Seen]) -> None:
        """Count these as labelled, or about to be."""
        for one in seen:
            self._counts.update(_places(one))

    def take(self, count: int) -> list[Handed]:
        """Choose so many, or all there are."""
        handed: list[Handed] = []
        idle = 0
        while len(handed) < count and idle < len(self._ways):
            found = self._ways[0]()
            self._ways.rotate(-1)
            idle = 0 if found else idle + 1
            if found:
                handed.append(found)
                self.note([found.waiting.seen])
        return handed

    def _take_again(self) -> Handed | None:
        if not self._again:
            return None
        one = self._again.popleft()
        return Handed(one, one.again or "second")

    def _uncertain(self) -> Handed | None:
        return self._fewest("uncertain", self._fresh, lambda one: one.confidence or 0.0)

    def _disagreement(self) -> Handed | None:
        return self._fewest("disagreement", [one for one in self._fresh if one.disagreement], lambda _: 0.0)

    def _diverse(self) -> Handed | None:
        return self._fewest("diverse", self._fresh, lambda one: [self._counts[place] for place in _places(one.seen)])

    def _fewest(self, drawn: Drawn, among: list[Waiting], key: _Key) -> Handed | None:
        if not among:
            return None
        one = min(among, key=key)
        self._fresh.remove(one)
        return Handed(one, drawn)


def _places(seen: Seen) -> tuple[tuple[str, ...], ...]:
    """What is counted of a sample, the coarse before the fine."""
    answered = "" if seen.answered is None else f"={seen.answered}"
    return (seen.device,), (seen.device, answered), (seen.device, answered, seen.hour.isoformat())
