"""Making a snapshot: from what is labelled at this moment to a document that never changes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from roost_cloud.datasets import store as room
from roost_cloud.datasets.choosing import Incumbent, Limits, choose
from roost_cloud.datasets.errors import NoLabelsError
from roost_cloud.datasets.reading import Worlds, read_pool
from roost_cloud.datasets.references import find_config, pooled_references
from roost_cloud.db import Database
from roost_cloud.db.tables import Dataset
from roost_cloud.labels import settings
from roost_cloud.objects import ObjectStore
from roost_cloud.registry import versions

__all__ = ["HELD_FOR", "Wanted", "make_snapshot"]

HELD_FOR: Final = timedelta(days=7)  # that a snapshot's samples are kept from expiring, unless a run says longer


class Wanted(NamedTuple):
    """What a snapshot shall hold.

    Attributes:
        task: whose inputs.
        incumbent: digest of the manifest of the bundle to be better than.
        since: when the changed world began; None: all that is labelled is of it.
        devices: on which it changed; None: on all.
        limits: how many of each.
    """

    task: str
    incumbent: str
    since: datetime | None = None
    devices: Sequence[str] | None = None
    limits: Limits = Limits()


def make_snapshot(
    database: Database,
    store: ObjectStore,
    tenant: str,
    wanted: Wanted,
    *,
    actor: str,
    now: datetime,
    held_for: timedelta = HELD_FOR,
) -> Dataset:
    """Make a snapshot, or find the same one again. Commits by itself, in steps.

    Args:
        database: where samples and labels are.
        store: where bundles are, and documents go.
        tenant: whose.
        wanted: what it shall hold.
        actor: who makes it.
        now: server time.
        held_for: how long its samples are kept from expiring.

    Raises:
        TooFewLabelsError: too little is labelled.
        NoLabelsError: the incumbent tells no labels apart.
        NotFoundError: the registry has no such incumbent.
        BundleError, ReferenceSetError: the incumbent is damaged.
        StoreUnavailableError, StoreFullError, StoreFailedError: the store failed; there is no snapshot.
    """
    with database.read() as session:
        manifest = versions.manifest_of(session, tenant, wanted.incumbent)
        teachers = settings.get(session, tenant, wanted.task).believed
        pool = read_pool(
            session,
            tenant,
            wanted.task,
            Worlds(wanted.since, wanted.devices),
            teachers=teachers,
            unlabelled_max=wanted.limits.unlabelled_max,
        )
    config = find_config(store, tenant, manifest)
    if not config.labels:
        raise NoLabelsError(f"{config.name}:{config.version} tells no labels apart, and cannot be taught any")
    pool += pooled_references(store, tenant, config)
    chosen = choose(wanted.task, Incumbent(wanted.incumbent, tuple(config.labels)), pool, wanted.limits)
    since = None if wanted.since is None else wanted.since.isoformat()
    asked = {"since": since, "only_devices": None if wanted.devices is None else sorted(wanted.devices)}
    return room.put(
        database,
        store,
        tenant,
        chosen.snapshot,
        summary=chosen.summary | asked | {"teachers": sorted(teachers.names)},
        held_until=now + held_for,
        actor=actor,
        now=now,
    )
