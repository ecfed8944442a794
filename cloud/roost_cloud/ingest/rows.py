"""From a record to the rows that it becomes. Pure.

Names and digests must be such, since others are found by them; a text that is merely shown is cut to its column, for
the record is kept whole beside it. Times of the device's wall clock stay what it said.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from math import isfinite
from typing import Any, Final, NamedTuple, overload

import msgspec

from roost_cloud.activity.additions import Additions
from roost_cloud.db.tables.activity import LINK_CHARS
from roost_cloud.db.tables.records import BUNDLE_CHARS, LABEL_CHARS, TEXT_CHARS
from roost_cloud.db.tables.shards import SAMPLE_CHARS
from roost_cloud.samples.name import SAMPLE
from roost_shared.messages import Answer, MessageError
from roost_shared.records import (
    DroppedRecord,
    HealthRecord,
    LateRecord,
    PolicyRecord,
    SampleRecord,
    WindowRecord,
    decode_record,
)
from roost_shared.topics import is_name

__all__ = ["Place", "Rows"]

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_RECORD_BYTES: Final = 1 << 20
_CANDIDATES: Final = 64
_DEPTH: Final = 32  # of what is nested in an output or in external state
_INTEGER_MAX: Final = 2**63 - 1  # what a database's integer holds
_json: Final = msgspec.json.Encoder()


class Place(NamedTuple):
    """Where a record stands, and when it came."""

    tenant: str
    device: str
    boot: str
    sequence: int
    received_at: datetime


@dataclass
class Rows:
    """Rows to insert, by table."""

    samples: list[dict[str, Any]] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    late: list[dict[str, Any]] = field(default_factory=list)
    policies: list[dict[str, Any]] = field(default_factory=list)
    windows: list[dict[str, Any]] = field(default_factory=list)
    dropped: list[dict[str, Any]] = field(default_factory=list)
    additions: Additions = field(default_factory=Additions)  # of windows, to their hours
    health: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)  # by tenant and device
    counts: Counter[str] = field(default_factory=Counter)  # of records, by kind

    def add(self, place: Place, data: bytes) -> None:
        """Add what a record becomes.

        Raises:
            MessageError: it cannot be read or stored; nothing is added.
        """
        if len(data) > _RECORD_BYTES:
            raise MessageError(f"Record: {len(data)} bytes, more than {_RECORD_BYTES}")
        record = decode_record(data)
        _check_shown(record)
        match record:
            case SampleRecord():
                _check_depth([record.answer.output, record.answer.inject])
                self._add_sample(place, record, data)
                self.counts["sample"] += 1
            case LateRecord():
                _check_depth(record.output)
                self._add_late(place, record, data)
                self.counts["late"] += 1
            case PolicyRecord():
                self._add_policy(place, record)
                self.counts["policy"] += 1
            case DroppedRecord():
                self._add_dropped(place, record)
                self.counts["dropped"] += 1
            case WindowRecord():
                self._add_window(place, record, data)
                self.counts["window"] += 1
            case HealthRecord():
                self._add_health(place, record)
                self.counts["health"] += 1

    def _add_sample(self, place: Place, record: SampleRecord, data: bytes) -> None:
        answer, kept = record.answer, record.input
        key = {"tenant": place.tenant, "device": place.device, "sample": _sample(record.sample)}
        row = {
            **key,
            "task": _name(answer.task, "task"),
            "label": _cut(answer.label, LABEL_CHARS),
            "confidence": _unit(answer.confidence),
            "contestant": _name_or_none(answer.contestant, "contestant"),
            "reason": answer.reason,
            "deadline_met": answer.deadline_met,
            "elapsed_ms": _finite(answer.elapsed_ms),
            "disagreement": "disagreement" in record.kept_for or _differ(answer),
            "captured_at": _cut(answer.received_at, TEXT_CHARS),
            "received_at": place.received_at,
            "kept_for": " ".join(dict.fromkeys(record.kept_for)),
            "probability": record.probability,
            "recorded": record.recorded,
            "content_type": None if kept is None else _cut(kept.content_type, LABEL_CHARS),
            "size_bytes": None if kept is None else _count(kept.size_bytes),
            "sha256": None if kept is None else _digest(kept.sha256),
            "policy": None if record.policy is None else _digest(record.policy),
            "record": data,
        }
        scores = _scores(key, answer)
        self.samples.append(row)
        self.scores += scores

    def _add_late(self, place: Place, record: LateRecord, data: bytes) -> None:
        self.late.append(
            {
                "tenant": place.tenant,
                "device": place.device,
                "sample": _sample(record.sample),
                "contestant": _name(record.contestant, "contestant"),
                "bundle": _cut(record.bundle, BUNDLE_CHARS),
                "label": _cut(record.label, LABEL_CHARS),
                "confidence": _unit(record.confidence),
                "elapsed_ms": _finite(record.elapsed_ms),
                "differs": record.differs,
                "received_at": place.received_at,
                "record": data,
            }
        )

    def _add_policy(self, place: Place, record: PolicyRecord) -> None:
        if sha256(record.document).hexdigest() != record.digest:
            raise MessageError("PolicyRecord: the document has another digest")
        task = _name(record.task, "task")
        row = {"task": task, "digest": record.digest, "document": record.document, "received_at": place.received_at}
        self.policies.append({"tenant": place.tenant, **row})

    def _add_dropped(self, place: Place, record: DroppedRecord) -> None:
        device = {"tenant": place.tenant, "device": place.device}
        self.dropped += [
            {**device, "sample": sample, "reason": record.reason} for sample in list(map(_sample, record.samples))
        ]

    def _add_window(self, place: Place, record: WindowRecord, data: bytes) -> None:
        row = {
            **place._asdict(),
            "task": _name(record.task, "task"),
            "contestant": _name_or_none(record.contestant, "contestant"),
            "started_at": _cut(record.started_at, TEXT_CHARS),
            "seconds": _finite(record.seconds),
            "count": _count(record.count),
            "record": data,
            "decided": False,
        }
        self.windows.append(row)
        self.additions.add(place.tenant, place.device, place.received_at, record)

    def _add_health(self, place: Place, record: HealthRecord) -> None:
        self.health[place.tenant, place.device] = {
            "received_at": place.received_at,
            "temperature_c": _finite_or_none(record.temperature_c),
            "spool_bytes": _count_or_none(record.spool_bytes),
            "spool_limit_bytes": _count_or_none(record.spool_limit_bytes),
            "waiting": _count_or_none(record.waiting),
            "link": _cut(record.link, LINK_CHARS),
            "round_trip_ms": _finite_or_none(record.round_trip_ms),
        }


def _scores(key: dict[str, str], answer: Answer) -> list[dict[str, Any]]:
    if len(answer.candidates) > _CANDIDATES:
        raise MessageError(f"SampleRecord: {len(answer.candidates)} candidates; at most {_CANDIDATES}")
    return [
        {
            **key,
            "contestant": _name(one.contestant, "contestant"),
            "bundle": _cut(one.bundle, BUNDLE_CHARS),
            "label": _cut(one.label, LABEL_CHARS),
            "confidence": _unit(one.confidence),
            "elapsed_ms": _finite(one.elapsed_ms),
            "error": None if one.error is None else _cut(one.error.code, TEXT_CHARS),
        }
        for one in answer.candidates
    ]


def _differ(answer: Answer) -> bool:
    """Whether contestants said different labels: of answers that no input was kept of, nobody else has looked."""
    return len({one.label for one in answer.candidates if one.label is not None}) > 1


def _check_shown(record: object) -> None:
    """That people can be shown a record: JSON takes less than MessagePack does."""
    try:
        _json.encode(record)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise MessageError(f"Record: it cannot be shown: {error}") from error


def _check_depth(value: object, left: int = _DEPTH) -> None:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not left and inner:
        raise MessageError(f"Record: nested deeper than {_DEPTH}")
    for each in inner:
        if isinstance(each, dict | list):
            _check_depth(each, left - 1)


@overload
def _cut(text: str, limit: int) -> str: ...
@overload
def _cut(text: None, limit: int) -> None: ...
@overload
def _cut(text: str | None, limit: int) -> str | None: ...
def _cut(text: str | None, limit: int) -> str | None:
    return None if text is None else text[:limit].replace("\0", "�")


def _sample(text: str) -> str:
    if SAMPLE.fullmatch(text) is None:
        raise MessageError(f"Record: {text[:SAMPLE_CHARS]!r} names no sample")
    return text


def _name(text: str, what: str) -> str:
    if not is_name(text):
        raise MessageError(f"Record: {text[:TEXT_CHARS]!r} names no {what}")
    return text


def _name_or_none(text: str | None, what: str) -> str | None:
    return None if text is None else _name(text, what)


def _digest(text: str) -> str:
    if _SHA256.fullmatch(text) is None:
        raise MessageError(f"Record: {text[:TEXT_CHARS]!r} is no digest")
    return text


def _finite(value: float) -> float:
    if not isfinite(value):
        raise MessageError(f"Record: {value} is no measure")
    return value


def _finite_or_none(value: float | None) -> float | None:
    return None if value is None else _finite(value)


def _unit(value: float | None) -> float | None:
    if value is not None and not 0 <= value <= 1:
        raise MessageError(f"Record: the confidence {value} is not within 0…1")
    return value


def _count_or_none(value: int | None) -> int | None:
    return None if value is None else _count(value)


def _count(value: int) -> int:
    if not 0 <= value <= _INTEGER_MAX:
        raise MessageError(f"Record: {value} is no count")
    return value
