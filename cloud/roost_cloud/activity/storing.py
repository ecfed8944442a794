"""Additions into the database, in the transaction that stores their windows: so each window counts once."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, cast

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from roost_cloud.activity.additions import SKETCHES, Additions, DeviceKey, TaskKey, TaskSums
from roost_cloud.db import Base
from roost_cloud.db.among import batches
from roost_cloud.db.insert import insert_all_absent
from roost_cloud.db.keyed import keyed
from roost_cloud.db.tables import DeviceHealth, DeviceHour, TaskHour

__all__ = ["HealthKey", "store_additions", "store_health"]

_LANES: Final = 8
_LANE: Final = secrets.randbelow(_LANES)  # one a process: workers seldom wait for each other's rows
_COUNTS: Final = ("count", "timed", "missed")
HealthKey = tuple[str, str]  # tenant, device


def store_additions(session: Session, additions: Additions) -> None:
    """Add; the caller commits."""
    _add_to_devices(session, additions)
    _add_to_tasks(session, additions.tasks)


def store_health(session: Session, said: Mapping[HealthKey, Mapping[str, Any]]) -> None:
    """Note how devices are, unless something newer is noted; values are columns of `device_health`."""
    if not said:
        return
    statement = _insert(session, DeviceHealth)
    taken = statement.on_conflict_do_update(
        index_elements=["tenant", "device"],
        set_={column: statement.excluded[column] for column in next(iter(said.values()))},
        where=DeviceHealth.received_at <= statement.excluded.received_at,
    )
    rows = [{"tenant": tenant, "device": device, **said[tenant, device]} for tenant, device in sorted(said)]
    session.connection().execute(taken, rows)


def _add_to_devices(session: Session, additions: Additions) -> None:
    if not additions.devices:
        return
    keys = sorted(additions.devices)  # in one order, so that no two workers wait for each other
    statement = _insert(session, DeviceHour)
    columns = DeviceHour.__table__.c
    added = statement.on_conflict_do_update(
        index_elements=list(DeviceKey._fields),
        set_={name: columns[name] + statement.excluded[name] for name in asdict(additions.devices[keys[0]])},
    )
    rows = [{**key._asdict(), **asdict(additions.devices[key])} for key in keys]
    session.connection().execute(added, rows)


def _add_to_tasks(session: Session, tasks: Mapping[TaskKey, TaskSums]) -> None:
    if not tasks:
        return
    keys = sorted(tasks)
    empty: dict[str, Any] = {"lane": _LANE, **dict.fromkeys(_COUNTS, 0), **dict.fromkeys(SKETCHES)}
    insert_all_absent(session, TaskHour, [{**key._asdict(), **empty} for key in keys])
    before = {key: row for some in batches(keys) for key, row in _locked(session, some).items()}
    named = []
    for key in keys:
        sums, row = tasks[key], before[key]
        for name in SKETCHES:
            sums.merge(name, getattr(row, name))
        counts = {name: getattr(sums, name) + getattr(row, name) for name in _COUNTS}
        of_row = {f"of_{name}": value for name, value in key._asdict().items()}
        named.append(of_row | {f"new_{name}": value for name, value in (counts | sums.encoded()).items()})
    columns = TaskHour.__table__.c
    statement = update(cast("Table", TaskHour.__table__)).where(
        *(columns[name] == bindparam(f"of_{name}") for name in TaskKey._fields), columns.lane == _LANE
    )
    changes: dict[str, Any] = {name: bindparam(f"new_{name}") for name in (*_COUNTS, *SKETCHES)}
    session.connection().execute(statement.values(changes), named)


def _locked(session: Session, keys: Sequence[TaskKey]) -> dict[TaskKey, TaskHour]:
    """Rows of our lane, nobody else's to change until the transaction ends."""
    columns = (TaskHour.tenant, TaskHour.task, TaskHour.hour, TaskHour.contestant)
    query = select(TaskHour).where(keyed(columns, keys), TaskHour.lane == _LANE)
    rows = session.scalars(query.order_by(*columns).with_for_update())
    return {TaskKey(row.tenant, row.task, row.hour, row.contestant): row for row in rows}


def _insert(session: Session, table: type[Base]) -> Any:
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(cast("Table", table.__table__))
