"""Births and wills: from messages to the devices' rows.

Every worker subscribes to all states by itself. Sharing that subscription among workers would be wrong: a broker
hands a shared subscription no retained messages, and those are all there is to tell a newcomer who is online. A
state is small and rare, and storing it again changes nothing.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.assignments import desired
from roost_cloud.broker.message import Message
from roost_cloud.db.keyed import keyed
from roost_cloud.db.tables import Device
from roost_cloud.fleet.presence import Ignored, Presence, next_presence
from roost_shared.messages import MessageError, State, decode_json
from roost_shared.topics import PREFIX, parse_device_topic

__all__ = ["STATE_TOPICS", "ForeignTopicError", "Report", "read_report", "store_reports"]

STATE_TOPICS: Final = f"{PREFIX}/+/d/+/state"
_BOOT_MAX: Final = 64  # characters, as wide as their columns
_VERSION_MAX: Final = 64
_PROBLEM_MAX: Final = 100
_SESSION_MAX: Final = 2**31 - 1


class ForeignTopicError(MessageError):
    """A message came on a topic that names no device's state."""

    code = "ingest.foreign_topic"


class Report(NamedTuple):
    """What a device, or the broker in its name, said of it."""

    tenant: str
    device: str
    state: State | None  # None: what was retained was cleared
    retained: bool
    received_at: datetime


def read_report(message: Message) -> Report:
    """Read a message of a `state` topic.

    Raises:
        ForeignTopicError: it came on another.
        MessageError: it cannot be read, or has what cannot be stored.
    """
    topic = parse_device_topic(message.topic)
    if topic is None or topic.kind != "state":
        raise ForeignTopicError(f"{message.topic[:255]!r} is no device's state")
    state = None
    if message.payload:
        state = decode_json(message.payload, State)
        _check(state)
    return Report(topic.tenant, topic.device, state, message.retained, message.received_at)


def store_reports(session: Session, reports: Iterable[Report]) -> Counter[str]:
    """Apply reports, in order, to the rows of their devices.

    Args:
        session: a transaction that may write; the caller commits.
        reports: of any tenants' devices.

    Returns:
        How many were `stored`, of an `unknown_device`, or ignored, by the reason.
    """
    reports = list(reports)
    keys = sorted({(report.tenant, report.device) for report in reports})
    # In one order, and locked: another worker may be storing the same.
    query = (
        select(Device)
        .where(keyed((Device.tenant, Device.name), keys))
        .order_by(Device.tenant, Device.name)
        .with_for_update()
    )
    rows = {(row.tenant, row.name): row for row in session.scalars(query)}
    outcomes: Counter[str] = Counter()
    born: dict[tuple[str, str], datetime] = {}
    for report in reports:
        row = rows.get((report.tenant, report.device))
        outcome = "unknown_device" if row is None else _apply(row, report)
        outcomes[outcome] += 1
        if outcome == "stored" and report.state is not None and report.state.state == "online":
            born[report.tenant, report.device] = report.received_at
    if born:
        desired.retell(session, born, max(born.values()))
    return outcomes


def _apply(row: Device, report: Report) -> str:
    decided = next_presence(_presence(row), report.state, retained=report.retained, received_at=report.received_at)
    if isinstance(decided, Ignored):
        return decided.value
    row.state = decided.state
    row.boot = decided.boot
    row.session = decided.session
    row.last_seen = decided.last_seen
    row.agent_version = decided.agent_version
    row.problem = decided.problem
    return "stored"


def _presence(row: Device) -> Presence:
    known: dict[str, Literal["online", "offline"]] = {"online": "online", "offline": "offline"}
    state: Literal["never", "online", "offline"] = known.get(row.state) or "never"
    return Presence(state, row.boot, row.session, row.last_seen, row.agent_version, row.problem)


def _check(state: State) -> None:
    for name, text, limit in (
        ("boot", state.boot, _BOOT_MAX),
        ("version", state.version, _VERSION_MAX),
        ("problem", state.problem, _PROBLEM_MAX),
    ):
        if text is not None and (len(text) > limit or "\0" in text):
            raise MessageError(f"State: {name} is no text of at most {limit} characters")
    if not 0 <= state.session <= _SESSION_MAX:
        raise MessageError(f"State: session {state.session} is no count")
