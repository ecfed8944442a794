"""One thing that somebody said a sample shows, and what of all that was said still counts. Pure.

Nothing that was said is ever taken away: whoever says something else later replaces their own word, not another's.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, NamedTuple

__all__ = ["Drawn", "Kind", "Said", "current"]

Kind = Literal["person", "teacher"]
Drawn = Literal["random", "uncertain", "disagreement", "diverse", "second", "tied"]


class Said(NamedTuple):
    """One thing said.

    Attributes:
        label: what the sample shows; None: whoever looked cannot tell.
        kind: of who says so.
        source: who says so, by a name that is theirs among their kind.
        at: when.
        confidence: a teacher's, 0…1; None: it gave none.
        drawn: why the queue had handed the sample out; None: it had not.
        bundle: that a teacher ran.
        informed: whether a person had been shown what models say: such a word teaches, and judges nobody.
    """

    label: str | None
    kind: Kind
    source: str
    at: datetime
    confidence: float | None = None
    drawn: Drawn | None = None
    bundle: str | None = None
    informed: bool = False


def current(said: Iterable[Said]) -> list[Said]:
    """The last word of everybody; of two at the same moment, the one that comes later here.

    >>> from datetime import UTC, timedelta
    >>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    >>> first, other = Said("1", "person", "ann", noon), Said("7", "person", "ben", noon)
    >>> [(one.source, one.label) for one in current([first, other, first._replace(label="2")])]
    [('ann', '2'), ('ben', '7')]
    """
    last: dict[tuple[Kind, str], Said] = {}
    for one in said:
        before = last.get((one.kind, one.source))
        if before is None or one.at >= before.at:
            last[one.kind, one.source] = one
    return list(last.values())
