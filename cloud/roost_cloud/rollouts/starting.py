"""Beginning a rollout: what would stop it on every device is found before it reaches the first."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.assignments.document import read_document
from roost_cloud.assignments.pinning import pin
from roost_cloud.db.tables import Alias, BundleVersion, RolloutRow
from roost_cloud.errors import ConflictError
from roost_cloud.objects import ObjectStore
from roost_cloud.people import audit
from roost_cloud.registry import versions
from roost_cloud.registry.candidate import Candidate
from roost_cloud.rollouts import store
from roost_cloud.rollouts.knowing import Entry, Subject, devices_with
from roost_cloud.rollouts.plan import BadPlanError, Plan
from roost_cloud.rollouts.targets import with_target
from roost_cloud.trust.online_keys import OnlineKeys

__all__ = ["NobodyReachedError", "start"]

_SHOWN: Final = 5


class NobodyReachedError(ConflictError):
    """No device is assigned the contestant, or all have the candidate already."""

    code = "rollout.nobody"


def start(
    session: Session,
    objects: ObjectStore,
    keys: OnlineKeys,
    plan: Plan,
    raw: Mapping[str, Any],
    *,
    actor: str,
    now: datetime,
) -> RolloutRow:
    """Begin a rollout.

    Args:
        session: to write with.
        objects: has the tenant's TUF repository and its bundles.
        keys: the tenant's.
        plan: read and checked.
        raw: the same as people wrote it.
        actor: who begins it.
        now: the time.

    Raises:
        BadPlanError: the registry has no such bundle, or it is for another task.
        NobodyReachedError: no device would change.
        RolloutUnderWayError: another one of the task has not ended.
        RoostError: as `assignments.pinning.pin` does: devices would refuse the bundle.
    """
    tenant = keys.tenant
    bundle = _candidate(session, tenant, plan)
    subject = Subject(
        plan.task,
        plan.contestant,
        f"{bundle.name}:{bundle.version}",
        f"{bundle.name}:{bundle.version}@{bundle.digest}",
    )
    entries = {device: one for device, one in devices_with(session, tenant, subject).items() if one.bundle}
    willing = {device: one for device, one in entries.items() if one.bundle != subject.bundle}
    if not willing:
        what = f"all {len(entries)} devices with it run that already" if entries else "no device is assigned it"
        raise NobodyReachedError(f"task {plan.task} contestant {plan.contestant}, bundle {subject.bundle}: {what}")
    _check_assignable(session, objects, keys, subject, willing, now)
    incumbents = {one.bundle for one in willing.values() if one.bundle is not None}
    row = store.create(
        session,
        tenant,
        plan,
        raw,
        bundle,
        _predicted(session, objects, tenant, bundle, incumbents),
        actor=actor,
        now=now,
    )
    audit.record(
        session,
        tenant=tenant,
        actor=actor,
        action="rollout.start",
        subject=row.id,
        now=now,
        task=plan.task,
        bundle=subject.reference,
        devices=float(len(willing)),
    )
    return row


def _candidate(session: Session, tenant: str, plan: Plan) -> BundleVersion:
    reference = plan.reference
    version = reference.which
    if reference.sign == "@":
        alias = session.get(Alias, (tenant, reference.name, reference.which))
        if alias is None:
            raise BadPlanError("bundle", f"there is no alias {plan.bundle}")
        version = alias.version
    query = select(BundleVersion).where(
        BundleVersion.tenant == tenant,
        BundleVersion.name == reference.name,
        BundleVersion.version == version,
        BundleVersion.deleted_at.is_(None),
    )
    row = session.scalar(query.with_for_update(read=True))
    if row is None:
        raise BadPlanError("bundle", f"the registry has no {plan.bundle}: push it first")
    if row.task != plan.task:
        raise BadPlanError("bundle", f"{plan.bundle} is for task {row.task}, and was to answer {plan.task}")
    return row


def _check_assignable(
    session: Session,
    objects: ObjectStore,
    keys: OnlineKeys,
    subject: Subject,
    willing: Mapping[str, Entry],
    now: datetime,
) -> None:
    """Try the assignments that there would be, one of each kind."""
    tried: set[str] = set()
    for entry in willing.values():
        if entry.bundle is None or entry.bundle in tried or len(tried) >= _SHOWN:
            continue
        tried.add(entry.bundle)
        changed = with_target(
            entry.document,
            subject.task,
            subject.contestant,
            target="active",
            candidate=subject.bundle,
            before=entry.bundle,
        )
        pin(session, objects, keys, read_document(changed), now)


def _predicted(
    session: Session, objects: ObjectStore, tenant: str, bundle: BundleVersion, incumbents: set[str]
) -> float | None:
    """What the bundle predicts of its disagreement, if all that it shall replace is what it predicts that of."""
    names = [one.partition(":")[::2] for one in incumbents]
    for name, version in names:
        row = session.get(BundleVersion, (tenant, name, version))
        if row is None or row.digest != bundle.parent_digest:
            return None
    return versions.read_config(objects, tenant, Candidate.of(bundle.manifest)).predicted_disagreement
