"""Samples of a task with the labels that follow from what was said of them, in one view of the database."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import Label, Sample, SampleInput
from roost_cloud.labels import settings
from roost_cloud.labels.agreement import Agreement, agreement
from roost_cloud.labels.effective import Effective, Teachers, effective
from roost_cloud.labels.said import Said, current
from roost_cloud.labels.teachers import SampleKey, taught

__all__ = ["Summary", "agree", "count_new", "decide", "of_one", "said_of", "summarise"]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """How a task's labels stand.

    Attributes:
        states: samples of which somebody said something, by what follows.
        labels: labelled samples by label.
        kinds: labelled samples by who labelled them.
        sources: labels by people and imported teachers, repeated and replaced ones too.
    """

    states: Mapping[str, int]
    labels: Mapping[str, int]
    kinds: Mapping[str, int]
    sources: Mapping[str, int]


def of_one(device: str, sample: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The conditions that one sample meets."""
    return Sample.device == device, Sample.sample == sample


def said_of(
    session: Session, tenant: str, task: str, *conditions: ColumnElement[bool], teachers: Teachers
) -> dict[SampleKey, list[Said]]:
    """All that was said of a task's samples, by sample, in order of recording; by teachers of the newest only.

    Args:
        session: to read with.
        tenant: whose.
        task: of which.
        conditions: on `Sample`, that they meet.
        teachers: whom to ask besides those whose labels were imported.
    """
    found: defaultdict[SampleKey, list[Said]] = defaultdict(list)
    of_task = (Sample.tenant == tenant, Sample.task == task, *conditions)
    query = select(*_SAID).join(
        Sample, (Sample.tenant == Label.tenant) & (Sample.device == Label.device) & (Sample.sample == Label.sample)
    )
    for device, sample, *told in session.execute(query.where(Label.task == task, *of_task).order_by(Label.id)):
        found[SampleKey(device, sample)].append(_said(told))
    newest = select(Sample.device, Sample.sample).where(*of_task).order_by(Sample.received_at.desc()).limit(_TAUGHT)
    for key, scores in taught(session, newest, tenant, teachers.names).items():
        found[key] += scores
    return found


_TAUGHT: Final = 50_000  # samples, the newest, of which teachers are asked
# Columns and no rows: of many labels, to make objects of rows takes longer than all else.
_SAID: Final = (
    Label.device,
    Label.sample,
    Label.label,
    Label.kind,
    Label.source,
    Label.labelled_at,
    Label.confidence,
    Label.drawn,
    Label.informed,
)


def _said(told: Sequence[Any]) -> Said:
    label, kind, source, at, confidence, drawn, informed = told
    return Said(label, kind, source, at, confidence, drawn, informed=informed)


def decide(
    session: Session, tenant: str, task: str, *conditions: ColumnElement[bool], teachers: Teachers
) -> dict[SampleKey, tuple[Effective, Sequence[Said]]]:
    """What follows of each sample of which something was said, and what was said; see `said_of`."""
    said = said_of(session, tenant, task, *conditions, teachers=teachers)
    return {key: (effective(all_of, teachers), all_of) for key, all_of in said.items()}


def count_new(session: Session, tenant: str, task: str, since: datetime) -> int:
    """How many samples, whose inputs are here, people have labelled since; those that are tied too."""
    query = (
        select(Label.device, Label.sample)
        .join(
            SampleInput,
            (SampleInput.tenant == Label.tenant)
            & (SampleInput.device == Label.device)
            & (SampleInput.sample == Label.sample),
        )
        .where(
            Label.tenant == tenant,
            Label.task == task,
            Label.kind == "person",
            Label.label.is_not(None),
            Label.recorded_at >= since,
        )
        .distinct()
    )
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def summarise(session: Session, tenant: str, task: str) -> Summary:
    """How a task's labels stand."""
    teachers = settings.get(session, tenant, task).believed
    decided = [one for one, _ in decide(session, tenant, task, teachers=teachers).values()]
    sources = (
        select(Label.source, func.count())
        .where(Label.tenant == tenant, Label.task == task)
        .group_by(Label.source)
        .order_by(Label.source)
    )
    return Summary(
        states=Counter(one.state for one in decided),
        labels=Counter(one.label for one in decided if one.label is not None),
        kinds=Counter(one.kind for one in decided if one.kind is not None),
        sources={row[0]: row[1] for row in session.execute(sources)},
    )


def agree(session: Session, tenant: str, task: str) -> Agreement:
    """How far the people who labelled a task's samples agree, each by their last word."""
    said = said_of(session, tenant, task, teachers=Teachers())
    people: dict[tuple[str, str], dict[str, str]] = {
        key: {one.source: one.label for one in current(all_of) if one.kind == "person" and one.label is not None}
        for key, all_of in said.items()
    }
    return agreement(people)
