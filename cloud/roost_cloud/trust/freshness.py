"""What snapshot and timestamp say next, and when it is time to say it anew. Pure.

The timestamp is good for a day and the snapshot for a week, so whoever holds back what is new is seen within a day;
each is signed anew when half of its time has passed, which leaves half for a director to be away. So are the releases
of tasks that the cloud releases for by itself.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from tuf.api.metadata import MetaFile, Signed, Snapshot, Timestamp

__all__ = ["RELEASE_LIFE", "SNAPSHOT_LIFE", "TIMESTAMP_LIFE", "is_due", "next_snapshot", "next_timestamp"]

SNAPSHOT_LIFE: Final = timedelta(days=7)
TIMESTAMP_LIFE: Final = timedelta(days=1)
RELEASE_LIFE: Final = timedelta(days=30)  # where the cloud signs it
_HASHES: Final = ["sha256"]


def is_due(signed: Signed, life: timedelta, now: datetime) -> bool:
    """Whether half of its life has passed."""
    return signed.expires - now < life / 2


def next_snapshot(current: Snapshot | None, changed: Mapping[str, tuple[int, bytes]], now: datetime) -> Snapshot:
    """The next snapshot. Whatever it once spoke of, it speaks of for ever: what vanished would look like an attack.

    Args:
        current: the newest; None for the first.
        changed: version and bytes of roles' new metadata.
        now: the time.
    """
    meta = {} if current is None else dict(current.meta)
    meta |= {f"{role}.json": MetaFile.from_data(version, data, _HASHES) for role, (version, data) in changed.items()}
    return Snapshot(version=_next(current), expires=now + SNAPSHOT_LIFE, meta=meta)


def next_timestamp(current: Timestamp | None, snapshot: tuple[int, bytes], now: datetime) -> Timestamp:
    """The next timestamp.

    Args:
        current: the newest; None for the first.
        snapshot: version and bytes of the snapshot it is to name.
        now: the time.
    """
    meta = MetaFile.from_data(*snapshot, _HASHES)
    return Timestamp(version=_next(current), expires=now + TIMESTAMP_LIFE, snapshot_meta=meta)


def _next(current: Signed | None) -> int:
    return 1 if current is None else current.version + 1
