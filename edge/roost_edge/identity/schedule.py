"""When to ask the cloud for a new certificate. Pure: times come in.

A certificate is renewed when two thirds of its life are over, each device somewhat earlier by its name, so that a
fleet enrolled in one afternoon does not come in one afternoon. The device's clock only says when to *ask*: the process
that asks judges by the cloud's clock, and comes back with how long there is yet. So a clock that is ahead costs one
question a day and no renewal; one that is behind is noticed, because a certificate cannot begin in the future. One
that is behind by less sleeps through the moment until it is set, or until the cloud's broker no longer takes us: then
too the cloud is asked. That is also how a device learns that it is revoked.

>>> from datetime import UTC, datetime
>>> begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
>>> renew_at(begin, end, "acme/d/cam-01").isoformat(timespec="hours")
'2026-03-01T03+00:00'
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from roost_shared.backoff import Backoff
from roost_shared.clock import SECOND
from roost_shared.messages import ErrorInfo

__all__ = ["Failed", "NotDue", "Outcome", "RenewalSchedule", "Renewed", "renew_at"]

LATEST: Final = 2 / 3  # of a certificate's life
SPREAD: Final = 1 / 12  # of its life, over which a fleet's renewals lie
AWAY_NS: Final = 15 * 60 * SECOND  # without the cloud's broker, then the API is asked whether it still knows us
_MINUTE_NS: Final = 60 * SECOND
_HOUR_NS: Final = 3600 * SECOND
_DAY_NS: Final = 24 * _HOUR_NS


@dataclass(frozen=True)
class Renewed:
    """There is a new certificate, and the cloud has taken it."""


@dataclass(frozen=True)
class NotDue:
    """The cloud knows us, and by its clock there are `due_in_s` seconds yet."""

    due_in_s: float


@dataclass(frozen=True)
class Failed:
    """It did not come about; `refused` if the cloud said that it does not want us, so that asking again is idle."""

    error: ErrorInfo
    refused: bool


Outcome = Renewed | NotDue | Failed


def renew_at(not_before: datetime, not_after: datetime, name: str) -> datetime:
    """When to renew, by the clock that the two dates are of.

    Args:
        not_before: from when the certificate is good.
        not_after: until when.
        name: the device's, `{tenant}/d/{device}`.
    """
    draw = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32
    return not_before + (not_after - not_before) * (LATEST - SPREAD * draw)


class RenewalSchedule:
    """Decides for one device when to ask."""

    def __init__(self, name: str) -> None:
        self.problem: ErrorInfo | None = None  # what came of the last question, None if that went well
        self._name = name
        self._not_before_ns = 0  # monotonic: until then nothing is asked
        self._backoff = Backoff(_MINUTE_NS, 6 * _HOUR_NS)

    def is_due(self, not_before: datetime, not_after: datetime, *, wall: datetime, now_ns: int, away_ns: int) -> bool:
        """Whether to ask now.

        Args:
            not_before: from when the certificate is good.
            not_after: until when.
            wall: the device's clock, possibly wrong.
            now_ns: monotonic time.
            away_ns: how long the cloud's broker has not had us.
        """
        if now_ns < self._not_before_ns:
            return False
        return wall < not_before or wall >= renew_at(not_before, not_after, self._name) or away_ns >= AWAY_NS

    def heard(self, outcome: Outcome, now_ns: int, random: float) -> None:
        """Take note of what came of asking.

        Args:
            outcome: that.
            now_ns: monotonic time.
            random: drawn evenly in 0…1.
        """
        if isinstance(outcome, Failed):
            self.problem = outcome.error
            if outcome.refused:
                wait_ns = round((6 + 6 * random) * _HOUR_NS)
            else:
                wait_ns = _MINUTE_NS + self._backoff.next_ns(random)
        else:
            self.problem = None
            self._backoff.reset()
            due_in_s = outcome.due_in_s if isinstance(outcome, NotDue) else 0
            wait_ns = min(_DAY_NS, max(_MINUTE_NS, round(due_in_s * SECOND)))
        self._not_before_ns = now_ns + wait_ns
