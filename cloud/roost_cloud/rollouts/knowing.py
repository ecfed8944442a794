"""What the database knows of a tenant's devices, as a rollout needs it: a few queries, however many devices."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.keyed import keyed
from roost_cloud.db.tables import AssignmentVersion, Device, DeviceAssignment, DeviceReport
from roost_cloud.fleet import device_records
from roost_cloud.rollouts.facts import Known, Said, read_said
from roost_cloud.rollouts.states import Carries, Member
from roost_cloud.rollouts.targets import bundle_of, carries, pinned, shadow_name
from roost_shared.trust.envelope import SealedAssignment

__all__ = ["Entry", "Subject", "devices_with", "entries", "know", "newest_document"]

_AT_ONCE: Final = 500  # documents that are read in one query


class Subject(NamedTuple):
    """What a rollout is about.

    Attributes:
        task: whose contestant.
        contestant: whose bundle is replaced.
        bundle: the candidate, `NAME:VERSION`.
        reference: the same with its digest, as answers carry it.
    """

    task: str
    contestant: str
    bundle: str
    reference: str

    def running_as(self, member: Member) -> str:
        """The contestant that runs the candidate on a device."""
        return shadow_name(self.contestant) if member.target == "shadow" else self.contestant


class Entry(NamedTuple):
    """What a device's newest assignment has in the contestant's place.

    Attributes:
        version: of the assignment.
        bundle: `NAME:VERSION`; None: it has no such contestant.
        limit_ms: the time there is for a score, in milliseconds.
        document: pinned.
    """

    version: int
    bundle: str | None
    limit_ms: float | None
    document: dict[str, Any]


def heads(session: Session, tenant: str, devices: Collection[str] | None = None) -> dict[str, int]:
    """The newest version of each device's assignments, by name, of those that have one; `devices` None: of all."""
    query = select(DeviceAssignment.device, DeviceAssignment.version).where(
        DeviceAssignment.tenant == tenant, DeviceAssignment.version > 0
    )
    if devices is not None:
        query = query.where(DeviceAssignment.device.in_(devices))
    return {row[0]: row[1] for row in session.execute(query)}


def entries(session: Session, tenant: str, subject: Subject, of: Mapping[str, int]) -> Iterator[tuple[str, Entry]]:
    """What assignments have in the contestant's place.

    Args:
        session: to read with.
        tenant: whose devices.
        subject: of the rollout.
        of: versions, by device.
    """
    keys = [(tenant, device, version) for device, version in sorted(of.items())]
    key = (AssignmentVersion.tenant, AssignmentVersion.device, AssignmentVersion.version)
    for first in range(0, len(keys), _AT_ONCE):
        query = select(AssignmentVersion).where(keyed(key, keys[first : first + _AT_ONCE]))
        for row in session.scalars(query):
            yield row.device, _entry(row, subject)


def devices_with(session: Session, tenant: str, subject: Subject) -> dict[str, Entry]:
    """All devices whose newest assignment has the contestant, by name."""
    found = entries(session, tenant, subject, heads(session, tenant))
    return {device: entry for device, entry in found if entry.bundle is not None}


def newest_document(session: Session, tenant: str, device: str, subject: Subject) -> Entry | None:
    """A device's newest assignment; None: it has none."""
    version = heads(session, tenant, [device]).get(device)
    if version is None:
        return None
    return next((entry for _, entry in entries(session, tenant, subject, {device: version})), None)


def know(
    session: Session,
    tenant: str,
    subject: Subject,
    members: Mapping[str, Member],
    befores: Mapping[str, tuple[str, float | None]],
    strangers: dict[tuple[str, int], Entry],
    *,
    with_labels: bool,
) -> tuple[list[Known], dict[str, Entry]]:
    """What is known of all devices that have, or had, to do with a rollout.

    Args:
        session: to read with.
        tenant: whose devices.
        subject: of the rollout.
        members: its devices.
        befores: of each of them, the bundle it had in the contestant's place, and the time for a score, in ms.
        strangers: by device and version, what was read of others before; what is read now is added.
        with_labels: whether labels matter.

    Returns:
        What is known, and of devices that are no members yet what their assignment has in the contestant's place.
    """
    versions = heads(session, tenant)
    labels = device_records.labels_of(session, tenant) if with_labels else {}
    reports = _reports(session, tenant)
    moved = {
        device: versions[device]
        for device, member in members.items()
        if device in versions and member.version is not None and versions[device] != member.version
    }
    changed = dict(entries(session, tenant, subject, moved))
    new = {device: version for device, version in versions.items() if device not in members}
    unread = {device: version for device, version in new.items() if (device, version) not in strangers}
    for device, entry in entries(session, tenant, subject, unread):
        strangers[device, entry.version] = entry
    others = ((device, strangers.get((device, version))) for device, version in new.items())
    joining = {device: theirs for device, theirs in others if theirs and theirs.bundle not in (None, subject.bundle)}
    query = select(Device.name, Device.state, Device.last_seen).where(
        Device.tenant == tenant, Device.status == "enrolled"
    )
    known = []
    for device, state, last_seen in session.execute(query):
        member = members.get(device)
        if member is None and device not in joining:
            continue
        now = changed.get(device)
        before, limit_ms = befores.get(device, ("", None))
        known.append(
            Known(
                device=device,
                labels=labels.get(device, {}),
                seen=state != "never" or last_seen is not None,
                online=state == "online",
                version=versions.get(device, 0),
                carries=_carries(subject, member, now, versions.get(device, 0), before),
                said=_said(subject, member, reports.get(device)),
                limit_ms=limit_ms,
            )
        )
    return known, joining


def _carries(subject: Subject, member: Member | None, entry: Entry | None, version: int, before: str) -> Carries:
    if member is None or member.version is None or member.target is None:
        return "previous"
    if not version:
        return "other"  # nothing is assigned any more
    if entry is None:
        return member.target
    return carries(entry.document, subject.task, subject.contestant, candidate=subject.bundle, before=before)


def _said(subject: Subject, member: Member | None, document: bytes | None) -> Said:
    if member is None or member.version is None or document is None:
        return Said()
    return read_said(document, subject.task, subject.running_as(member), subject.reference)


def _entry(row: AssignmentVersion, subject: Subject) -> Entry:
    assignment = SealedAssignment.parse(row.envelope).assignment()
    document = pinned(row.document, assignment)
    task = assignment.tasks.get(subject.task)
    limit_ms = None if task is None else task.trial.p95_ms or task.deadline_ms - task.guard_ms
    return Entry(row.version, bundle_of(document, subject.task, subject.contestant), limit_ms, document)


def _reports(session: Session, tenant: str) -> dict[str, bytes]:
    query = select(DeviceReport.device, DeviceReport.document).where(DeviceReport.tenant == tenant)
    return {row[0]: row[1] for row in session.execute(query)}
