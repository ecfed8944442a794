"""The pool that a snapshot is chosen from: a task's samples whose inputs are here, in one view of the database."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, and_, false, not_, select
from sqlalchemy.orm import Session

from roost_cloud.datasets.pooled import Drawn, Pooled
from roost_cloud.datasets.snapshot import World
from roost_cloud.db.among import among, batches
from roost_cloud.db.tables import Sample, SampleInput
from roost_cloud.labels.deciding import decide
from roost_cloud.labels.effective import NO_TEACHERS, Effective, Teachers
from roost_cloud.labels.said import Said
from roost_cloud.labels.teachers import SampleKey

__all__ = ["Worlds", "read_pool"]

_SPARE: Final = 5  # times as many unlabelled ones are read as are taken, so that they are not all of one hour


class Worlds(NamedTuple):
    """Where the changed world begins; what is labelled otherwise is of the old one.

    Attributes:
        since: received then or later; None: whenever.
        devices: of these; None: of all.
    """

    since: datetime | None = None
    devices: Sequence[str] | None = None

    @property
    def new(self) -> ColumnElement[bool]:
        """What is of the changed world."""
        return and_(True, *self._conditions)

    @property
    def old(self) -> ColumnElement[bool]:
        """What is not; nothing where all is."""
        return not_(and_(*self._conditions)) if self._conditions else false()

    @property
    def _conditions(self) -> list[ColumnElement[bool]]:
        found = [] if self.since is None else [Sample.received_at >= self.since]
        return found if self.devices is None else [*found, Sample.device.in_(self.devices)]


def read_pool(
    session: Session, tenant: str, task: str, worlds: Worlds, *, teachers: Teachers, unlabelled_max: int
) -> list[Pooled]:
    """What is labelled, of both worlds, and the newest unlabelled of the changed one.

    Teachers are believed of the changed world alone: of the old one the incumbent was made.
    """
    new = decide(session, tenant, task, worlds.new, teachers=teachers)
    old = decide(session, tenant, task, worlds.old, teachers=NO_TEACHERS)
    pool = [*_labelled(session, tenant, new, "new"), *_labelled(session, tenant, old, "old")]
    return pool + _unlabelled(session, tenant, task, worlds, new, unlabelled_max)


_Decided = Mapping[SampleKey, tuple[Effective, Sequence[Said]]]


def _labelled(session: Session, tenant: str, decided: _Decided, world: World) -> Iterator[Pooled]:
    keys = [key for key, (found, _) in decided.items() if found.state == "labelled"]
    for place, at in _places(session, tenant, keys):
        found, said = decided[SampleKey(place.device, place.sample)]
        one = _pooled(place, at, world)
        yield one._replace(label=found.label, source=found.kind or "", drawn=_drawn(said))


def _drawn(said: Iterable[Said]) -> Drawn:
    """How a sample came to be labelled: what made the first person look at it.

    Where anybody had been shown what models say, it judges none of them: as if it had been chosen.
    """
    said = list(said)
    if any(one.informed for one in said if one.kind == "person"):
        return "chosen"
    drawn = [one.drawn for one in said if one.kind == "person" and one.drawn not in ("second", "tied")]
    if not drawn or drawn[0] is None:
        return ""
    return "random" if drawn[0] == "random" else "chosen"


def _unlabelled(
    session: Session, tenant: str, task: str, worlds: Worlds, decided: _Decided, unlabelled_max: int
) -> list[Pooled]:
    query = (
        select(SampleInput, Sample.received_at)
        .join(Sample, _of_one_sample())
        .where(Sample.tenant == tenant, Sample.task == task, worlds.new)
        .order_by(Sample.received_at.desc(), Sample.device, Sample.sample)
        .limit(_SPARE * unlabelled_max + len(decided))
    )
    rows = session.execute(query) if unlabelled_max else ()
    return [_pooled(place, at, "new") for place, at in rows if SampleKey(place.device, place.sample) not in decided]


def _places(session: Session, tenant: str, keys: Iterable[SampleKey]) -> Iterator[tuple[SampleInput, datetime]]:
    for some in batches(keys):
        query = (
            select(SampleInput, Sample.received_at)
            .join(Sample, _of_one_sample())
            .where(among(SampleInput, tenant, some))
        )
        yield from [(place, at) for place, at in session.execute(query)]


def _of_one_sample() -> ColumnElement[bool]:
    return and_(
        SampleInput.tenant == Sample.tenant, SampleInput.device == Sample.device, SampleInput.sample == Sample.sample
    )


def _pooled(place: SampleInput, at: datetime, world: World) -> Pooled:
    return Pooled(
        sample=f"{place.device}/{place.sample}",
        sha256=place.sha256,
        media_type=place.media_type,
        size_bytes=place.size_bytes,
        world=world,
        weight=1 / place.probability,
        device=place.device,
        at=at,
    )
