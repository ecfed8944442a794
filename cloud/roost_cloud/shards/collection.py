"""Clearing away what devices began to bring and never ended: stale uploads, and objects that crashes left.

Safe beside uploads, and any number may run at once. What is committed is never touched: nothing here looks at it.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import select

from roost_cloud.db import Database
from roost_cloud.db.tables import ShardUpload, Tenant
from roost_cloud.objects import ObjectStore
from roost_cloud.shards import uploads
from roost_cloud.shards.uploads import STAGING, ShardKey

__all__ = ["GRACE", "Collected", "collect"]

GRACE: Final = timedelta(days=1)  # a device asks for fresh URLs every hour while it sends


class Collected(NamedTuple):
    """What a collection removed."""

    uploads: int = 0
    """That went stale."""
    orphans: int = 0
    """Objects without a row."""


def collect(database: Database, store: ObjectStore, now: datetime) -> Collected:
    """Collect of every tenant. Commits by itself. A device that comes back begins anew.

    Raises:
        StoreUnavailableError, StoreFailedError: the store failed; the next collection goes on.
    """
    with database.read() as session:
        tenants = list(session.scalars(select(Tenant.name).order_by(Tenant.name)))
        stale = list(session.scalars(select(ShardUpload).where(ShardUpload.touched_at < now - GRACE)))
    for upload in stale:
        uploads.discard(database, store, ShardKey(upload.tenant, upload.device, upload.shard), upload)
    return Collected(len(stale), sum(_remove_staged(database, store, tenant, now) for tenant in tenants))


def _remove_staged(database: Database, store: ObjectStore, tenant: str, now: datetime) -> int:
    """Remove assembled uploads without a row; how many."""
    prefix = f"{tenant}/{STAGING}/"
    old = {
        info.key.removeprefix(prefix): info.key
        for info in store.list_objects(prefix)
        if info.modified_at < now - GRACE
    }
    with database.read() as session:
        known = set(session.scalars(select(ShardUpload.id).where(ShardUpload.tenant == tenant)))
    orphans = old.keys() - known
    for name in orphans:
        store.delete(old[name])
    return len(orphans)
