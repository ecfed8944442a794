"""A device's assignments: each a version, kept for ever; its number only rises, also past a device that is deleted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from roost_cloud.assignments import desired
from roost_cloud.assignments.document import AssignmentDocument
from roost_cloud.assignments.following import Following, Told, following
from roost_cloud.assignments.pinning import pin
from roost_cloud.assignments.signing import ours, signers
from roost_cloud.db.keyed import keyed
from roost_cloud.db.tables import AssignedBundle, AssignmentVersion, Device, DeviceAssignment, DeviceReport
from roost_cloud.errors import ConflictError, NotFoundError
from roost_cloud.fleet.devices import locked
from roost_cloud.objects import ObjectStore
from roost_cloud.people import audit
from roost_cloud.trust.online_keys import OnlineKeys
from roost_shared.assignment import Assignment
from roost_shared.trust.envelope import seal

__all__ = ["Assigned", "Assigner", "assigned", "envelope", "overview", "page", "standing"]

_LARGEST: Final = 2**53
_BELIEVABLE: Final = 2**52  # a device that says it has seen more has been told by a thief, and gets another key


@dataclass(frozen=True)
class Assigned:
    """What a device is assigned and reports.

    Attributes:
        newest: None for nothing.
        report: None if it has said nothing.
    """

    newest: AssignmentVersion | None
    report: DeviceReport | None

    @property
    def following(self) -> Following:
        """How the two differ, in a word."""
        told = self.report
        return following(
            0 if self.newest is None else self.newest.version,
            None
            if told is None
            else Told(told.version, told.desired, told.confirmed, told.trust, told.problem_code is not None),
        )


@dataclass(frozen=True)
class Assigner:
    """Whoever assigns.

    Args:
        store: has the tenant's TUF repository.
        keys: the tenant's.
        actor: who it is.
        now: the time.
    """

    store: ObjectStore
    keys: OnlineKeys
    actor: str
    now: datetime

    def assign(
        self, session: Session, device: str, document: AssignmentDocument, raw: dict[str, Any], *, again: bool = False
    ) -> tuple[AssignmentVersion, bool]:
        """Make a document a device's newest assignment; where that says so already, it is left as it is.

        Unless the device has refused it: it tries no version twice, so to ask it once more takes another.

        Args:
            session: to write with.
            device: whose.
            document: read and checked.
            raw: the same as people wrote it.
            again: give it a new version even so, for a device that has refused this one and shall try it again.

        Returns:
            The newest version, and whether it is new.

        Raises:
            NotFoundError: the tenant has no such device.
            ConflictError: it is revoked, or its versions have run out.
            NoAssignmentKeyError: the tenant's targets let nobody sign assignments.
            AssignmentSizeError: it is larger than a device takes.
            RoostError: as `pin` does.
        """
        tenant = self.keys.tenant
        row = locked(session, tenant, device)  # of two who assign at once, one waits here
        if row.status != "enrolled":
            raise ConflictError(f"the device {device!r} is revoked: enrol it again first")
        pinned = pin(session, self.store, self.keys, document, self.now)
        by = signers(self.keys, pinned.targets)
        tasks = {name: task.pinned(pinned.pins) for name, task in document.tasks.items()}
        before = assigned(session, tenant, device)
        kept = None if before.newest is None else ours(before.newest, by)
        is_so = kept is not None and kept.assignment().tasks == tasks
        if before.newest is not None and is_so and before.following != "refused" and not again:
            return before.newest, False
        made = Assignment(
            tenant=tenant,
            device=device,
            version=_next(session, tenant, device, before.report),
            issued_at=self.now.isoformat(timespec="seconds"),
            tasks=tasks,
        )
        return self._insert(session, made, raw, seal(made, by)), True

    def _insert(self, session: Session, made: Assignment, raw: dict[str, Any], sealed: bytes) -> AssignmentVersion:
        tenant, device = made.tenant, made.device
        row = AssignmentVersion(
            tenant=tenant,
            device=device,
            version=made.version,
            document=raw,
            envelope=sealed,
            issued_at=self.now,
            issued_by=self.actor,
        )
        session.add(row)
        session.flush()
        of_device = (AssignedBundle.tenant == tenant, AssignedBundle.device == device)
        session.execute(delete(AssignedBundle).where(*of_device))
        bundles = sorted({(one.name, one.version) for _, one in made.pins.values()})
        session.add_all(
            AssignedBundle(tenant=tenant, device=device, name=name, version=version) for name, version in bundles
        )
        desired.state(session, tenant, device, made.version)
        audit.record(
            session,
            tenant=tenant,
            actor=self.actor,
            action="device.assign",
            subject=device,
            now=self.now,
            version=made.version,
            bundles=[f"{name}:{version}" for name, version in bundles],
        )
        return row


def assigned(session: Session, tenant: str, device: str) -> Assigned:
    """What a device is assigned and reports, whether or not there is such a device."""
    return standing(session, tenant, [device]).get(device, Assigned(None, None))


def standing(session: Session, tenant: str, devices: Collection[str]) -> dict[str, Assigned]:
    """The same of several, by name; those of which nothing is known are left out."""
    heads = select(DeviceAssignment.tenant, DeviceAssignment.device, DeviceAssignment.version).where(
        DeviceAssignment.tenant == tenant, DeviceAssignment.device.in_(devices)
    )
    keys = [tuple(row) for row in session.execute(heads)]
    key = (AssignmentVersion.tenant, AssignmentVersion.device, AssignmentVersion.version)
    newest = {row.device: row for row in session.scalars(select(AssignmentVersion).where(keyed(key, keys)))}
    reports = select(DeviceReport).where(DeviceReport.tenant == tenant, DeviceReport.device.in_(devices))
    told = {row.device: row for row in session.scalars(reports)}
    return {name: Assigned(newest.get(name), told.get(name)) for name in {*newest, *told}}


def overview(session: Session, tenant: str, devices: Collection[str]) -> dict[str, tuple[int, Following]]:
    """Of several devices, by name, the newest version and the word for how they follow it."""
    heads = select(DeviceAssignment.device, DeviceAssignment.version).where(
        DeviceAssignment.tenant == tenant, DeviceAssignment.device.in_(devices)
    )
    newest = {row.device: row.version for row in session.execute(heads)}
    reports = select(
        DeviceReport.device,
        DeviceReport.version,
        DeviceReport.desired,
        DeviceReport.confirmed,
        DeviceReport.trust,
        DeviceReport.problem_code.is_not(None),
    ).where(DeviceReport.tenant == tenant, DeviceReport.device.in_(devices))
    told = {
        name: Told(version, believed, confirmed, trust, problem)
        for name, version, believed, confirmed, trust, problem in session.execute(reports)
    }
    return {name: (newest.get(name, 0), following(newest.get(name, 0), told.get(name))) for name in {*newest, *told}}


def page(
    session: Session, tenant: str, device: str, *, limit: int, after: int | None = None
) -> Sequence[AssignmentVersion]:
    """A device's assignments, the newest first, behind `after`, at most `limit`.

    Raises:
        NotFoundError: the tenant has no such device.
    """
    if session.get(Device, (tenant, device)) is None:
        raise NotFoundError("device", device)
    query = select(AssignmentVersion).where(AssignmentVersion.tenant == tenant, AssignmentVersion.device == device)
    if after is not None:
        query = query.where(AssignmentVersion.version < after)
    return session.scalars(query.order_by(AssignmentVersion.version.desc()).limit(limit)).all()


def envelope(session: Session, tenant: str, device: str) -> bytes:
    """A device's newest assignment, signed.

    Raises:
        NotFoundError: it has none.
    """
    newest = assigned(session, tenant, device).newest
    if newest is None:
        raise NotFoundError("assignment of device", device)
    return newest.envelope


def _next(session: Session, tenant: str, device: str, report: DeviceReport | None) -> int:
    """Above every version that was given, and every one that the device has seen of a cloud that has forgotten it."""
    given = select(func.max(AssignmentVersion.version)).where(
        AssignmentVersion.tenant == tenant, AssignmentVersion.device == device
    )
    seen = 0 if report is None else max(report.version, report.desired)
    version = max(session.scalar(given) or 0, seen if seen < _BELIEVABLE else 0) + 1
    if version > _LARGEST:
        raise ConflictError(f"the device {device!r} has had {version - 1} assignments: enrol it under another name")
    return version
