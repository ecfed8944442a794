"""What becomes of an alarm: open, then acknowledged, then resolved, which is its end; muted for a while. Pure.

Muting changes no state: until its time an alarm is not told of, and does not count among those that are open.

>>> from datetime import UTC
>>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
>>> alarm = mute(Standing("open"), until=noon + timedelta(hours=1), now=noon)
>>> is_muted(alarm, noon), is_muted(alarm, noon + timedelta(hours=1))
(True, False)
>>> acknowledge(resolve(alarm))
Traceback (most recent call last):
...
roost_cloud.alarms.state.AlarmResolvedError: the alarm is resolved: if it is so again, another will come
"""

from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from roost_cloud.errors import ConflictError
from roost_shared.errors import ContentError

__all__ = [
    "LONGEST_MUTE",
    "AlarmResolvedError",
    "BadMuteError",
    "Standing",
    "State",
    "acknowledge",
    "is_muted",
    "mute",
    "resolve",
]

State = Literal["open", "acknowledged", "resolved"]
LONGEST_MUTE: Final = timedelta(days=366)


class AlarmResolvedError(ConflictError):
    """A resolved alarm stays as it is."""

    code = "alarm.resolved"

    def __init__(self) -> None:
        super().__init__("the alarm is resolved: if it is so again, another will come")


class BadMuteError(ContentError):
    """An alarm cannot be muted until then."""

    code = "alarm.mute"


class Standing(NamedTuple):
    """How an alarm stands."""

    state: State
    muted_until: datetime | None = None


def acknowledge(alarm: Standing) -> Standing:
    """Somebody sees to it; again is no change.

    Raises:
        AlarmResolvedError: it is resolved.
    """
    if alarm.state == "resolved":
        raise AlarmResolvedError
    return alarm._replace(state="acknowledged")


def resolve(alarm: Standing) -> Standing:
    """It is over; again is no change."""
    return alarm._replace(state="resolved")


def mute(alarm: Standing, *, until: datetime | None, now: datetime) -> Standing:
    """Tell nobody until a time; None: tell again.

    Raises:
        AlarmResolvedError: it is resolved.
        BadMuteError: the time is past, or too far off.
    """
    if alarm.state == "resolved":
        raise AlarmResolvedError
    if until is not None and not now < until <= now + LONGEST_MUTE:
        raise BadMuteError(f"mute until a time to come, {LONGEST_MUTE.days} days off at most")
    return alarm._replace(muted_until=until)


def is_muted(alarm: Standing, now: datetime) -> bool:
    """Whether nobody is told of it now."""
    return alarm.state != "resolved" and alarm.muted_until is not None and now < alarm.muted_until
