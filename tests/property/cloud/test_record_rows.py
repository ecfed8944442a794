"""Whatever bytes a device calls a record, it is unreadable, or becomes rows that databases and people take."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import event, given
from hypothesis import strategies as st

from roost_cloud.db import Base
from roost_cloud.db.tables import (
    DeviceHealth,
    DeviceHour,
    DroppedInput,
    LateScore,
    Sample,
    SampleScore,
    TaskPolicy,
    Window,
)
from roost_cloud.ingest.rows import Place, Rows
from roost_shared.messages import MessageError
from roost_shared.records import DroppedRecord, decode_record, encode_record
from tests.support.active import HEALTH, meter_windows
from tests.support.telling import BOOT, late, policy, sample, window

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
PLACE = Place("acme", "cam-01", BOOT, 1, NOON)
TABLES: dict[str, type[Base]] = {
    "samples": Sample, "scores": SampleScore, "late": LateScore, "policies": TaskPolicy, "windows": Window,
    "dropped": DroppedInput,
}  # fmt: skip
gone = DroppedRecord(samples=[f"{BOOT}-1"], reason="quota")
RECORDS = [
    encode_record(one)
    for one in (sample(1), sample(2, payload=None), late(1), window(1), policy(), gone, HEALTH, *meter_windows()[:2])
]

texts = st.text(max_size=400) | st.sampled_from(["meter", "primary", "06d5-1", "\0", "a" * 64, "kept", ""])
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats()
values = st.recursive(
    st.none() | st.booleans() | numbers | texts | st.binary(max_size=70),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


@st.composite
def altered(draw: st.DrawFn) -> bytes:
    """A record with some of its fields, or some deeper ones, put in others' places."""
    document: dict[str, Any] = msgspec.msgpack.decode(draw(st.sampled_from(RECORDS)))
    for _ in range(draw(st.integers(1, 3))):
        target: Any = document
        while True:
            keys = list(target) if isinstance(target, dict) else list(range(len(target)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(target[key], dict | list) and target[key] and draw(st.booleans()):
                target = target[key]
                continue
            target[key] = draw(values)
            break
    return msgspec.msgpack.encode(document)


@given(data=st.one_of(altered(), altered(), st.binary(max_size=60), values.map(msgspec.msgpack.encode)))
def test_a_record_is_unreadable_or_fits_its_tables(data: bytes) -> None:
    rows = Rows()
    try:
        rows.add(PLACE, data)
    except MessageError:
        event("unreadable")
        assert rows == Rows(), "nothing of it is left"
        return
    event(type(decode_record(data)).__name__)
    msgspec.json.encode(decode_record(data))
    for name, table in TABLES.items():
        for row in getattr(rows, name):
            assert set(row) == set(table.__table__.columns.keys())
            for column in table.__table__.columns:
                assert_fits(row[column.name], column)
    health = [{"tenant": tenant, "device": device, **told} for (tenant, device), told in rows.health.items()]
    sums = [{**key._asdict(), **asdict(added)} for key, added in rows.additions.devices.items()]
    for table, found in ((DeviceHealth, health), (DeviceHour, sums)):
        for row in found:
            for column in table.__table__.columns:
                assert_fits(row[column.name], column)


def assert_fits(value: Any, column: Any) -> None:
    if value is None:
        assert column.nullable, column
    elif column.type.python_type is str:
        assert isinstance(value, str), column
        assert "\0" not in value, column
        assert len(value) <= column.type.length, column
    elif column.type.python_type is int:
        assert -(2**63) <= value < 2**63, column
    elif column.type.python_type is float:
        assert value - value == 0, f"{column} is no measure"
    else:
        assert isinstance(value, column.type.python_type), column
