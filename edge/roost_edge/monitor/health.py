"""Tells the cloud once a minute how the device itself is: its temperature, its spool, the way to the cloud.

The cloud keeps only the newest, so a record that finds no room is left out, and counted.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from roost_edge.loop.reactor import Reactor, Timer
from roost_edge.monitor.monitor import RecordKeeper
from roost_shared.clock import SECOND
from roost_shared.complaints import Complaints
from roost_shared.messages import ErrorInfo
from roost_shared.records import HealthRecord, encode_record

__all__ = ["HealthTeller", "health_of"]

_EVERY_NS: Final = 60 * SECOND


class HealthTeller:
    """One device's.

    Args:
        keeper: keeps the records.
        reactor: the agent's loop.
        complaints: hears of records that are lost.
        look: tells how the device is now.
    """

    def __init__(
        self, keeper: RecordKeeper, reactor: Reactor, complaints: Complaints, look: Callable[[], HealthRecord]
    ) -> None:
        self._keeper = keeper
        self._reactor = reactor
        self._complaints = complaints
        self._look = look
        self._timer: Timer | None = None

    def start(self) -> None:
        """Begin to tell."""
        self._timer = self._reactor.call_after(_EVERY_NS, self._tell)

    def stop(self) -> None:
        """Tell no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell(self) -> None:
        if not self._keeper.note(encode_record(self._look()), self._kept):
            self._kept(ErrorInfo("health.overloaded", "too much waits for the disk"))
        self.start()

    def _kept(self, error: ErrorInfo | None) -> None:
        if error is not None:
            self._complaints.note(error.code, f"how the device is, is not told: {error.message}")


def health_of(
    temperature_c: float | None, spool: Mapping[str, Any], spool_limit_bytes: int, link: Mapping[str, Any] | None
) -> HealthRecord:
    """A record of what the parts of the status document say. Pure.

    Args:
        temperature_c: of the machine, in degrees Celsius.
        spool: what the spooler's process has told of itself; empty until it has.
        spool_limit_bytes: that inputs may take of the disk.
        link: what is said of the way to cloud contestants; None: there is nobody to ask.
    """
    entries = spool.get("entries")
    return HealthRecord(
        temperature_c=temperature_c,
        spool_bytes=spool.get("entry_bytes"),
        spool_limit_bytes=spool_limit_bytes,
        waiting=None if entries is None else sum(entries.values()),
        link=None if link is None else link["state"],
        round_trip_ms=None if link is None else link["probe_p50_ms"],
    )
