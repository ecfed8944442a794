"""Who was right where candidate and incumbent disagreed, by what people and teachers said of those inputs."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, select, tuple_
from sqlalchemy.orm import Session

from roost_cloud.db.tables import LateScore, Sample, SampleScore
from roost_cloud.labels import settings
from roost_cloud.labels.deciding import decide
from roost_cloud.labels.teachers import SampleKey
from roost_cloud.rollouts.knowing import Subject
from roost_cloud.rollouts.states import Member, Rollout
from roost_cloud.rollouts.targets import shadow_name

__all__ = ["Ruled", "disputed", "rule"]

_AT_ONCE = 400


class Ruled(NamedTuple):
    """How disagreements on a device were decided, by people and by teachers."""

    wins: int = 0
    losses: int = 0
    teacher_wins: int = 0
    teacher_losses: int = 0


def disputed(subject: Subject, rollout: Rollout, devices: Collection[str]) -> list[ColumnElement[bool]]:
    """The conditions on `Sample` of inputs that candidate and incumbent may have disagreed on in this stage."""
    conditions: list[ColumnElement[bool]] = [
        and_(Sample.disagreement),
        Sample.task == subject.task,
        Sample.device.in_(sorted(devices)),
    ]
    if rollout.stage_at is not None:
        conditions.append(Sample.received_at >= rollout.stage_at)
    return conditions


def rule(
    session: Session, tenant: str, subject: Subject, rollout: Rollout, members: Mapping[str, Member]
) -> dict[str, Ruled]:
    """What was decided, by device; of devices on which the candidate is no shadow, nothing.

    Args:
        session: to read with.
        tenant: whose.
        subject: of the rollout.
        rollout: as it stands.
        members: devices of the stage, by name.
    """
    shadowing = {name for name, member in members.items() if member.target == "shadow"}
    if not shadowing:
        return {}
    teachers = settings.get(session, tenant, subject.task).believed
    conditions = disputed(subject, rollout, shadowing)
    decided = decide(session, tenant, subject.task, *conditions, teachers=teachers)
    labelled = {key: one for key, (one, _) in decided.items() if one.label is not None}
    said = _said(session, tenant, subject, labelled)
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for key, one in labelled.items():
        ours, theirs = said.get(key, (None, None))
        if ours is None or theirs is None or ours == theirs or one.label not in (ours, theirs):
            continue
        who = "teacher_" if one.kind == "teacher" else ""
        counts[key.device][f"{who}{'wins' if ours == one.label else 'losses'}"] += 1
    return {device: Ruled(**count) for device, count in counts.items()}


def _said(
    session: Session, tenant: str, subject: Subject, keys: Collection[SampleKey]
) -> dict[SampleKey, tuple[str | None, str | None]]:
    """What candidate and incumbent said of samples, in time or late."""
    candidate = shadow_name(subject.contestant)
    labels: dict[SampleKey, dict[str, str]] = {}
    ordered = sorted(keys)
    for table in (SampleScore, LateScore):
        for first in range(0, len(ordered), _AT_ONCE):
            query = select(table.device, table.sample, table.contestant, table.label, table.bundle).where(
                table.tenant == tenant,
                tuple_(table.device, table.sample).in_([tuple(key) for key in ordered[first : first + _AT_ONCE]]),
                table.contestant.in_([candidate, subject.contestant]),
                table.label.is_not(None),
            )
            for device, sample, contestant, label, bundle in session.execute(query):
                if label is not None and (contestant == subject.contestant or bundle == subject.reference):
                    labels.setdefault(SampleKey(device, sample), {})[contestant] = label
    return {key: (said.get(candidate), said.get(subject.contestant)) for key, said in labels.items()}
