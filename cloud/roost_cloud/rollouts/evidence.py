"""What windows of devices say of a candidate, gathered as they come, each once. Pure.

A window of the candidate says how often it scored, how long that took, and how often it differed from the contestant
that it shall replace; the window of answers beside it, how many inputs there were. The candidate's first window is
passed over with all before it: it began while the candidate was not there yet.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

import msgspec

from roost_cloud.rollouts.gate import Seen
from roost_shared.messages import MessageError
from roost_shared.records import WindowRecord, decode_record
from roost_shared.sketches import Disagreements, LatencyHistogram, SketchError

__all__ = ["Gathered", "RawWindow", "gather"]

_BOOTS: Final = 8  # of a device, that are remembered
_MOST: Final = 1_000_000_000  # requests in a window


class RawWindow(msgspec.Struct, frozen=True):
    """A window, as it is stored.

    Attributes:
        boot: of the device.
        sequence: of its record in that boot.
        record: the whole, as it came.
    """

    boot: str
    sequence: int
    record: bytes


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """What was gathered of a device.

    Attributes:
        seen: the counts.
        stage: of the rollout in which they were seen.
        began: the first window of the candidate, as boot and `started_at`; None: there was none yet.
        up_to: by boot, the sequence that was gathered last.
        unread: windows that could not be read.
    """

    seen: Seen
    stage: int = -1
    began: tuple[str, str] | None = None
    up_to: dict[str, int] = {}
    unread: int = 0


def gather(
    before: Gathered, windows: Iterable[RawWindow], *, candidate: str, bundle: str, incumbent: str, limit_ms: float
) -> Gathered:
    """Add windows to what was gathered.

    Args:
        before: what was.
        windows: of the task, of one device, in the order of their sequence in each boot; those known are passed over.
        candidate: the contestant that runs the candidate.
        bundle: the candidate, `name:version@sha256:…`.
        incumbent: the contestant that it is compared with.
        limit_ms: that a score may take, in milliseconds.
    """
    now = msgspec.structs.replace(before, up_to=dict(before.up_to))
    other = None if incumbent == candidate else incumbent
    for window in windows:
        if window.sequence <= now.up_to.get(window.boot, 0):
            continue
        now.up_to[window.boot] = window.sequence
        try:
            now = _with(now, window, (candidate, bundle), other, limit_ms)
        except (MessageError, SketchError):
            now = msgspec.structs.replace(now, unread=now.unread + 1)
    for boot in list(now.up_to)[:-_BOOTS]:
        del now.up_to[boot]
    return now


def _with(
    now: Gathered, window: RawWindow, candidate: tuple[str, str], incumbent: str | None, limit_ms: float
) -> Gathered:
    record = decode_record(window.record)
    if not isinstance(record, WindowRecord):
        return now
    if not 0 <= record.count <= _MOST:
        raise MessageError(f"a window of {record.count} requests")
    place = (window.boot, record.started_at)
    if now.began is None:
        is_first = (record.contestant, record.bundle) == candidate
        return msgspec.structs.replace(now, began=place) if is_first else now
    if now.began == place:
        return now
    if record.contestant is None:
        seen = msgspec.structs.replace(now.seen, inputs=now.seen.inputs + record.count)
        return msgspec.structs.replace(now, seen=seen)
    if (record.contestant, record.bundle) != candidate:
        return now
    return msgspec.structs.replace(now, seen=_scored(now.seen, record, incumbent, limit_ms))


def _scored(seen: Seen, record: WindowRecord, incumbent: str | None, limit_ms: float) -> Seen:
    slow = compared = differing = 0
    if "latency" in record.sketches:
        slow = _longer(LatencyHistogram.from_bytes(record.sketches["latency"]), limit_ms)
    if "disagreements" in record.sketches and incumbent is not None:
        compared, differing = Disagreements.from_bytes(record.sketches["disagreements"]).of(incumbent)
    return msgspec.structs.replace(
        seen,
        scored=seen.scored + record.count,
        slow=seen.slow + slow,
        compared=seen.compared + compared,
        differing=seen.differing + differing,
    )


def _longer(latency: LatencyHistogram, limit_ms: float) -> int:
    """How many took longer than a limit; of a bin that the limit lies in, nobody is blamed."""
    return sum(latency.counts[bisect_left(latency.EDGES, limit_ms) + 1 :])
