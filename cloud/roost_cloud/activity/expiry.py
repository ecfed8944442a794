"""Removing hours that nobody can ask for any more."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, func, select

from roost_cloud.activity.hours import LONGEST_HOURS, hour_of
from roost_cloud.db import Database
from roost_cloud.db.tables import DeviceHour, TaskHour, Tenant

__all__ = ["expire_hours"]

_TABLES: Final[tuple[type[Any], ...]] = (DeviceHour, TaskHour)


def expire_hours(database: Database, now: datetime, stopping: Callable[[], bool]) -> int:
    """Remove them, an hour of a tenant's to a transaction; how many hours that were.

    Raises:
        DatabaseUnavailableError: the database is away; what was removed is.
    """
    before = hour_of(now) - timedelta(hours=LONGEST_HOURS)
    removed = 0
    with database.read() as session:
        tenants = list(session.scalars(select(Tenant.name).order_by(Tenant.name)))
    for tenant in tenants:
        for table in _TABLES:
            while not stopping() and _remove_oldest(database, table, tenant, before):
                removed += 1
    return removed


def _remove_oldest(database: Database, table: type[Any], tenant: str, before: datetime) -> bool:
    with database.begin() as session:
        oldest = session.scalar(select(func.min(table.hour)).where(table.tenant == tenant, table.hour < before))
        if oldest is None:
            return False
        session.execute(delete(table).where(table.tenant == tenant, table.hour == oldest))
        return True
