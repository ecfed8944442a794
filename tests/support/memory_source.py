"""Recorded requests in memory, as a replay reads them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from roost_cloud.client import Page
from roost_cloud.replay.source import Recorded
from roost_shared.records import LateRecord, SampleRecord, encode_record
from roost_shared.rendezvous import PolicyDocument, TaskPolicy

__all__ = ["NOON", "MemorySource", "recorded"]

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def recorded(record: SampleRecord, late: Iterable[LateRecord] = (), *, probability: float | None = None) -> Recorded:
    number = int(record.sample.rpartition("-")[2])
    return Recorded(
        device="cam-01",
        sample=record.sample,
        received_at=NOON + timedelta(seconds=number),
        record=encode_record(record),
        late=list(map(encode_record, late)),
        probability=probability,
    )


class MemorySource:
    """Pages of these, in their order.

    Args:
        requests: all of them.
        policies: that they were answered by.
        payloads: inputs by sample.
        each: requests to a page.
        watch: is told before a page is given.
    """

    def __init__(
        self,
        requests: Iterable[Recorded],
        policies: Iterable[TaskPolicy] = (),
        payloads: Mapping[str, bytes] | None = None,
        *,
        each: int = 3,
        watch: Callable[[], object] = lambda: None,
    ) -> None:
        self.asked_for: list[str] = []  # policies
        self._requests = list(requests)
        self._policies = {one.digest: one.encode() for one in map(PolicyDocument.of, policies)}
        self._payloads = payloads or {}
        self._each = each
        self._watch = watch

    def page(self, after: str | None) -> Page[Recorded]:
        self._watch()
        start = int(after or 0)
        stop = start + self._each
        return Page(self._requests[start:stop], str(stop) if stop < len(self._requests) else None)

    def policy(self, digest: str) -> bytes | None:
        self.asked_for.append(digest)
        return self._policies.get(digest)

    def payload(self, device: str, sample: str) -> bytes | None:
        assert device == "cam-01"
        return self._payloads.get(sample)
