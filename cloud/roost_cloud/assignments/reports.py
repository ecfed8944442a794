"""What devices report of what they run: from messages of their `reported` topics to rows.

The last word counts. It is retained, so whoever subscribes anew is told all of it again, and stores what is new.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.assignments import desired
from roost_cloud.broker.message import Message
from roost_cloud.db.keyed import keyed
from roost_cloud.db.tables import Device, DeviceReport
from roost_cloud.db.tables.assignments import CODE_CHARS, PROBLEM_CHARS, WORD_CHARS
from roost_shared.assignment import REPORTED_LIMIT_BYTES, Reported
from roost_shared.messages import MessageError, decode_json
from roost_shared.topics import PREFIX, parse_device_topic

__all__ = ["REPORTED_TOPICS", "ForeignReportError", "Report", "read_reported", "store_reported"]

REPORTED_TOPICS: Final = f"{PREFIX}/+/d/+/reported"
_BOOT_CHARS: Final = 64
_VERSION_MAX: Final = 2**53


class ForeignReportError(MessageError):
    """A message came on a topic that names no device's report."""

    code = "ingest.foreign_topic"


class Report(NamedTuple):
    """What a device said."""

    tenant: str
    device: str
    reported: Reported | None  # None: what was retained was cleared
    document: bytes
    received_at: datetime


def read_reported(message: Message) -> Report:
    """Read a message of a `reported` topic.

    Raises:
        ForeignReportError: it came on another.
        MessageError: it cannot be read, or has what cannot be stored.
    """
    topic = parse_device_topic(message.topic)
    if topic is None or topic.kind != "reported":
        raise ForeignReportError(f"{message.topic[:255]!r} is no device's report")
    if len(message.payload) > REPORTED_LIMIT_BYTES:
        raise MessageError(f"Reported: {len(message.payload)} bytes, at most {REPORTED_LIMIT_BYTES}")
    reported = None
    if message.payload:
        reported = decode_json(message.payload, Reported)
        _check(reported)
    return Report(topic.tenant, topic.device, reported, message.payload, message.received_at)


def store_reported(session: Session, reports: Iterable[Report]) -> Counter[str]:
    """Store reports, in order.

    Args:
        session: a transaction that may write; the caller commits.
        reports: of any tenants' devices.

    Returns:
        How many were `stored`, `repeated`, or of an `unknown_device`.
    """
    reports = list(reports)
    keys = sorted({(one.tenant, one.device) for one in reports})
    known = (
        select(Device.tenant, Device.name)
        .where(keyed((Device.tenant, Device.name), keys))
        .order_by(Device.tenant, Device.name)
        .with_for_update(read=True)  # so that no device is deleted meanwhile
    )
    devices = {(tenant, name) for tenant, name in session.execute(known)}
    stored = (
        select(DeviceReport)
        .where(keyed((DeviceReport.tenant, DeviceReport.device), keys))
        .order_by(DeviceReport.tenant, DeviceReport.device)
        .with_for_update()
    )
    rows = {(row.tenant, row.device): row for row in session.scalars(stored)}
    outcomes: Counter[str] = Counter()
    for one in reports:
        key = (one.tenant, one.device)
        outcomes[_apply(session, rows, one) if key in devices else "unknown_device"] += 1
    session.flush()
    if reports:
        desired.retell(session, devices, max(one.received_at for one in reports))
    return outcomes


def _apply(session: Session, rows: dict[tuple[str, str], DeviceReport], report: Report) -> str:
    key = (report.tenant, report.device)
    row = rows.get(key)
    if report.reported is None:
        return "repeated"  # nobody says anything: what was said last still is
    if row is not None and row.document == report.document:
        return "repeated"
    if row is None:
        row = rows[key] = DeviceReport(tenant=report.tenant, device=report.device)
        session.add(row)
    told = report.reported
    row.boot, row.version, row.desired, row.confirmed = told.boot, told.version, told.desired, told.confirmed
    row.trust = told.trust[:WORD_CHARS]
    row.problem_code = None if told.problem is None else told.problem.code[:CODE_CHARS]
    row.problem = None if told.problem is None else told.problem.message[:PROBLEM_CHARS]
    row.received_at, row.document = report.received_at, report.document
    return "stored"


def _check(reported: Reported) -> None:
    texts = [reported.boot, reported.trust]
    if reported.problem is not None:
        texts += [reported.problem.code, reported.problem.message]
    if len(reported.boot) > _BOOT_CHARS or any("\0" in text for text in texts):
        raise MessageError(f"Reported: boot is no text of at most {_BOOT_CHARS} characters, or a text has a NUL")
    for name, version in (("version", reported.version), ("desired", reported.desired)):
        if not 0 <= version <= _VERSION_MAX:
            raise MessageError(f"Reported: {name} {version} is no version")
