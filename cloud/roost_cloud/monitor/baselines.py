"""What a device is judged against: the first decisions of a world, until they are enough.

A world is what decisions are compared within: of φ its kind and source, of labels the bundle and its label space, of
confidence the bundle. A new bundle begins a baseline where the world changes with it; one that comes back finds the
baseline it had. A person may begin one anew: then what comes next is the new normal, and alarms about the old are
resolved.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, NamedTuple

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import DecisionWindow, DriftBaseline, DriftStream, DriftVerdict
from roost_cloud.drift.budget import SHARES, Kind
from roost_cloud.drift.decisions import Decision, Sketches
from roost_cloud.monitor.settings import TaskRules
from roost_cloud.people import audit
from roost_shared.sketches import ConfidenceHistogram, LabelCounts, Moments

__all__ = [
    "DECISION",
    "MONITOR",
    "STREAM",
    "Part",
    "all_decisions",
    "decision_of",
    "own_decisions",
    "part_of",
    "rebaseline",
]

STREAM: Final = ("tenant", "device", "task")  # columns that name a task on a device
DECISION: Final = (*STREAM, "contestant", "number")
MONITOR: Final = "monitor"  # who begins a baseline that nobody asked for


class Part(NamedTuple):
    """What of a decision is judged.

    Attributes:
        kind: of drift.
        identity: of the world it is compared within.
        decision: with what its kind is about.
    """

    kind: Kind
    identity: str
    decision: Decision


def decision_of(row: DecisionWindow) -> Decision:
    """A row, read back."""
    return Decision(
        windows=(),
        began_s=row.began_at.timestamp(),
        ended_s=row.ended_at.timestamp(),
        seconds=row.seconds,
        count=row.count,
        sketches=Sketches(
            None if row.phi is None else Moments.from_bytes(row.phi),
            None if row.labels is None else LabelCounts.from_bytes(row.labels),
            None if row.confidence is None else ConfidenceHistogram.from_bytes(row.confidence),
        ),
        bundle=row.bundle,
    )


def part_of(kind: Kind, contestant: str, decision: Decision) -> Part | None:
    """What a decision says of a kind; None if it says nothing of it."""
    phi, labels, confidence = decision.sketches.phi, decision.sketches.labels, decision.sketches.confidence
    bundle = decision.bundle or ""
    match kind:
        case "input" if phi is not None:
            world = f"{phi.kind}/{phi.source}/{phi.size}"
        case "label_mix" if labels is not None and labels.total:
            world = f"{labels.space}/{bundle}"
        case "model" if confidence is not None and confidence.total:
            world = f"{contestant}/{bundle}"
        case "event_rate":
            world = ""
        case _:
            return None
    return Part(kind, sha256(f"{kind}/{world}".encode()).hexdigest()[:32], decision)


class Baselines:
    """Those of a task on a device, whose row is locked: nobody else begins one, though somebody may begin one anew.

    Args:
        session: that may write.
        stream: tenant, device and task.
    """

    def __init__(self, session: Session, stream: tuple[str, str, str]) -> None:
        self._session = session
        columns = (DriftBaseline.tenant, DriftBaseline.device, DriftBaseline.task)
        query = select(DriftBaseline).where(*(column == name for column, name in zip(columns, stream, strict=True)))
        found = session.scalars(query.with_for_update().execution_options(populate_existing=True))
        self._rows = {(row.contestant, row.kind, row.identity): row for row in found}

    def grow(self, row: DecisionWindow, part: Part, rules: TaskRules, now: datetime) -> DriftBaseline | None:
        """Add a decision to its world's baseline, begun if there is none.

        Returns:
            The baseline it is to be judged against; None if it has become a part of it.
        """
        baseline = self._rows.get((row.contestant, part.kind, part.identity)) or self._begin(row, part)
        if baseline.commissioned_at is not None or row.number < baseline.first_number:
            return baseline
        if not baseline.windows:  # begun anew, before this decision was there
            baseline.began_at = row.began_at
        baseline.windows += 1
        baseline.seconds += row.seconds
        baseline.last_number = row.number
        spans = row.ended_at - baseline.began_at
        if baseline.windows >= rules.commissioning_windows and spans >= timedelta(days=rules.commissioning_days):
            baseline.commissioned_at = now
        return None

    def _begin(self, row: DecisionWindow, part: Part) -> DriftBaseline:
        baseline = DriftBaseline(
            **{name: getattr(row, name) for name in (*STREAM, "contestant")},
            kind=part.kind,
            identity=part.identity,
            first_number=row.number,
            last_number=row.number,
            windows=0,
            seconds=0.0,
            began_at=row.began_at,
            began_by=MONITOR,
            note=None,
            commissioned_at=None,
            problem=None,
            unsteady=None,
        )
        self._session.add(baseline)
        self._rows[row.contestant, part.kind, part.identity] = baseline
        return baseline


def own_decisions(session: Session, baseline: DriftBaseline) -> list[Decision]:
    """The decisions of a baseline, in order."""
    query = _in_baselines(baseline.tenant, baseline.task, baseline.kind, baseline.identity)
    query = query.where(DriftBaseline.device == baseline.device, DriftBaseline.contestant == baseline.contestant)
    return [decision_of(row) for row in session.scalars(query)]


def all_decisions(
    session: Session, tenant: str, task: str, kind: Kind, identity: str
) -> dict[tuple[str, str], list[Decision]]:
    """The decisions of every whole baseline of a world, by device and contestant."""
    found: defaultdict[tuple[str, str], list[Decision]] = defaultdict(list)
    query = _in_baselines(tenant, task, kind, identity).where(DriftBaseline.commissioned_at.is_not(None))
    for row in session.scalars(query):
        found[row.device, row.contestant].append(decision_of(row))
    return dict(found)


def rebaseline(
    session: Session,
    tenant: str,
    devices: Collection[str],
    task: str,
    *,
    actor: str,
    note: str | None,
    now: datetime,
    kinds: Collection[Kind] = frozenset(SHARES),
) -> list[str]:
    """Begin the baselines of a task on these devices anew, by these kinds, with what comes from now on.

    Returns:
        The devices that had any.
    """
    of_streams = (DriftStream.tenant == tenant, DriftStream.task == task, DriftStream.device.in_(devices))
    session.execute(select(DriftStream.device).where(*of_streams).order_by(DriftStream.device).with_for_update()).all()
    query = select(DriftBaseline).where(
        DriftBaseline.tenant == tenant,
        DriftBaseline.task == task,
        DriftBaseline.device.in_(devices),
        DriftBaseline.kind.in_(kinds),
    )
    rows = session.scalars(query.with_for_update()).all()
    of_task = (DecisionWindow.tenant == tenant, DecisionWindow.task == task, DecisionWindow.device.in_(devices))
    columns = (DecisionWindow.device, DecisionWindow.contestant)
    last = {
        (device, contestant): number
        for device, contestant, number in session.execute(
            select(*columns, func.max(DecisionWindow.number)).where(*of_task).group_by(*columns)
        )
    }
    for row in rows:
        row.first_number = row.last_number = last.get((row.device, row.contestant), 0) + 1
        row.windows, row.seconds, row.commissioned_at = 0, 0.0, None
        row.problem = row.unsteady = None
        row.began_at, row.began_by, row.note = now, actor, note
    begun = sorted({row.device for row in rows})
    for device in begun:
        subject = f"{device}/{task}"
        audit.record(
            session, tenant=tenant, actor=actor, action="drift.rebaseline", subject=subject, now=now, note=note
        )
    return begun


def _in_baselines(tenant: str, task: str, kind: str, identity: str) -> Select[DecisionWindow]:
    """Decisions that are of baselines of a world, by device and in order."""
    of_decision = (getattr(DriftVerdict, name) == getattr(DecisionWindow, name) for name in DECISION)
    of_verdict = (
        getattr(DriftBaseline, name) == getattr(DriftVerdict, name)
        for name in (*STREAM, "contestant", "kind", "identity")
    )
    query = select(DecisionWindow).join(DriftVerdict, and_(*of_decision)).join(DriftBaseline, and_(*of_verdict))
    return query.where(
        DriftBaseline.tenant == tenant,
        DriftBaseline.task == task,
        DriftBaseline.kind == kind,
        DriftBaseline.identity == identity,
        DriftVerdict.commissioning,
        DriftVerdict.number.between(DriftBaseline.first_number, DriftBaseline.last_number),
    ).order_by(DecisionWindow.device, DecisionWindow.contestant, DecisionWindow.number)
