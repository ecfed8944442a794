"""Which bars a candidate has to keep: the confidences that a task's rules ask of contestants that run its incumbent.

Where they stand, in this order: what devices are assigned, and the task of the cloud, which both say which contestant
runs which bundle; where neither names the incumbent, the newest policy that any device told of, all of whose local
contestants that answer are taken.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from roost_cloud.assignments.document import AssignmentDocument, read_document
from roost_cloud.assignments.errors import BadAssignmentError
from roost_cloud.db.tables import AssignedBundle, AssignmentVersion, CloudTask, DeviceAssignment, TaskPolicy
from roost_cloud.gate.job import Bar
from roost_cloud.registry.reference import parse_reference
from roost_cloud.tasks.document import BadTaskError, read_task
from roost_shared.rendezvous import PolicyDocument, Rule
from roost_shared.rendezvous.document import PolicyDocumentError

__all__ = ["bars_in", "bars_of"]

_DEVICES: Final = 100  # of those that are assigned it, the last that were; a fleet has few different rules
_BARS: Final = 64


def bars_of(session: Session, tenant: str, task: str, bundle: str) -> tuple[Bar, ...]:
    """The bars of a task.

    Args:
        session: to read with.
        tenant: whose.
        task: its name.
        bundle: the incumbent's name.
    """
    found = {*_assigned(session, tenant, task, bundle), *_of_cloud(session, tenant, task, bundle)}
    return tuple(sorted(found or set(_told(session, tenant, task))))[:_BARS]


def bars_in(rules: Iterable[Rule], contestants: Collection[str]) -> Iterator[Bar]:
    """The bars that rules set for contestants.

    >>> list(bars_in([Rule(accept="a", min_confidence=0.8), Rule(accept="a", after_ms=250), Rule(accept="b")], ["a"]))
    [Bar(contestant='a', min_confidence=0.8)]
    """
    for rule in rules:
        if rule.accept in contestants and rule.min_confidence is not None:
            yield Bar(rule.accept, rule.min_confidence)


def _assigned(session: Session, tenant: str, task: str, bundle: str) -> Iterator[Bar]:
    for document in _documents(session, tenant, bundle):
        written = document.tasks.get(task)
        if written is not None:
            running = {
                one.name for one in written.contestants if one.reference is not None and one.reference.name == bundle
            }
            yield from bars_in(written.rules, running)


def _documents(session: Session, tenant: str, bundle: str) -> Iterator[AssignmentDocument]:
    """What devices are assigned now that name the bundle, in whatever version."""
    newest = and_(
        DeviceAssignment.tenant == AssignmentVersion.tenant,
        DeviceAssignment.device == AssignmentVersion.device,
        DeviceAssignment.version == AssignmentVersion.version,
    )
    names_it = and_(
        AssignedBundle.tenant == AssignmentVersion.tenant,
        AssignedBundle.device == AssignmentVersion.device,
        AssignedBundle.name == bundle,
    )
    query = select(AssignmentVersion.document).join(DeviceAssignment, newest).join(AssignedBundle, names_it)
    query = query.where(AssignmentVersion.tenant == tenant).order_by(AssignmentVersion.issued_at.desc())
    raws: Sequence[dict[str, object]] = session.scalars(query.limit(_DEVICES)).all()
    for raw in raws:
        try:
            yield read_document(raw)
        except BadAssignmentError:  # a newer Roost wrote it
            continue


def _of_cloud(session: Session, tenant: str, task: str, bundle: str) -> Iterator[Bar]:
    row = session.get(CloudTask, (tenant, task))
    if row is None:
        return
    try:
        document = read_task(task, row.document)
    except BadTaskError:  # a newer Roost wrote it
        return
    running = {one.name for one in document.contestants if parse_reference(one.bundle).name == bundle}
    yield from bars_in(document.rules, running)


def _told(session: Session, tenant: str, task: str) -> Iterator[Bar]:
    query = select(TaskPolicy.document).where(TaskPolicy.tenant == tenant, TaskPolicy.task == task)
    document = session.scalar(query.order_by(TaskPolicy.received_at.desc(), TaskPolicy.digest).limit(1))
    try:
        policy = None if document is None else PolicyDocument.decode(document)
    except PolicyDocumentError:  # of a device that speaks otherwise
        policy = None
    if policy is not None:
        local = {one.name for one in policy.contestants if one.where == "local" and one.role == "answer"}
        yield from bars_in(policy.rules, local)
