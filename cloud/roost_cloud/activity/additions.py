"""From a window to what it adds to its hour; windows of one hour add up before they reach the database. Pure.

A sketch that cannot be read is passed over and counted: the window itself is stored whatever is in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from roost_cloud.activity.hours import hour_of
from roost_shared.messages import Reason
from roost_shared.records import WindowRecord
from roost_shared.sketches import (
    ConfidenceHistogram,
    Disagreements,
    LatencyHistogram,
    ReasonCounts,
    SketchError,
)

__all__ = ["SKETCHES", "Additions", "DeviceKey", "DeviceSums", "TaskKey", "TaskSums", "others_of"]

_MERGED: Final[dict[str, type[Any]]] = {
    "reasons": ReasonCounts,
    "latency": LatencyHistogram,
    "confidence": ConfidenceHistogram,
    "disagreements": Disagreements,
}
SKETCHES: Final = tuple(_MERGED)  # names of those that are summed, as their columns have them
_MOST: Final = 1 << 31  # answers of a window that are counted: so many hours' sums fit into a database's integer
_PREFERRED: Final = ("preferred", "forced")


class DeviceKey(NamedTuple):
    """A row of `device_hour`."""

    tenant: str
    hour: datetime
    device: str
    task: str


class TaskKey(NamedTuple):
    """What rows of `task_hour` are about; `contestant` is empty for the task's answers."""

    tenant: str
    task: str
    hour: datetime
    contestant: str


@dataclass
class DeviceSums:
    """What is added to a device's hour; named as its columns."""

    answers: int = 0
    reasoned: int = 0
    others: int = 0
    timed: int = 0
    missed: int = 0


@dataclass
class TaskSums:
    """What is added to a contestant's hour."""

    count: int = 0
    timed: int = 0
    missed: int = 0
    sketches: dict[str, Any] = field(default_factory=dict)  # by name

    def merge(self, name: str, data: bytes | None) -> None:
        """Add a sketch.

        Raises:
            SketchError: it cannot be read.
        """
        if data is not None:
            self.add(name, _MERGED[name].from_bytes(data))

    def add(self, name: str, sketch: Any) -> None:
        """Add a sketch that was read."""
        before = self.sketches.get(name)
        self.sketches[name] = sketch if before is None else before.merge(sketch)

    def include(self, others: "TaskSums") -> None:
        """Add what others came to."""
        self.count += others.count
        self.timed += others.timed
        self.missed += others.missed
        for name, sketch in others.sketches.items():
            self.add(name, sketch)

    def encoded(self) -> dict[str, bytes | None]:
        """The sketches as columns have them."""
        return {name: self.sketches[name].to_bytes() if name in self.sketches else None for name in _MERGED}


def others_of(by_reason: Mapping[Reason, int]) -> int:
    """Those of answers that were neither preferred nor forced.

    >>> others_of({"preferred": 6, "forced": 1, "fallback": 2, "default": 1})
    3
    """
    return sum(count for reason, count in by_reason.items() if reason not in _PREFERRED)


@dataclass
class Additions:
    """What windows add, by the row that it is added to; `unreadable` counts sketches that were passed over."""

    devices: dict[DeviceKey, DeviceSums] = field(default_factory=dict)
    tasks: dict[TaskKey, TaskSums] = field(default_factory=dict)
    unreadable: int = 0

    def add(self, tenant: str, device: str, received_at: datetime, window: WindowRecord) -> None:
        """Add a window that has been checked."""
        hour, count, missed = hour_of(received_at), min(window.count, _MOST), window.missed
        timed = count if missed is not None else 0
        sums = self.tasks.setdefault(TaskKey(tenant, window.task, hour, window.contestant or ""), TaskSums())
        sums.count += count
        sums.timed += timed
        sums.missed += min(missed or 0, timed)
        read = self._read(window)
        for name, sketch in read.items():
            sums.add(name, sketch)
        if window.contestant is None:
            reasons = read.get("reasons")
            by_reason: dict[Reason, int] = {} if reasons is None else reasons.by_reason()
            of_device = self.devices.setdefault(DeviceKey(tenant, hour, device, window.task), DeviceSums())
            of_device.answers += count
            of_device.reasoned += sum(by_reason.values())
            of_device.others += others_of(by_reason)
            of_device.timed += timed
            of_device.missed += min(missed or 0, timed)

    def _read(self, window: WindowRecord) -> dict[str, Any]:
        """Its sketches, by name."""
        found = {}
        for name, kind in _MERGED.items():
            data = window.sketches.get(name)
            try:
                if data is not None:
                    found[name] = kind.from_bytes(data)
            except SketchError:
                self.unreadable += 1
        return found
