"""Whether a device is there: what its births and wills make of what we knew. Pure.

A broker publishes a will when it notices a connection's end, which may be after the device's next birth. So a live
`offline` counts only if it is of the boot we know to be online, and of no earlier session. A *retained* state is
another matter: it is the last word on its topic, said while we were not listening, so it counts whatever its boot.
Should it be a late will that overwrote a birth, then the device, who reads its own topic, is about to say so.

Boots have no order: the latest `online` counts. Within a boot sessions do, so that what comes again or too late
changes nothing. Several readers may write what they heard, each at its own pace: who has heard all has the last word.

>>> from datetime import UTC, datetime
>>> now = datetime(2026, 1, 1, tzinfo=UTC)
>>> birth = State(state="online", boot="b1", session=2)
>>> online = next_presence(NEVER, birth, retained=False, received_at=now)
>>> next_presence(online, State(state="offline", boot="b1", session=1), retained=False, received_at=now)
<Ignored.OLDER_SESSION: 'older_session'>
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Final, Literal

from roost_shared.messages import State

__all__ = ["NEVER", "Ignored", "Presence", "next_presence"]


@dataclass(frozen=True)
class Presence:
    """What is known of a device."""

    state: Literal["never", "online", "offline"]
    boot: str | None = None
    session: int | None = None
    last_seen: datetime | None = None  # by our clock
    agent_version: str | None = None
    problem: str | None = None


NEVER: Final = Presence("never")


class Ignored(Enum):
    """Why a message changes nothing."""

    REPEATED = "repeated"
    OLDER_SESSION = "older_session"
    OTHER_BOOT = "other_boot"  # a will of a boot that another has followed


def next_presence(
    stored: Presence, message: State | None, *, retained: bool, received_at: datetime
) -> Presence | Ignored:
    """What is known after a message.

    Args:
        stored: what was known.
        message: a birth or will; None if the topic was cleared.
        retained: whether the broker had it before we subscribed.
        received_at: by our clock.
    """
    if message is None:
        return _cleared(stored)
    if message.boot == stored.boot and stored.session is not None:
        if message.session < stored.session:
            return Ignored.OLDER_SESSION
        if message.session == stored.session and not _is_news(stored, message):
            return Ignored.REPEATED
    elif message.state == "offline" and stored.boot is not None and not retained:
        return Ignored.OTHER_BOOT
    says_little = retained and message.state == "offline"  # it may have been so for weeks
    return Presence(
        state=message.state,
        boot=message.boot,
        session=message.session,
        last_seen=stored.last_seen if says_little else _later(stored.last_seen, received_at),
        agent_version=message.version,
        problem=message.problem,
    )


def _is_news(stored: Presence, message: State) -> bool:
    """Whether a message of the session we know says more of it."""
    if stored.state == "offline":
        return False  # the session is over
    return (message.state, message.version, message.problem) != (stored.state, stored.agent_version, stored.problem)


def _cleared(stored: Presence) -> Presence | Ignored:
    """Nobody says anything of the device: whatever is said next counts, by the live device first."""
    if stored.boot is None:
        return Ignored.REPEATED
    state = "offline" if stored.state == "online" else stored.state
    return replace(stored, state=state, boot=None, session=None)


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)
