"""Devices' records as they come by MQTT: batches on `telemetry`, stored, and answered on `watermark`.

Workers share the batches, each going to one of them. Whoever stores a batch says how far its boot has come, also when
the batch brought nothing new: its device had not heard that yet.
"""

import hmac
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from roost_cloud.broker.link import BrokerLink
from roost_cloud.broker.message import Message
from roost_cloud.ingest.batches import Delivery, read_batch, sender_of
from roost_cloud.ingest.storing import Stored, store_batches
from roost_cloud.ingest.stream import Kind
from roost_cloud.ingest.tally import RecordTally
from roost_shared.messages import MessageError, encode_msgpack
from roost_shared.records import Watermark
from roost_shared.topics import PREFIX, DeviceTopics

__all__ = ["TELEMETRY_TOPICS", "record_kind", "shared_telemetry"]

TELEMETRY_TOPICS: Final = f"{PREFIX}/+/d/+/telemetry"
_AT_ONCE: Final = 32  # batches to a transaction, of at most 128 KiB each: others wait while it writes


def shared_telemetry(secret: bytes) -> str:
    """What a deployment's workers subscribe to at a broker that shares subscriptions.

    Mosquitto grants any subscription and looks only at each delivery at whether the client may read it: whoever joined
    the group would swallow its share unread. So the group's name is a secret of the deployment's.
    """
    group = hmac.digest(secret, b"the group of ingest", "sha256").hex()[:24]
    return f"$share/ingest-{group}/{TELEMETRY_TOPICS}"


def record_kind(link: BrokerLink, tally: RecordTally) -> Kind[Delivery, Stored]:
    """What is done with batches.

    Args:
        link: where they come from, and where watermarks go.
        tally: counts them.
    """

    def done(stored: Stored) -> None:
        tally.stored(stored)
        for (tenant, device, boot), sequence in stored.watermarks.items():
            message = encode_msgpack(Watermark(boot=boot, sequence=sequence))
            # One that is lost is said again: the device sends again what is not covered.
            link.send(DeviceTopics(tenant, device).watermark, message).add_done_callback(_tells(tally))

    def refuse(message: Message, error: MessageError) -> None:
        tally.unreadable(error, message.topic[:255])

    return Kind("ingest-records", _AT_ONCE, _read, refuse, store_batches, done)


def _read(message: Message) -> Delivery:
    return read_batch(*sender_of(message.topic), message.payload, message.received_at)


def _tells(tally: RecordTally) -> Callable[[Future[None]], None]:
    def told(future: Future[None]) -> None:
        tally.told(well=future.exception() is None)

    return told
