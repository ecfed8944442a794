"""Adding labels: all of them or none, each said once however often it comes.

A label that says what its source says already is not added again, so that whoever is not sure that an import arrived
sends it once more. What differs is added behind it, and is the source's word from then on (`said.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Final, NamedTuple

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from roost_cloud.db import Database
from roost_cloud.db.among import among, batches
from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import Label, LabelClaim, Sample, TaskLabel
from roost_cloud.db.tables.records import LABEL_CHARS
from roost_cloud.labels.errors import BadLabelsError
from roost_cloud.labels.said import Kind
from roost_cloud.labels.space import Space, find_space
from roost_cloud.objects import ObjectStore
from roost_cloud.people import audit
from roost_cloud.samples.name import SAMPLE
from roost_shared.topics import is_name

__all__ = ["NewLabel", "Recorded", "Who", "record"]

_AHEAD: Final = timedelta(minutes=5)  # that a clock of people's may be

_Key = tuple[str, str]


class NewLabel(NamedTuple):
    """A label to add.

    Attributes:
        place: where it stands in what was sent, for people.
        device: that the sample came from.
        sample: its name there.
        label: what it shows; None: whoever looked cannot tell.
        at: when that was found; None: now.
        confidence: 0…1, of a teacher.
        informed: whether whoever says so had been shown what models say; what their claim says counts as well.
    """

    place: str
    device: str
    sample: str
    label: str | None
    at: datetime | None = None
    confidence: float | None = None
    informed: bool = False

    @property
    def key(self) -> _Key:
        """Of the sample, within its tenant."""
        return self.device, self.sample


class Who(NamedTuple):
    """Who says so.

    Attributes:
        kind: a person or a teacher.
        source: their name.
        actor: whose token brings it.
    """

    kind: Kind
    source: str
    actor: str


class Recorded(NamedTuple):
    """What became of labels."""

    added: int
    unchanged: int
    """That their source had said already."""
    joined: list[str]
    """That were new to their task."""


def record(
    database: Database,
    store: ObjectStore,
    tenant: str,
    labels: Sequence[NewLabel],
    who: Who,
    *,
    new: Iterable[str] = (),
    now: datetime,
) -> Recorded:
    """Add labels. Commits by itself: the store is asked which labels tasks have before.

    Args:
        database: to write to.
        store: where bundles say which labels there are.
        tenant: whose samples they are of.
        labels: what is said.
        who: says so.
        new: labels that may join a task's if it does not have them.
        now: server time.

    Raises:
        BadLabelsError: a sample is not there, or a label is none of its task; nothing was recorded.
        StoreUnavailableError, StoreFailedError: which labels tasks have cannot be told now.
    """
    with database.read() as session:
        tasks = _tasks(session, tenant, labels)
    spaces = {task: find_space(database, store, tenant, task) for task in sorted(set(tasks.values()))}
    joining = _check(labels, tasks, spaces, frozenset(new), now)
    with database.begin() as session:
        for task, label in sorted(joining):
            insert_absent(session, TaskLabel, tenant=tenant, task=task, label=label, added_at=now, added_by=who.actor)
        added = _add(session, tenant, labels, tasks, who, now)
        for task, count in sorted(added.items()):
            _note(session, tenant, task, who, count, sorted(label for of, label in joining if of == task), now)
    count = sum(added.values())
    return Recorded(count, len(labels) - count, sorted(label for _, label in joining))


def _tasks(session: Session, tenant: str, labels: Sequence[NewLabel]) -> dict[_Key, str]:
    """The tasks of the samples that are there."""
    found: dict[_Key, str] = {}
    for keys in batches({one.key: None for one in labels if is_name(one.device) and SAMPLE.fullmatch(one.sample)}):
        query = select(Sample.device, Sample.sample, Sample.task).where(among(Sample, tenant, keys))
        found |= {(device, sample): task for device, sample, task in session.execute(query)}
    return found


def _check(
    labels: Sequence[NewLabel],
    tasks: Mapping[_Key, str],
    spaces: Mapping[str, Space],
    new: frozenset[str],
    now: datetime,
) -> set[tuple[str, str]]:
    """Which labels join which task.

    Raises:
        BadLabelsError: what is wrong, all of it.
    """
    problems: list[str] = []
    joining: set[tuple[str, str]] = set()
    unknown = cache(lambda task, label: spaces[task].problem(label))  # to look for near ones takes its time
    for one in labels:
        task = tasks.get(one.key)
        problem = _problem(one, task, now)
        if problem is None and task is not None and one.label is not None:
            problem = unknown(task, one.label)
            if problem is not None and one.label in new:
                joining.add((task, one.label))
                continue
        if problem is not None:
            problems.append(f"{one.place}: {problem}")
    if problems:
        raise BadLabelsError(problems)
    return joining


def _problem(one: NewLabel, task: str | None, now: datetime) -> str | None:
    """What is wrong with a label, whichever labels its task has."""
    if task is None:
        return f"there is no sample {f'{one.device}/{one.sample}'[:200]!r}"
    if one.at is not None and one.at > now + _AHEAD:
        return f"{one.at.isoformat()} is still to come"
    if one.label is not None and not (0 < len(one.label) <= LABEL_CHARS and one.label.isprintable()):
        return f"a label is one line of at most {LABEL_CHARS} characters"
    return None


def _add(
    session: Session, tenant: str, labels: Sequence[NewLabel], tasks: Mapping[_Key, str], who: Who, now: datetime
) -> dict[str, int]:
    """How many were added, by task."""
    added: dict[str, int] = {}
    for some in batches(labels):
        keys = {one.key for one in some}
        known = _Known(session, tenant, who, keys)
        claims = _claims(session, tenant, who, keys)
        rows = []
        for one in some:
            at, claim = one.at or now, claims.get(one.key)
            if not known.adds(one, at):
                continue
            rows.append(
                {
                    "tenant": tenant,
                    "device": one.device,
                    "sample": one.sample,
                    "task": tasks[one.key],
                    "label": one.label,
                    "kind": who.kind,
                    "source": who.source,
                    "confidence": one.confidence,
                    "drawn": None if claim is None else claim.drawn,
                    "informed": one.informed or (claim is not None and claim.informed),
                    "labelled_at": at,
                    "recorded_at": now,
                    "recorded_by": who.actor,
                }
            )
            added[tasks[one.key]] = added.get(tasks[one.key], 0) + 1
        if rows:
            session.execute(insert(Label), rows)
    return added


class _Known:
    """What a source has said of some samples: by sample and moment, and its last word."""

    def __init__(self, session: Session, tenant: str, who: Who, keys: Iterable[_Key]) -> None:
        self._at: dict[tuple[_Key, datetime], tuple[str | None, float | None]] = {}
        self._last: dict[_Key, tuple[datetime, tuple[str | None, float | None]]] = {}
        query = select(Label.device, Label.sample, Label.labelled_at, Label.label, Label.confidence).where(
            Label.kind == who.kind, Label.source == who.source, among(Label, tenant, keys)
        )
        for device, sample, at, label, confidence in session.execute(query.order_by(Label.id)):
            self._note((device, sample), at, (label, confidence))

    def adds(self, one: NewLabel, at: datetime) -> bool:
        """Whether a label says something else than is known; from then on it is known."""
        said = one.label, one.confidence
        last = self._last.get(one.key)
        before = self._at.get((one.key, at)) if one.at is not None else (last and last[1])
        if before == said:
            return False
        self._note(one.key, at, said)
        return True

    def _note(self, key: _Key, at: datetime, said: tuple[str | None, float | None]) -> None:
        self._at[key, at] = said
        last = self._last.get(key)
        if last is None or at >= last[0]:
            self._last[key] = at, said


class _Claim(NamedTuple):
    """Why a sample was handed out, and whether what models say of it was shown since."""

    drawn: str
    informed: bool


def _claims(session: Session, tenant: str, who: Who, keys: Iterable[_Key]) -> dict[_Key, _Claim]:
    """Why the queue handed samples to whoever labels them now; their claims end with that."""
    mine = (
        LabelClaim.source == who.source,
        among(LabelClaim, tenant, keys),
    )
    if who.kind != "person":
        return {}
    query = select(LabelClaim.device, LabelClaim.sample, LabelClaim.drawn, LabelClaim.informed).where(*mine)
    found = {(device, sample): _Claim(drawn, informed) for device, sample, drawn, informed in session.execute(query)}
    if found:
        session.execute(delete(LabelClaim).where(*mine))
    return found


def _note(session: Session, tenant: str, task: str, who: Who, count: int, joined: list[str], now: datetime) -> None:
    audit.record(
        session,
        tenant=tenant,
        actor=who.actor,
        action="label.add",
        subject=task,
        now=now,
        count=count,
        kind=who.kind,
        source=who.source,
        joined=joined,
    )
