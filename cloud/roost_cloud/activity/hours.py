"""Which hours a question is about. Pure.

>>> from datetime import UTC
>>> span = last_hours(datetime(2026, 12, 1, 12, 34, tzinfo=UTC), 2)
>>> [hour.hour for hour in span.hours], span.since.hour, span.until.minute
([11, 12], 11, 34)
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

__all__ = ["LONGEST_HOURS", "HourSpan", "hour_of", "last_hours"]

LONGEST_HOURS: Final = 168  # that can be asked for
_HOUR: Final = timedelta(hours=1)


class HourSpan(NamedTuple):
    """Whole hours, the last of which is not over yet.

    Attributes:
        hours: the beginning of each, in order.
        until: the moment that it was asked.
    """

    hours: tuple[datetime, ...]
    until: datetime

    @property
    def since(self) -> datetime:
        """When it begins."""
        return self.hours[0]


def hour_of(moment: datetime) -> datetime:
    """The beginning of a moment's hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


def last_hours(now: datetime, count: int) -> HourSpan:
    """The hour that is, and those before it, `count` in all."""
    last = hour_of(now)
    return HourSpan(tuple(last - place * _HOUR for place in reversed(range(count))), now)
