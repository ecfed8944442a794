"""What is counted of devices' records, however they come: by MQTT to the role `ingest`, by HTTP to the role `api`."""

from threading import Lock
from typing import Final

import prometheus_client

from roost_cloud.ingest.storing import Stored
from roost_shared.clock import Clock
from roost_shared.complaints import Complaints
from roost_shared.errors import RoostError

__all__ = ["RecordTally"]

_OUTCOMES: Final = ("stored", "repeated", "scattered", "unknown_device", "unreadable")
_KINDS: Final = ("sample", "late", "policy", "dropped", "window", "health", "unreadable", "unreadable_sketch", "lost")


class RecordTally:
    """Counts, and names in the log once a minute what could not be read. May be told by any thread.

    Args:
        clock: for the minutes.
        metrics: where the counts are registered.
    """

    def __init__(self, clock: Clock, metrics: prometheus_client.CollectorRegistry) -> None:
        self._complaints = Complaints(clock)
        self._lock = Lock()
        self._batches = prometheus_client.Counter(
            "roost_ingest_batches", "Batches of devices' records that came.", ["outcome"], registry=metrics
        )
        self._records = prometheus_client.Counter(
            "roost_ingest_records", "Records of devices taken in, by kind.", ["kind"], registry=metrics
        )
        self._watermarks = prometheus_client.Counter(
            "roost_ingest_watermarks", "Watermarks published to devices.", ["outcome"], registry=metrics
        )
        for outcome in _OUTCOMES:
            self._batches.labels(outcome)
        for kind in _KINDS:
            self._records.labels(kind)

    def stored(self, stored: Stored) -> None:
        """Batches were stored, and their transaction committed."""
        for outcome, count in stored.batches.items():
            self._batches.labels(outcome).inc(count)
        for kind, count in stored.records.items():
            self._records.labels(kind).inc(count)
        for record, error in stored.complaints:
            self._complain(record, error)

    def unreadable(self, error: RoostError, sender: str) -> None:
        """A whole batch could not be read."""
        self._batches.labels("unreadable").inc()
        self._complain(sender, error)

    def told(self, *, well: bool) -> None:
        """A watermark was published, and the broker confirmed it or did not."""
        self._watermarks.labels("confirmed" if well else "failed").inc()

    def _complain(self, what: str, error: RoostError) -> None:
        with self._lock:
            self._complaints.note(error.code, f"{what}: {error}")
