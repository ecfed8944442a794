"""Answers by the reason that each came with. Pure.

>>> counts = ReasonCounts()
>>> counts.update("deadline")
>>> counts.by_reason()["deadline"]
1
"""

from typing import Final

from roost_shared.messages import Reason
from roost_shared.sketches.slot_counts import SlotCounts

__all__ = ["ReasonCounts"]

# Their order is on the wire: a new reason goes to the end.
_REASONS: Final[tuple[Reason, ...]] = ("preferred", "fallback", "deadline", "default", "forced", "overloaded")


class ReasonCounts(SlotCounts):
    """How often an answer came for each reason."""

    TAG = 0x41
    SLOTS = 8  # two are left for reasons to come

    __slots__ = ()

    def update(self, reason: Reason) -> None:
        """Count an answer."""
        self.count(_REASONS.index(reason))

    def by_reason(self) -> dict[Reason, int]:
        """The counts by name."""
        return dict(zip(_REASONS, self.counts, strict=False))
