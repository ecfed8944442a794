"""The samples that somebody could be asked about: the newest whose input is here, and what of a task is labelled."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, exists, select
from sqlalchemy.orm import Session

from roost_cloud.db.among import among, batches
from roost_cloud.db.tables import Label, LabelClaim, Sample, SampleInput
from roost_cloud.labels import settings
from roost_cloud.labels.chance import chance
from roost_cloud.labels.deciding import said_of
from roost_cloud.labels.effective import NO_TEACHERS, effective
from roost_cloud.labels.queue import Seen, Waiting
from roost_cloud.labels.said import Drawn, Said
from roost_cloud.labels.teachers import SampleKey

__all__ = ["Asked", "Pool", "read_pool"]

_FRESH: Final = 5000  # that nobody has seen, the newest
_LOOKS: Final = 5  # at a sample that people leave open


class Asked(NamedTuple):
    """Which samples somebody wants to label.

    Attributes:
        task: of which.
        source: who.
        devices: only of these; None: of all.
        since: received then or later; None: whenever.
        second_opinions: what one other labelled, and nothing else.
        among: only of these, all alike, whatever else is known of them; None: of all.
    """

    task: str
    source: str
    devices: Sequence[str] | None = None
    since: datetime | None = None
    second_opinions: bool = False
    among: Sequence[SampleKey] | None = None


class Pool(NamedTuple):
    """What there is to choose from."""

    waiting: list[Waiting]
    labelled: list[Seen]


def read_pool(session: Session, tenant: str, asked: Asked, now: datetime) -> Pool:
    """What somebody could be asked about now: nothing that they have seen, nor what anybody is looking at."""
    conditions = _conditions(asked)
    waiting: list[Waiting] = []
    seen: list[Row[*tuple[Any, ...]]] = []
    for of_them in _samples_of(tenant, asked):
        if not asked.second_opinions:
            fresh = _samples(of_them, *conditions, ~_seen_by_people(), ~_claimed(now))
            newest = fresh.order_by(Sample.received_at.desc()).limit(_FRESH)
            waiting += [_waiting(row, None) for row in session.execute(newest)]
        seen += session.execute(_samples(of_them, *conditions, _seen_by_people(), with_claim=now))
    again = _shall_see_again(session, tenant, asked, conditions) if seen else {}
    for row in seen:
        drawn = again.get(SampleKey(row[0], row[1]))
        if drawn is not None and not row[-1]:
            waiting.append(_waiting(row, drawn))
    return Pool(waiting, [_seen(row) for row in seen])


def _shall_see_again(
    session: Session, tenant: str, asked: Asked, conditions: Sequence[ColumnElement[bool]]
) -> dict[SampleKey, Drawn | None]:
    share = 1.0 if asked.second_opinions else settings.get(session, tenant, asked.task).second_opinions
    said = said_of(session, tenant, asked.task, *conditions, teachers=NO_TEACHERS)
    return {key: _again(key, all_of, asked.source, share) for key, all_of in said.items()}


def _again(key: SampleKey, said: Sequence[Said], source: str, share: float) -> Drawn | None:
    """Why somebody shall look at what others have seen; None if they shall not."""
    people = {one.source for one in said if one.kind == "person"}
    if source in people or not people:
        return None
    found = effective(said)
    if found.state != "labelled":
        return "tied" if len(people) < _LOOKS else None
    return "second" if len(people) == 1 and chance("second", *key) < share else None


def _conditions(asked: Asked) -> list[ColumnElement[bool]]:
    found = [Sample.task == asked.task]
    if asked.devices is not None:
        found.append(Sample.device.in_(asked.devices))
    if asked.since is not None:
        found.append(Sample.received_at >= asked.since)
    return found


def _samples_of(tenant: str, asked: Asked) -> Iterator[ColumnElement[bool]]:
    """The condition that samples are the tenant's, or are some of those asked for: in turn, a query to each."""
    if asked.among is None:
        yield Sample.tenant == tenant
        return
    for some in batches(asked.among):
        yield among(Sample, tenant, some)


def _samples(*conditions: ColumnElement[bool], with_claim: datetime | None = None) -> Select[*tuple[Any, ...]]:
    """Samples with their inputs; the last column says whether somebody is looking at one, if that is asked for."""
    claim = () if with_claim is None else (_claimed(with_claim),)
    query = select(
        Sample.device,
        Sample.sample,
        Sample.label,
        Sample.confidence,
        Sample.disagreement,
        Sample.received_at,
        SampleInput.probability,
        *claim,
    )
    return query.join(
        SampleInput,
        (SampleInput.tenant == Sample.tenant)
        & (SampleInput.device == Sample.device)
        & (SampleInput.sample == Sample.sample),
    ).where(*conditions)


def _seen_by_people() -> ColumnElement[bool]:
    return exists().where(
        Label.tenant == Sample.tenant,
        Label.device == Sample.device,
        Label.sample == Sample.sample,
        Label.kind == "person",
    )


def _claimed(now: datetime) -> ColumnElement[bool]:
    return exists().where(
        LabelClaim.tenant == Sample.tenant,
        LabelClaim.device == Sample.device,
        LabelClaim.sample == Sample.sample,
        LabelClaim.until > now,
    )


def _waiting(row: Row[*tuple[Any, ...]], again: Drawn | None) -> Waiting:
    device, sample, _, confidence, disagreement, _, probability, *_ = row
    return Waiting(device, sample, _seen(row), 1 / probability, confidence, disagreement, again)


def _seen(row: Row[*tuple[Any, ...]]) -> Seen:
    return Seen(row[0], row[2], row[5])
