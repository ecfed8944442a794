"""Which bundles a document stands for now: each exists, is for its task, and is what devices would believe."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session
from tuf.api.metadata import Targets

from roost_cloud.assignments.document import AssignmentDocument
from roost_cloud.assignments.errors import NotReleasedError, UnknownBundleError, UntrustedError, WrongTaskError
from roost_cloud.db.keyed import keyed
from roost_cloud.db.tables import Alias, BundleVersion
from roost_cloud.objects import ObjectStore
from roost_cloud.registry.reference import Reference
from roost_cloud.trust.online_keys import OnlineKeys
from roost_cloud.trust.queries import delegated_keyids, released, shared_standing
from roost_cloud.trust.standing import Standing
from roost_shared.assignment import BundlePin
from roost_shared.digest import hex_of
from roost_shared.trust.names import TARGETS, target_path, task_role

__all__ = ["Pinned", "pin"]


class Pinned(NamedTuple):
    """What holds until the transaction ends: neither bundles nor trust are changed meanwhile.

    Attributes:
        pins: the bundle that each reference stands for.
        targets: the tenant's, which say who signs assignments.
    """

    pins: dict[Reference, BundlePin]
    targets: Targets


def pin(session: Session, store: ObjectStore, keys: OnlineKeys, document: AssignmentDocument, now: datetime) -> Pinned:
    """Follow a document's references.

    Args:
        session: a transaction that may write.
        store: has the tenant's TUF repository.
        keys: the tenant's.
        document: whose.
        now: the time.

    Raises:
        UnknownBundleError: the registry lacks a bundle.
        WrongTaskError: a bundle is not for the task it is to answer.
        UntrustedError: the tenant has no repository.
        NotReleasedError: devices would refuse a bundle.
        TrustDamagedError: the repository is not what was put there.
    """
    uses = document.uses
    rows = _follow(session, keys.tenant, {reference for _, reference in uses})
    for task, reference in uses:
        row = rows[reference]
        if row.task != task:
            of = "names no task" if row.task is None else f"is for task {row.task}"
            raise WrongTaskError(f"{row.name}:{row.version} {of}, and was to answer {task}: build it for that one")
    standing = shared_standing(session, store, keys)
    targets = None if standing is None else standing.targets(TARGETS)
    if standing is None or targets is None:
        raise UntrustedError(f"tenant {keys.tenant} has no root of trust, and devices believe nothing without: "
                             "`roost trust init` comes first")  # fmt: skip
    _check_released(
        standing, targets.signed, {(task, rows[reference].digest): rows[reference] for task, reference in uses}, now
    )
    pins = {
        reference: BundlePin(name=row.name, version=row.version, digest=row.digest) for reference, row in rows.items()
    }
    return Pinned(pins, targets.signed)


def _check_released(
    standing: Standing, targets: Targets, used: Mapping[tuple[str, str], BundleVersion], now: datetime
) -> None:
    of_tasks = {task: released(standing, task, now) for task, _ in used}
    for (task, digest), row in used.items():
        target = of_tasks[task].get(target_path(task, row.name, row.version))
        if target is not None and target.hashes.get("sha256") == hex_of(digest):
            continue
        which = f"{row.name}:{row.version}"
        remedy = f"`roost trust sign {which}`"
        if not delegated_keyids(targets, task_role(task)):
            remedy = f"`roost trust delegate {task}`, then {remedy}"
        raise NotReleasedError(f"{which} is not released for task {task}, so devices would refuse it: {remedy}")


def _follow(session: Session, tenant: str, references: Iterable[Reference]) -> dict[Reference, BundleVersion]:
    """The versions that references stand for, which nobody deletes until the transaction ends."""
    asked = set(references)
    aliases = {(one.name, one.which): one for one in asked if one.sign == "@"}
    chosen = {one: (one.name, one.which) for one in asked if one.sign == ":"}
    query = select(Alias).where(Alias.tenant == tenant, keyed((Alias.name, Alias.alias), aliases))
    chosen |= {aliases[row.name, row.alias]: (row.name, row.version) for row in session.scalars(query)}
    of_chosen = keyed((BundleVersion.name, BundleVersion.version), set(chosen.values()))
    versions = (
        select(BundleVersion)
        .where(BundleVersion.tenant == tenant, BundleVersion.deleted_at.is_(None), of_chosen)
        .order_by(BundleVersion.name, BundleVersion.version)
        .with_for_update(read=True)
    )
    rows = {(row.name, row.version): row for row in session.scalars(versions)}
    found = {reference: rows[which] for reference, which in chosen.items() if which in rows}
    missing = sorted(str(one) for one in asked - found.keys())
    if missing:
        raise UnknownBundleError(f"the registry has no {', '.join(missing)}: push it, or move the alias, first")
    return found
