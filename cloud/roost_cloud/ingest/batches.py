"""Batches of records, from what came to what can be stored. Pure.

What makes a batch unreadable leaves the device where it is: it sends that batch again, and counts. What makes a single
record unreadable costs that record.
"""

import re
from datetime import datetime
from typing import Final, NamedTuple

from roost_cloud.db.tables.records import BOOT_CHARS
from roost_shared.messages import MessageError
from roost_shared.records import Batch, decode_msgpack
from roost_shared.topics import parse_device_topic

__all__ = ["MAX_RECORDS", "Delivery", "ForeignTelemetryError", "read_batch", "sender_of"]

MAX_RECORDS: Final = 10_000  # of a batch, taken at a time; the watermark says so, and the rest comes again
_BOOT: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{BOOT_CHARS}}}")
_SEQUENCE_MAX: Final = 2**62


class ForeignTelemetryError(MessageError):
    """A message came on a topic that names no device's telemetry."""

    code = "ingest.foreign_topic"


class Delivery(NamedTuple):
    """A batch that has come."""

    tenant: str
    device: str
    batch: Batch
    received_at: datetime  # by our clock


def sender_of(topic: str) -> tuple[str, str]:
    """Tenant and device of a `telemetry` topic.

    Raises:
        ForeignTelemetryError: it is another.
    """
    found = parse_device_topic(topic)
    if found is None or found.kind != "telemetry":
        raise ForeignTelemetryError(f"{topic[:255]!r} is no device's telemetry")
    return found.tenant, found.device


def read_batch(tenant: str, device: str, payload: bytes, received_at: datetime) -> Delivery:
    """Read what a device sent.

    Raises:
        MessageError: it is no batch, or one that cannot be stored.
    """
    batch = decode_msgpack(payload, Batch)
    if _BOOT.fullmatch(batch.boot) is None:
        raise MessageError(f"Batch: the boot {batch.boot[:BOOT_CHARS]!r} is no id")
    if max(batch.first, batch.oldest) > _SEQUENCE_MAX:
        raise MessageError("Batch: no device has had so many records")
    return Delivery(tenant, device, batch, received_at)
