"""Windows of a task, read from a cloud's API: those with φ, by device."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from roost_cloud.client import ApiClient
from roost_cloud.drift.decisions import Window
from roost_cloud.replay.span import Span
from roost_shared.messages import MessageError
from roost_shared.records import WindowRecord, decode_record
from roost_shared.sketches import Moments, SketchError

__all__ = ["Found", "TaskWindows", "by_device", "read_windows"]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A window as the API gives it."""

    device: str
    boot: str
    sequence: int
    contestant: str | None
    received_at: datetime
    record: bytes


class TaskWindows(msgspec.Struct, frozen=True):
    """What can be judged by.

    Attributes:
        contestant: whose; None: no contestant's windows hold φ.
        devices: windows by device.
        unreadable: those that a newer or broken device made.
    """

    contestant: str | None
    devices: Mapping[str, list[Window]]
    unreadable: int


def read_windows(cloud: ApiClient, task: str, span: Span, contestant: str | None) -> TaskWindows:
    """All of a task's in a span of time; raises as `ApiClient.call`."""
    query = {"task": task, "since": span.since.isoformat(), "until": span.until.isoformat(), "limit": 1000}
    return by_device(cloud.each("/windows", Found, query=query), contestant)


def by_device(found: Iterable[Found], contestant: str | None) -> TaskWindows:
    """Those of one contestant that hold φ.

    Args:
        found: windows of a task.
        contestant: whose; None: of whom there are most, φ being that of inputs and not of who scores them.
    """
    windows: dict[str, dict[str, list[Window]]] = {}
    counts: Counter[str] = Counter()
    unreadable = 0
    for one in found:
        if one.contestant is None or contestant not in (None, one.contestant):
            continue
        try:
            window = _window(one)
        except (MessageError, SketchError):
            unreadable += 1
            continue
        if window is not None:
            windows.setdefault(one.contestant, {}).setdefault(one.device, []).append(window)
            counts[one.contestant] += 1
    chosen = max(sorted(counts), key=counts.__getitem__, default=None)
    return TaskWindows(chosen, {} if chosen is None else windows[chosen], unreadable)


def _window(found: Found) -> Window | None:
    record = decode_record(found.record)
    if not isinstance(record, WindowRecord):
        raise MessageError(f"the record of {found.device} {found.boot}-{found.sequence} is no window")
    sketch = record.sketches.get("phi")
    if sketch is None:
        return None
    received_s = found.received_at.timestamp()
    return Window((found.boot, found.sequence), received_s, record.seconds, Moments.from_bytes(sketch))
