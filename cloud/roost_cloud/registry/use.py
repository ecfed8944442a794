"""Who needs a version or alias: tasks of the cloud, devices assigned it, rollouts, and whoever it was released to."""

from typing import Final

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import AssignedBundle, BundleVersion, CloudTask, RolloutDevice, RolloutRow
from roost_cloud.objects import ObjectStore
from roost_cloud.registry.errors import InUseError
from roost_cloud.registry.reference import Reference
from roost_cloud.trust.online_keys import OnlineKeys
from roost_cloud.trust.queries import shared_standing
from roost_shared.trust.names import target_path, task_role

__all__ = ["check_unassigned", "check_unreleased", "check_unrolled", "check_unused"]

_SHOWN: Final = 3  # devices that an error names


def check_unused(session: Session, tenant: str, reference: Reference) -> None:
    """See that no task of the tenant's names a version or alias.

    Raises:
        InUseError: one does.
    """
    rows = session.execute(select(CloudTask.name, CloudTask.document).where(CloudTask.tenant == tenant))
    using = sorted(
        name for name, document in rows if any(one["bundle"] == str(reference) for one in document["contestants"])
    )
    if using:
        raise InUseError(f"{reference} takes part in the task {', '.join(using)}: change or delete that first")


def check_unassigned(session: Session, row: BundleVersion) -> None:
    """See that no device's newest assignment names a version.

    Raises:
        InUseError: one does.
    """
    of_version = (
        AssignedBundle.tenant == row.tenant,
        AssignedBundle.name == row.name,
        AssignedBundle.version == row.version,
    )
    count = session.scalar(select(func.count()).where(*of_version)) or 0
    if count:
        devices = session.scalars(
            select(AssignedBundle.device).where(*of_version).order_by(AssignedBundle.device).limit(_SHOWN)
        ).all()
        names = ", ".join(devices) + (f" and {count - len(devices)} more" if count > len(devices) else "")
        raise InUseError(f"{row.name}:{row.version} is assigned to {names}: assign them another first")


def check_unrolled(session: Session, row: BundleVersion) -> None:
    """See that no rollout under way needs a version: as its candidate, or to take devices back to.

    Raises:
        InUseError: one does.
    """
    bundle = f"{row.name}:{row.version}"
    under_way = select(RolloutRow.id).where(
        RolloutRow.tenant == row.tenant, RolloutRow.ended_at.is_(None) | RolloutRow.followed
    )
    is_candidate = (RolloutRow.bundle_name == row.name) & (RolloutRow.bundle_version == row.version)
    returns_to_it = exists().where(
        RolloutDevice.tenant == RolloutRow.tenant,
        RolloutDevice.rollout == RolloutRow.id,
        RolloutDevice.before == bundle,
        RolloutDevice.state != "left",
    )
    rollout = session.scalar(under_way.where(is_candidate | returns_to_it).order_by(RolloutRow.created_at).limit(1))
    if rollout is not None:
        raise InUseError(f"{bundle} is needed by the rollout {rollout}: wait for it, abort it, or revert it")


def check_unreleased(session: Session, store: ObjectStore, keys: OnlineKeys, row: BundleVersion) -> None:
    """See that a version is not released: devices could be about to fetch it. None is, until the transaction ends.

    Raises:
        InUseError: it is.
        TrustDamagedError: what is released cannot be told.
    """
    standing = None if row.task is None else shared_standing(session, store, keys)
    if standing is None or row.task is None:
        return
    release = standing.targets(task_role(row.task))
    if release is not None and target_path(row.task, row.name, row.version) in release.signed.targets:
        raise InUseError(
            f"{row.name}:{row.version} is released for task {row.task}: "
            f"`roost trust sign {row.name}:{row.version} --withdraw` first"
        )
