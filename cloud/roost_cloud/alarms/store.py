"""Alarms in the database, changed with a record of who changed them; whoever wants to know is told."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import ColumnElement, func, literal, or_, select, tuple_, update
from sqlalchemy.orm import Session

from roost_cloud.alarms.state import Standing, State, acknowledge, is_muted, mute, resolve
from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import Alarm
from roost_cloud.errors import NotFoundError
from roost_cloud.events.publishing import publish
from roost_cloud.people import audit
from roost_shared.errors import ContentError

__all__ = [
    "BadPlaceError",
    "Chosen",
    "NewAlarm",
    "Place",
    "acknowledge_alarm",
    "count_open",
    "get",
    "last_resolved",
    "mute_alarm",
    "page",
    "parse_place",
    "raise_alarm",
    "resolve_alarm",
    "still_so",
    "unresolved",
]

_NOTE_CHARS: Final = 200
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PLACE: Final = re.compile(r"([0-9]{1,16})\.([0-9a-f]{16})")


class BadPlaceError(ContentError):
    """It is no place in the list of alarms."""

    code = "alarms.bad_place"


class Place(NamedTuple):
    """Where an alarm stands in the list: it is in this order, backwards."""

    opened_at: datetime
    id: str

    def __str__(self) -> str:
        """As `parse_place` reads it."""
        return f"{(self.opened_at - _BEGINNING) // timedelta(microseconds=1)}.{self.id}"


def parse_place(text: str) -> Place:
    """Read it.

    Raises:
        BadPlaceError: it is none.
    """
    found = _PLACE.fullmatch(text)
    if found is None:
        raise BadPlaceError("`after` has to be the `next` of another page of alarms")
    return Place(_BEGINNING + timedelta(microseconds=int(found[1])), found[2])


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which alarms; None means any."""

    state: State | None = None
    unresolved: bool | None = None
    kind: str | None = None
    task: str | None = None
    device: str | None = None


@dataclass(frozen=True, kw_only=True)
class NewAlarm:
    """A finding.

    Attributes:
        tenant: whose device.
        device: where.
        task: of which task.
        kind: of what.
        contestant: whose windows say so; empty: the task's answers.
        bundle: that it ran.
        cause: whose fault it is, as far as can be told.
        since: when it began.
        explanation: what moved, as JSON has it.
    """

    tenant: str
    device: str
    task: str
    kind: str
    contestant: str
    bundle: str | None
    cause: str
    since: datetime
    explanation: dict[str, Any]


def raise_alarm(session: Session, new: NewAlarm, now: datetime) -> Alarm | None:
    """Raise an alarm, unless there is one that nobody has resolved: then note that it is still so.

    Returns:
        The alarm; None if there was one.
    """
    values = {**vars(new), "opened_at": now, "last_exceeded_at": now, "state": "open"}
    open_ones = dict.fromkeys(
        ("muted_until", "acknowledged_at", "acknowledged_by", "resolved_at", "resolved_by", "note")
    )
    alarm = secrets.token_hex(8)
    if insert_absent(session, Alarm, id=alarm, **values, **open_ones):
        row = session.get_one(Alarm, (new.tenant, alarm))
        _tell(session, row, "alarm.opened", now)
        return row
    still_so(session, new.tenant, new.device, new.task, new.kind, now)
    return None


def still_so(session: Session, tenant: str, device: str, task: str, kind: str, now: datetime) -> Alarm | None:
    """Note that what an unresolved alarm says is still so.

    Returns:
        The alarm; None if there is none.
    """
    of_alarm = (Alarm.tenant == tenant, Alarm.device == device, Alarm.task == task, Alarm.kind == kind)
    statement = update(Alarm).where(*of_alarm, Alarm.state != "resolved").values(last_exceeded_at=now)
    return session.scalars(statement.returning(Alarm)).one_or_none()


def last_resolved(session: Session, tenant: str, device: str, task: str, kind: str) -> datetime | None:
    """When the last alarm of a device, task and kind was resolved; what went before counts no more."""
    of_alarm = (Alarm.tenant == tenant, Alarm.device == device, Alarm.task == task, Alarm.kind == kind)
    return session.scalar(select(func.max(Alarm.resolved_at)).where(*of_alarm))


def get(session: Session, tenant: str, alarm: str) -> Alarm:
    """An alarm.

    Raises:
        NotFoundError: the tenant has no such alarm.
    """
    row = session.get(Alarm, (tenant, alarm))
    if row is None:
        raise NotFoundError("alarm", alarm)
    return row


def page(session: Session, tenant: str, chosen: Chosen, *, limit: int, after: Place | None = None) -> Sequence[Alarm]:
    """A tenant's alarms, the newest first, behind `after`, at most `limit`."""
    query = select(Alarm).where(Alarm.tenant == tenant, *_conditions(chosen))
    if after is not None:
        query = query.where(tuple_(Alarm.opened_at, Alarm.id) < tuple_(*map(literal, after)))
    return session.scalars(query.order_by(Alarm.opened_at.desc(), Alarm.id.desc()).limit(limit)).all()


def unresolved(session: Session, tenant: str) -> Sequence[Alarm]:
    """All alarms of a tenant that nobody has resolved: one of each device, task and kind at most."""
    return session.scalars(select(Alarm).where(Alarm.tenant == tenant, Alarm.state != "resolved")).all()


def count_open(session: Session, now: datetime) -> dict[str, int]:
    """How many alarms of the deployment are open and not muted, by kind."""
    unmuted = or_(Alarm.muted_until.is_(None), Alarm.muted_until <= now)
    query = select(Alarm.kind, func.count()).where(Alarm.state == "open", unmuted).group_by(Alarm.kind)
    return {row[0]: row[1] for row in session.execute(query)}


def acknowledge_alarm(
    session: Session, tenant: str, alarm: str, *, note: str | None, actor: str, now: datetime
) -> Alarm:
    """Somebody sees to it; again is no change.

    Raises:
        NotFoundError: the tenant has no such alarm.
        AlarmResolvedError: it is resolved.
    """
    row = _locked(session, tenant, alarm)
    after = acknowledge(_standing(row))
    if after.state != row.state:
        row.state, row.acknowledged_at, row.acknowledged_by = after.state, now, actor
        _changed(session, row, "alarm.acknowledge", "alarm.acknowledged", note=note, actor=actor, now=now)
    return row


def resolve_alarm(session: Session, tenant: str, alarm: str, *, note: str | None, actor: str, now: datetime) -> Alarm:
    """It is over; again is no change.

    Raises:
        NotFoundError: the tenant has no such alarm.
    """
    row = _locked(session, tenant, alarm)
    after = resolve(_standing(row))
    if after.state != row.state:
        row.state, row.resolved_at, row.resolved_by = after.state, now, actor
        _changed(session, row, "alarm.resolve", "alarm.resolved", note=note, actor=actor, now=now)
    return row


def mute_alarm(
    session: Session, tenant: str, alarm: str, *, until: datetime | None, note: str | None, actor: str, now: datetime
) -> Alarm:
    """Tell nobody of it until a time; None: tell again.

    Raises:
        NotFoundError: the tenant has no such alarm.
        AlarmResolvedError: it is resolved.
        BadMuteError: the time is past, or too far off.
    """
    row = _locked(session, tenant, alarm)
    after = mute(_standing(row), until=until, now=now)
    if after.muted_until != row.muted_until:
        row.muted_until = after.muted_until
        _changed(session, row, "alarm.mute", None, note=note, actor=actor, now=now)
    return row


def _locked(session: Session, tenant: str, alarm: str) -> Alarm:
    row = session.get(Alarm, (tenant, alarm), with_for_update=True)
    if row is None:
        raise NotFoundError("alarm", alarm)
    return row


def _standing(row: Alarm) -> Standing:
    return Standing(cast("State", row.state), row.muted_until)


def _changed(
    session: Session, row: Alarm, action: str, event: str | None, *, note: str | None, actor: str, now: datetime
) -> None:
    if note is not None:
        row.note = note[:_NOTE_CHARS]
    until = None if row.muted_until is None else row.muted_until.isoformat()
    detail = {"device": row.device, "task": row.task, "kind": row.kind, "note": note, "muted_until": until}
    audit.record(session, tenant=row.tenant, actor=actor, action=action, subject=row.id, now=now, **detail)
    was_muted = is_muted(Standing("open", row.muted_until), now)  # nor of its end, then
    if event is not None and not was_muted:
        _tell(session, row, event, now)


def _tell(session: Session, row: Alarm, kind: str, now: datetime) -> None:
    data = {
        "alarm": row.id,
        "device": row.device,
        "task": row.task,
        "kind": row.kind,
        "state": row.state,
        "cause": row.cause,
        "bundle": row.bundle,
        "since": row.since.isoformat(),
        "opened_at": row.opened_at.isoformat(),
        "summary": row.explanation.get("summary"),
        "moved": row.explanation.get("moved"),
        "by": row.resolved_by or row.acknowledged_by,
        "note": row.note,
    }
    publish(session, row.tenant, kind, data, now)


def _conditions(chosen: Chosen) -> list[ColumnElement[bool]]:
    equal = {Alarm.state: chosen.state, Alarm.kind: chosen.kind, Alarm.task: chosen.task, Alarm.device: chosen.device}
    found: list[ColumnElement[bool]] = [column == value for column, value in equal.items() if value is not None]
    if chosen.unresolved is not None:
        found.append(Alarm.state != "resolved" if chosen.unresolved else Alarm.state == "resolved")
    return found
