"""Batches of records into the database: what is new of each, and how far their boots have come after that.

One transaction takes many batches, and inserts what they bring with one statement a table. It holds the rows of their
boots' logs: of two workers with batches of one boot, the second sees what the first has stored. What is said of a
sample may come before the sample itself does.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, exists, select, update
from sqlalchemy.orm import Session

from roost_cloud.activity.storing import store_additions, store_health
from roost_cloud.db.insert import insert_all_absent
from roost_cloud.db.keyed import keyed
from roost_cloud.db.tables import Device, DroppedInput, LateScore, RecordLog, Sample, SampleScore, TaskPolicy, Window
from roost_cloud.ingest.batches import MAX_RECORDS, Delivery
from roost_cloud.ingest.progress import Progress, Range, next_step
from roost_cloud.ingest.rows import Place, Rows
from roost_shared.messages import MessageError

__all__ = ["BootKey", "Stored", "store_batches"]

BootKey = tuple[str, str, str]  # tenant, device, boot
_ranges: Final = msgspec.msgpack.Decoder(tuple[Range, ...])


@dataclass
class Stored:
    """What became of some batches; true once their transaction has been committed."""

    watermarks: dict[BootKey, int] = field(default_factory=dict)  # of all boots that were heard of
    batches: Counter[str] = field(default_factory=Counter)  # by outcome
    records: Counter[str] = field(
        default_factory=Counter
    )  # by kind; `unreadable`, `unreadable_sketch` and `lost` among them
    complaints: list[tuple[str, MessageError]] = field(default_factory=list)  # whose record is unreadable, and why


def store_batches(session: Session, deliveries: Sequence[Delivery]) -> Stored:
    """Store what batches bring.

    Args:
        session: a transaction that may write; the caller commits.
        deliveries: of any tenants' devices, in the order in which they came.
    """
    stored, rows = Stored(), Rows()
    known = _enrolled(session, deliveries)
    taken = [one for one in deliveries if (one.tenant, one.device) in known]
    stored.batches["unknown_device"] += len(deliveries) - len(taken)
    before = _locked_logs(session, taken)
    progress = dict(before)
    for one in taken:
        key = (one.tenant, one.device, one.batch.boot)
        progress[key] = _take(one, progress[key], rows, stored)
    scattered = any(one.ahead for one in (*before.values(), *progress.values()))
    _insert(session, rows, out_of_order=scattered)
    _move(session, before, progress, taken)
    stored.watermarks = {key: reached.watermark for key, reached in progress.items()}
    stored.records += rows.counts
    stored.records["unreadable_sketch"] += rows.additions.unreadable
    return stored


def _take(one: Delivery, progress: Progress, rows: Rows, stored: Stored) -> Progress:
    batch = one.batch
    count = min(len(batch.records), MAX_RECORDS)
    step = next_step(progress, first=batch.first, oldest=batch.oldest, count=count)
    stored.batches[step.outcome] += 1
    stored.records["lost"] += step.progress.lost - progress.lost
    for index in chain.from_iterable(range(*new) for new in step.new):
        moment = one.received_at + timedelta(microseconds=index)  # so that samples have an order
        place = Place(one.tenant, one.device, batch.boot, batch.first + index, moment)
        try:
            rows.add(place, batch.records[index])
        except MessageError as error:
            stored.records["unreadable"] += 1
            stored.complaints.append((f"record {place.sequence} of {one.tenant}/d/{one.device}", error))
    return step.progress


def _enrolled(session: Session, deliveries: Sequence[Delivery]) -> set[tuple[str, str]]:
    keys = sorted({(one.tenant, one.device) for one in deliveries})
    query = select(Device.tenant, Device.name).where(
        keyed((Device.tenant, Device.name), keys), Device.status == "enrolled"
    )
    return {(tenant, name) for tenant, name in session.execute(query)}


def _locked_logs(session: Session, deliveries: Sequence[Delivery]) -> dict[BootKey, Progress]:
    """How far each boot is, nobody else's to change until the transaction ends; begun where there was nothing."""
    moments = {(one.tenant, one.device, one.batch.boot): one.received_at for one in deliveries}
    keys = sorted(moments)  # in one order, so that no two workers wait for each other
    if not keys:
        return {}
    query = select(RecordLog).where(keyed((RecordLog.tenant, RecordLog.device, RecordLog.boot), keys))
    query = query.order_by(RecordLog.tenant, RecordLog.device, RecordLog.boot).with_for_update()
    insert_all_absent(session, RecordLog, [_log_row(key, Progress(), moments[key]) for key in keys])
    return {
        (row.tenant, row.device, row.boot): Progress(row.watermark, row.lost, _ranges.decode(row.ahead))
        for row in session.scalars(query)
    }


def _log_row(key: BootKey, progress: Progress, moment: datetime) -> dict[str, Any]:
    tenant, device, boot = key
    return {"tenant": tenant, "device": device, "boot": boot, **_columns(progress), "updated_at": moment}


def _columns(progress: Progress) -> dict[str, Any]:
    return {**progress._asdict(), "ahead": msgspec.msgpack.encode(progress.ahead)}


def _insert(session: Session, rows: Rows, *, out_of_order: bool) -> None:
    insert_all_absent(session, Sample, rows.samples)
    _keep_late(session, [row for row in rows.samples if "late" in row["kept_for"].split()])
    insert_all_absent(session, SampleScore, rows.scores)
    insert_all_absent(session, LateScore, rows.late)
    # Devices share policies: in one order, so that no two workers wait for each other.
    insert_all_absent(session, TaskPolicy, sorted(rows.policies, key=lambda row: (row["task"], row["digest"])))
    insert_all_absent(session, Window, rows.windows)
    insert_all_absent(session, DroppedInput, rows.dropped)
    store_additions(session, rows.additions)
    store_health(session, rows.health)
    # Late scores may have come first, or be about to: whichever is stored second finds the other.
    late = [row for row in rows.late if row["differs"]]
    if late or out_of_order:
        of_sample: dict[str, Any] = {name: bindparam(f"of_{name}") for name in ("tenant", "device", "sample")}
        score = LateScore.__table__.c
        found = exists().where(score.differs, *(score[name] == value for name, value in of_sample.items()))
        statement = update(Sample.__table__).values(disagreement=True)  # type: ignore[arg-type]  # a Table
        statement = statement.where(*(Sample.__table__.c[name] == value for name, value in of_sample.items()), found)
        doubtful = [*late, *(rows.samples if out_of_order else ())]
        if doubtful:
            named = [{f"of_{name}": row[name] for name in of_sample} for row in doubtful]
            session.connection().execute(statement, named)


def _keep_late(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Of answers that were recorded without an input, some are told again: a late score has had it kept after all."""
    if not rows:
        return
    key = ("tenant", "device", "sample")
    changes = ("kept_for", "probability", "content_type", "size_bytes", "sha256", "record")
    columns = Sample.__table__.c
    statement = update(Sample.__table__).values({name: bindparam(f"new_{name}") for name in changes})  # type: ignore[arg-type]  # a Table
    statement = statement.where(*(columns[name] == bindparam(f"of_{name}") for name in key), columns.kept_for == "")
    named = [
        {f"of_{name}": row[name] for name in key} | {f"new_{name}": row[name] for name in changes} for row in rows
    ]
    session.connection().execute(statement, named)


def _move(
    session: Session, before: dict[BootKey, Progress], after: dict[BootKey, Progress], deliveries: Sequence[Delivery]
) -> None:
    moments = {(one.tenant, one.device, one.batch.boot): one.received_at for one in deliveries}
    moved = [
        {
            "of_tenant": key[0],
            "of_device": key[1],
            "of_boot": key[2],
            **{f"new_{name}": value for name, value in _columns(after[key]).items()},
            "moment": moments[key],
        }
        for key in before
        if after[key] != before[key]
    ]
    if not moved:
        return
    log = (
        RecordLog.tenant == bindparam("of_tenant"),
        RecordLog.device == bindparam("of_device"),
        RecordLog.boot == bindparam("of_boot"),
    )
    changes = {"watermark": "new_watermark", "lost": "new_lost", "ahead": "new_ahead", "updated_at": "moment"}
    statement = update(RecordLog.__table__).where(*log)  # type: ignore[arg-type]  # a Table
    statement = statement.values({column: bindparam(name) for column, name in changes.items()})
    session.connection().execute(statement, moved)
