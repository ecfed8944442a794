"""Who was right where candidate and incumbent disagreed, by what people and teachers said of those inputs."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, and_, exists, select
from sqlalchemy.orm import Session

from roost_cloud.db.among import among, batches
from roost_cloud.db.tables import Label, LateScore, Sample, SampleScore
from roost_cloud.labels import settings
from roost_cloud.labels.deciding import decide
from roost_cloud.labels.said import Said
from roost_cloud.labels.teachers import SampleKey
from roost_cloud.rollouts.knowing import Subject
from roost_cloud.rollouts.states import Finding, Member, Rollout
from roost_cloud.rollouts.targets import shadow_name

__all__ = ["Found", "Ruled", "disputed_samples", "rule"]

_AT_ONCE: Final = 400
_NEWEST: Final = 2000  # inputs that people are asked about


class Ruled(NamedTuple):
    """How disagreements on a device were decided, by people and by teachers."""

    wins: int = 0
    losses: int = 0
    teacher_wins: int = 0
    teacher_losses: int = 0


class Found(NamedTuple):
    """What the gate makes of the candidate on the devices of a stage, and by how many labels.

    Attributes:
        finding: it.
        ruled: how disagreements were decided there, on all devices together.
    """

    finding: Finding
    ruled: Ruled


def _disputed(subject: Subject, rollout: Rollout, devices: Collection[str]) -> list[ColumnElement[bool]]:
    """Conditions that a `Sample` meets of an input on which candidate and incumbent may have disagreed here."""
    conditions: list[ColumnElement[bool]] = [and_(Sample.disagreement), Sample.task == subject.task]
    if len(devices) <= _AT_ONCE:  # more names than that are no quicker to look through
        conditions.append(Sample.device.in_(sorted(devices)))
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
    conditions = _disputed(subject, rollout, shadowing)
    decided = decide(session, tenant, subject.task, *conditions, teachers=teachers)
    labelled = {key: one for key, (one, words) in decided.items() if one.label is not None and not _is_informed(words)}
    said = _said(session, tenant, subject, labelled)
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for key, one in labelled.items():
        ours, theirs = said.get(key, (None, None))
        if key.device not in shadowing or not _differ(ours, theirs) or one.label not in (ours, theirs):
            continue
        who = "teacher_" if one.kind == "teacher" else ""
        counts[key.device][f"{who}{'wins' if ours == one.label else 'losses'}"] += 1
    return {device: Ruled(**count) for device, count in counts.items()}


def disputed_samples(
    session: Session, tenant: str, subject: Subject, rollout: Rollout, members: Mapping[str, Member]
) -> list[SampleKey]:
    """Inputs on which candidate and incumbent disagree in this stage, and which no person has labelled; the newest.

    Args:
        session: to read with.
        tenant: whose.
        subject: of the rollout.
        rollout: as it stands.
        members: its devices, by name.
    """
    shadowing = {name for name, member in members.items() if member.target == "shadow" and member.state != "left"}
    if not shadowing:
        return []
    labelled = exists().where(
        Label.tenant == Sample.tenant,
        Label.device == Sample.device,
        Label.sample == Sample.sample,
        Label.kind == "person",
    )
    query = select(Sample.device, Sample.sample).where(
        Sample.tenant == tenant, *_disputed(subject, rollout, shadowing), ~labelled
    )
    rows = session.execute(query.order_by(Sample.received_at.desc()).limit(_NEWEST))
    keys = [SampleKey(device, sample) for device, sample in rows if device in shadowing]
    return [key for key, said in _said(session, tenant, subject, keys).items() if _differ(*said)]


def _is_informed(words: Iterable[Said]) -> bool:
    """Whether a person who labelled it had been shown what models say: the test is of blind labels alone."""
    return any(one.informed for one in words if one.kind == "person")


def _differ(ours: str | None, theirs: str | None) -> bool:
    return ours is not None and theirs is not None and ours != theirs


def _said(
    session: Session, tenant: str, subject: Subject, keys: Collection[SampleKey]
) -> dict[SampleKey, tuple[str | None, str | None]]:
    """What candidate and incumbent said of samples, in time or late."""
    candidate = shadow_name(subject.contestant)
    labels: dict[SampleKey, dict[str, str]] = {}
    for table in (SampleScore, LateScore):
        for batch in batches(sorted(keys)):
            query = select(table.device, table.sample, table.contestant, table.label, table.bundle).where(
                among(table, tenant, batch),
                table.contestant.in_([candidate, subject.contestant]),
                table.label.is_not(None),
            )
            for device, sample, contestant, label, bundle in session.execute(query):
                if label is not None and (contestant == subject.contestant or bundle == subject.reference):
                    labels.setdefault(SampleKey(device, sample), {})[contestant] = label
    return {key: (said.get(candidate), said.get(subject.contestant)) for key, said in labels.items()}
