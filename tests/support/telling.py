"""What devices tell of their work, made up; and a device that tells it, by MQTT, until the cloud has it."""

import hashlib
import threading
from collections.abc import Iterable, Sequence
from typing import Any

from roost_shared.messages import Answer, Candidate, ErrorInfo
from roost_shared.records import (
    Batch,
    InputInfo,
    LateRecord,
    PolicyRecord,
    Record,
    SampleRecord,
    Watermark,
    WindowRecord,
    decode_msgpack,
    encode_msgpack,
    encode_record,
)
from tests.support.mqtt_peer import MqttPeer

__all__ = ["BOOT", "TellingDevice", "answer", "batch", "late", "policy", "sample", "window"]

BOOT = "06d512e219d217f4"


def answer(number: int = 1, **fields: Any) -> Answer:
    told: dict[str, Any] = {
        "id": f"r{number}",
        "task": "meter",
        "label": "7",
        "confidence": 0.75,
        "top": [("7", 0.75), ("1", 0.2)],
        "output": None,
        "contestant": "primary",
        "bundle": "meter:7@sha256:00",
        "reason": "preferred",
        "deadline_met": True,
        "elapsed_ms": 12.5,
        "candidates": [
            Candidate("primary", "meter:7@sha256:00", "7", 0.75, 12.5),
            Candidate("backup", None, None, None, 20.0, ErrorInfo("worker.died", "it died")),
        ],
        "received_at": "2026-11-24T11:59:00.000+00:00",
    }
    return Answer(**told | fields)


def sample(number: int = 1, *, boot: str = BOOT, payload: bytes | None = b"an input", **fields: Any) -> SampleRecord:
    """A sample; what is no field of its record is one of its answer."""
    own = {name: fields.pop(name) for name in list(fields) if name in SampleRecord.__struct_fields__}
    kept = None
    if payload is not None:
        kept = InputInfo(sha256=hashlib.sha256(payload).hexdigest(), size_bytes=len(payload), content_type="image/png")
    told: dict[str, Any] = {"kept_for": ["base_rate"], "probability": 0.25, "input": kept, **own}
    return SampleRecord(sample=f"{boot}-{number}", answer=answer(number, **fields), **told)


def late(number: int = 1, *, boot: str = BOOT, **fields: Any) -> LateRecord:
    told: dict[str, Any] = {
        "contestant": "cloud",
        "label": "1",
        "confidence": 0.97,
        "elapsed_ms": 412.0,
        "differs": True,
    }
    return LateRecord(sample=f"{boot}-{number}", **told | fields)


def policy(task: str = "meter", document: bytes = b'{"rules":[]}') -> PolicyRecord:
    return PolicyRecord(task=task, digest=hashlib.sha256(document).hexdigest(), document=document)


def window(number: int = 1, **fields: Any) -> WindowRecord:
    told: dict[str, Any] = {
        "task": "meter",
        "started_at": f"2026-11-24T11:{number % 60:02}:00Z",
        "seconds": 60.0,
        "count": number,
    }
    return WindowRecord(**{"sketches": {"phi": b"\0" * 40}, **told, **fields})


def batch(records: Iterable[Record | bytes], *, first: int = 1, oldest: int = 1, boot: str = BOOT) -> bytes:
    encoded = [record if isinstance(record, bytes) else encode_record(record) for record in records]
    return encode_msgpack(Batch(boot=boot, first=first, oldest=oldest, records=encoded))


class TellingDevice:
    """A device with records to tell: it goes back to the watermark after each silence, as the real one does.

    Args:
        port: the broker's.
        device: its name.
        records: of one boot.
        each: records to a batch.
        peer: how it connects.
    """

    def __init__(
        self, port: int, device: str, records: Sequence[Record], *, boot: str = BOOT, each: int = 7, **peer: Any
    ) -> None:
        self.watermark = 0
        self._records = records
        self._boot = boot
        self._each = each
        self._root = f"roost/1/acme/d/{device}"
        self._port = port
        self._peer_settings = peer
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.stopping = threading.Event()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        if self.started:
            self._thread.join(30)

    @property
    def started(self) -> bool:
        return self._thread.ident is not None

    @property
    def done(self) -> bool:
        return self.watermark >= len(self._records)

    def _run(self) -> None:
        while not self.done and not self.stopping.is_set():
            try:
                with MqttPeer(self._port, **self._peer_settings) as peer:
                    self._tell(peer)
            except OSError:  # the broker is away
                self.stopping.wait(0.1)

    def _tell(self, peer: MqttPeer) -> None:
        peer.subscribe(f"{self._root}/watermark")
        while not self.done and not self.stopping.is_set() and not peer.disconnects:
            for first in range(self.watermark + 1, len(self._records) + 1, self._each):
                records = self._records[first - 1 :][: self._each]
                told = batch(records, first=first, oldest=self.watermark + 1, boot=self._boot)
                peer.publish(f"{self._root}/telemetry", told, wait=False)
            self._listen(peer)

    def _listen(self, peer: MqttPeer) -> None:
        """Until all is covered, or nothing was said for a while."""
        silent_s = 0.0
        while not self.done and silent_s < 1 and not self.stopping.is_set() and not peer.disconnects:
            heard = [decode_msgpack(bytes(message.payload), Watermark) for message in peer.messages]
            peer.messages.clear()
            reached = max((one.sequence for one in heard if one.boot == self._boot), default=0)
            silent_s = 0.0 if reached > self.watermark else silent_s + 0.05
            self.watermark = max(self.watermark, reached)
            self.stopping.wait(0.05)
