"""What models say of a sample, and what its device saw just before and after: for whoever asks while labelling."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import Sample, SampleInput, SampleScore
from roost_cloud.errors import NotFoundError
from roost_cloud.labels.deciding import decide, of_one
from roost_cloud.labels.effective import NO_TEACHERS

__all__ = ["Guess", "Neighbour", "guess_of"]

_EACH_SIDE: Final = 2


class Neighbour(NamedTuple):
    """A sample of the same device and task, next in time.

    Attributes:
        sample: its name.
        received_at: by our clock.
        answered: what was answered.
        truth: what people say; None: nothing yet.
    """

    sample: str
    received_at: datetime
    answered: str | None
    truth: str | None


class Guess(NamedTuple):
    """What models say.

    Attributes:
        answered: what was answered.
        confidence: of that.
        said: by contestant, label and confidence.
        neighbours: in order of time, with inputs that are here.
    """

    answered: str | None
    confidence: float | None
    said: Sequence[tuple[str, str | None, float | None]]
    neighbours: Sequence[Neighbour]


def guess_of(session: Session, tenant: str, device: str, sample: str) -> Guess:
    """What is known of a sample without a person.

    Raises:
        NotFoundError: the tenant has no such sample.
    """
    row = session.get(Sample, (tenant, device, sample))
    if row is None:
        raise NotFoundError("sample", f"{device}/{sample}")
    of_sample = (SampleScore.tenant == tenant, SampleScore.device == device, SampleScore.sample == sample)
    scores = select(SampleScore.contestant, SampleScore.label, SampleScore.confidence).where(*of_sample)
    said = [(name, label, sure) for name, label, sure in session.execute(scores.order_by(SampleScore.contestant))]
    return Guess(row.label, row.confidence, said, _neighbours(session, row))


def _neighbours(session: Session, row: Sample) -> list[Neighbour]:
    has_input = (
        (SampleInput.tenant == Sample.tenant)
        & (SampleInput.device == Sample.device)
        & (SampleInput.sample == Sample.sample)
    )
    query = (
        select(Sample.sample, Sample.received_at, Sample.label)
        .join(SampleInput, has_input)
        .where(Sample.tenant == row.tenant, Sample.device == row.device, Sample.task == row.task)
    )
    before = query.where(Sample.received_at < row.received_at).order_by(Sample.received_at.desc()).limit(_EACH_SIDE)
    after = query.where(Sample.received_at > row.received_at).order_by(Sample.received_at).limit(_EACH_SIDE)
    found = [*reversed(session.execute(before).all()), *session.execute(after)]
    return [Neighbour(name, at, label, _truth(session, row, name)) for name, at, label in found]


def _truth(session: Session, row: Sample, sample: str) -> str | None:
    decided = decide(session, row.tenant, row.task, *of_one(row.device, sample), teachers=NO_TEACHERS)
    return next((one.label for one, _ in decided.values()), None)
