"""What the devices keep, looked at while they play, and brought to its end: until the cloud has all of it."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from roost_cloud.replay.source import Recorded
from scripts.roost_demo.capture import Arrived, Keeping, arrived, keeping_line, keeping_of
from scripts.roost_demo.house import DEVICES, House
from scripts.roost_demo.outcomes import Outcome

__all__ = ["Spools"]

_LOOK_EVERY_S: Final = 0.2
_GLANCING: Final = 0.05  # of a play's time at most
_PATIENCE_S: Final = 180.0  # the link has to come back, and a machine with too much to do to catch up


class Spools:
    """What became of the inputs, as of the last look.

    Args:
        house: whose devices they are.
        task: the task the inputs belong to.
        since: when the play began.

    Attributes:
        keeping: by device, what it keeps.
        in_cloud: by device, inputs that the cloud has.
        at_cut: by device, inputs in its spool when the link was cut.
        at_mend: by device, inputs in its spool when the link was mended.
        drained_s: seconds from then until the cloud had everything; None if that took too long.
        recorded: what the cloud has heard of requests, in the end.
        arrived: how that compares with what the sensors sent.
    """

    def __init__(self, house: House, task: str, since: datetime) -> None:
        self.keeping = dict.fromkeys(DEVICES, Keeping())
        self.in_cloud: Counter[str] = Counter()
        self.at_cut: dict[str, int] = {}
        self.at_mend: dict[str, int] = {}
        self.drained_s: float | None = None
        self.recorded: Sequence[Recorded] = ()
        self.arrived = Arrived(0, 0, 0, 0, 0)
        self._house = house
        self._task = task
        self._since = since
        self._glance_at_s = 0.0

    def look(self, statuses: Mapping[str, Mapping[str, Any]]) -> None:
        """Take in what devices say of themselves."""
        self.keeping |= {device: keeping_of(status) for device, status in statuses.items()}

    def count_in_cloud(self) -> None:
        """Ask the cloud what it has."""
        self.in_cloud = Counter(one.device for one in self._house.cloud.inputs(self._task))

    def glance_at_cloud(self) -> None:
        """The same, unless the last time it took so long that pictures would wait for it too much."""
        began_s = time.monotonic()
        if began_s >= self._glance_at_s:
            self.count_in_cloud()
            self._glance_at_s = began_s + (time.monotonic() - began_s) / _GLANCING

    def lines(self) -> Iterator[str]:
        """A line on each device."""
        for device, keeping in self.keeping.items():
            yield keeping_line(device, keeping, self.in_cloud[device])

    def cut(self) -> None:
        """The link is cut now."""
        self.at_cut = self._spooled()

    def have_grown(self) -> bool:
        """Whether each holds more than when the link was cut."""
        return all(count > self.at_cut[device] for device, count in self._spooled().items())

    def drain(self, outcomes: Sequence[Outcome], look: Callable[[], object]) -> None:
        """Mend the link, and wait until all is in the cloud and all devices are online there.

        Args:
            outcomes: what became of the pictures; nothing is under way.
            look: has `look` called with what devices say now.
        """
        look()
        self.at_mend = self._spooled()
        began_s = time.monotonic()
        self._house.link.mend()
        while True:
            look()
            if all(keeping.is_drained for keeping in self.keeping.values()) and self._house.all_online():
                self._compare(outcomes)
                if self.arrived.exactly_once:
                    self.drained_s = round(time.monotonic() - began_s, 2)
                    return
            if time.monotonic() >= began_s + _PATIENCE_S:
                self._compare(outcomes)
                return
            self._house.check()
            time.sleep(_LOOK_EVERY_S)

    def describe(self) -> dict[str, Any]:
        """Its part of the report.

        Of each device: inputs `kept`, the same `kept_for` each reason, `spooled_at_cut` and `spooled_at_mend` (in its
        spool when the link was cut and mended), `spooled` (at the end), `uploaded` (confirmed to it), `in_cloud`.
        Of all: `answers`, `recorded` (of these, that the cloud has heard of), `kept`, `in_cloud` (of these, with the
        bytes that were sent), `wrong` (what the cloud has besides), `exactly_once`, and `drained_s` from mending the
        link on, null if it took too long.
        """
        return {
            "devices": {
                device: {
                    "kept": keeping.kept,
                    "kept_for": dict(keeping.kept_for),
                    "spooled_at_cut": self.at_cut[device],
                    "spooled_at_mend": self.at_mend[device],
                    "spooled": keeping.spooled,
                    "uploaded": keeping.uploaded,
                    "in_cloud": self.in_cloud[device],
                }
                for device, keeping in self.keeping.items()
            },
            **asdict(self.arrived),
            "exactly_once": self.arrived.exactly_once,
            "drained_s": self.drained_s,
        }

    def _compare(self, outcomes: Sequence[Outcome]) -> None:
        inputs = self._house.cloud.inputs(self._task)
        self.in_cloud = Counter(one.device for one in inputs)
        self.recorded = self._house.cloud.recorded(self._task, self._since)
        kept = sum(keeping.kept for keeping in self.keeping.values())
        self.arrived = arrived(outcomes, kept, self.recorded, inputs)

    def _spooled(self) -> dict[str, int]:
        return {device: keeping.spooled for device, keeping in self.keeping.items()}
