"""A stretch of time. Pure.

>>> from datetime import UTC
>>> day = Span(datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC))
>>> day.share_behind(datetime(2026, 11, 24, 18, tzinfo=UTC))
0.25
"""

from datetime import datetime

import msgspec

__all__ = ["Span"]


class Span(msgspec.Struct, frozen=True):
    """From one moment, inclusive, to a later one, exclusive."""

    since: datetime
    until: datetime

    def share_behind(self, moment: datetime) -> float:
        """How much of it lies after a moment in it, 0…1: what is read, the newest first, when that is reached."""
        return min(1.0, max(0.0, (self.until - moment) / (self.until - self.since)))
