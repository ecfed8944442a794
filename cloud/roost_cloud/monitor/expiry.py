"""Removing windows and decisions that came too long ago, with what was said of them.

Windows are many and soon merged to decisions; decisions are what `roost drift simulate` replays. Kept as long as they
are of use: the decisions of baselines, against which devices are judged; those that made an alarm, with their windows;
and of each contestant on a device the last decision, from which the next counts on. In batches, a transaction each;
any number may run at once, beside rounds of work.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import ColumnElement, Table, and_, bindparam, delete, func, select
from sqlalchemy.orm import Session, aliased

from roost_cloud.db import Base, Database
from roost_cloud.db.tables import Alarm, DecisionWindow, DriftBaseline, DriftVerdict, Tenant, Window
from roost_cloud.monitor import settings as settings_room
from roost_cloud.monitor.baselines import DECISION, STREAM

__all__ = ["Expired", "expire"]

_AT_ONCE: Final = 1000  # rows to a transaction
_WINDOW: Final = ("device", "boot", "sequence")
_OF_TENANT: Final = DECISION[1:]


class Expired(NamedTuple):
    """What was removed."""

    windows: int
    decisions: int


def expire(database: Database, now: datetime, stopping: Callable[[], bool]) -> Expired:
    """Remove what every tenant's settings say is too old. Commits by itself, and in steps.

    Raises:
        DatabaseUnavailableError: the database is away; what was removed is.
    """
    with database.read() as session:
        tenants = list(session.scalars(select(Tenant.name).order_by(Tenant.name)))
        kept = {tenant: settings_room.get(session, tenant) for tenant in tenants}
    windows = decisions = 0
    for tenant, settings in kept.items():
        of_windows = now - timedelta(days=settings.keep_windows_days)
        of_decisions = now - timedelta(days=settings.keep_decisions_days)
        windows += _in_batches(database, stopping, partial(_expire_windows, tenant=tenant, before=of_windows))
        decisions += _in_batches(database, stopping, partial(_expire_decisions, tenant=tenant, before=of_decisions))
    return Expired(windows, decisions)


def _in_batches(database: Database, stopping: Callable[[], bool], remove: Callable[[Session], int]) -> int:
    removed = 0
    while not stopping():
        with database.begin() as session:
            count = remove(session)
        removed += count
        if count < _AT_ONCE:
            break
    return removed


def _expire_windows(session: Session, tenant: str, before: datetime) -> int:
    key = [getattr(Window, name) for name in _WINDOW]
    made_alarm = _made_alarm(Window, Window.received_at, Window.received_at)
    old = select(*key).where(Window.tenant == tenant, Window.received_at < before, ~made_alarm)
    keys = [row._asdict() for row in session.execute(old.order_by(Window.received_at).limit(_AT_ONCE))]
    _delete(session, Window, tenant, keys)
    return len(keys)


def _expire_decisions(session: Session, tenant: str, before: datetime) -> int:
    key = [getattr(DecisionWindow, name) for name in _OF_TENANT]
    made_alarm = _made_alarm(DecisionWindow, DecisionWindow.began_at, DecisionWindow.ended_at)
    old = select(*key).where(
        DecisionWindow.tenant == tenant,
        DecisionWindow.ended_at < before,
        ~_is_last(),
        ~_is_of_baseline(),
        ~made_alarm,
    )
    keys = [row._asdict() for row in session.execute(old.order_by(DecisionWindow.ended_at).limit(_AT_ONCE))]
    for table in (DriftVerdict, DecisionWindow):
        _delete(session, table, tenant, keys)
    return len(keys)


def _delete(session: Session, table: type[Base], tenant: str, keys: Sequence[Mapping[str, Any]]) -> None:
    """Delete rows by their keys, or the beginnings of these, one by one: of many at once SQLite uses no index."""
    if not keys:
        return
    columns = table.__table__.c
    named = [columns[name] == bindparam(f"of_{name}") for name in keys[0]]
    statement = delete(cast("Table", table.__table__)).where(columns.tenant == tenant, *named)
    session.connection().execute(statement, [{f"of_{name}": value for name, value in key.items()} for key in keys])


def _is_last() -> ColumnElement[bool]:
    other = aliased(DecisionWindow)
    of_contestant = (getattr(other, name) == getattr(DecisionWindow, name) for name in (*STREAM, "contestant"))
    last = select(func.max(other.number)).where(*of_contestant).correlate(DecisionWindow).scalar_subquery()
    return DecisionWindow.number == last


def _is_of_baseline() -> ColumnElement[bool]:
    of_contestant = (getattr(DriftBaseline, name) == getattr(DecisionWindow, name) for name in (*STREAM, "contestant"))
    between = DecisionWindow.number.between(DriftBaseline.first_number, DriftBaseline.last_number)
    return select(DriftBaseline.kind).where(*of_contestant, between).correlate(DecisionWindow).exists()


def _made_alarm(table: type[Window | DecisionWindow], began_at: Any, ended_at: Any) -> ColumnElement[bool]:
    """Whether it is of the time from an alarm's beginning until it was raised."""
    of_stream = (Alarm.tenant == table.tenant, Alarm.device == table.device, Alarm.task == table.task)
    within = and_(ended_at >= Alarm.since, began_at <= Alarm.opened_at)
    return select(Alarm.id).where(*of_stream, within).correlate(table).exists()
