"""For replay: a task's samples as their devices told of them, the newest first, and their policies."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.among import among, batches
from roost_cloud.db.tables import LateScore, Sample, SampleInput, TaskPolicy
from roost_cloud.errors import NotFoundError
from roost_cloud.samples.listing import newest_first
from roost_cloud.samples.place import Place

__all__ = ["Recorded", "get_policy", "page"]


@dataclass(frozen=True)
class Recorded:
    """A sample.

    Attributes:
        row: with its whole record.
        late: records of scores that came after the answer.
        probability: with which its input was kept; None if that is not in the cloud.
    """

    row: Sample
    late: Sequence[bytes]
    probability: float | None

    @property
    def place(self) -> Place:
        """Where it stands in the list."""
        return Place(self.row.received_at, self.row.device, self.row.sample)


def page(
    session: Session, tenant: str, task: str, since: datetime, until: datetime, *, limit: int, after: Place | None
) -> list[Recorded]:
    """A tenant's samples of a task.

    Args:
        session: to read with.
        tenant: whose.
        task: of which.
        since: received then or later.
        until: received before.
        limit: at most so many.
        after: only what stands behind this.
    """
    query = select(Sample).where(
        Sample.tenant == tenant, Sample.task == task, Sample.received_at >= since, Sample.received_at < until
    )
    rows = session.scalars(newest_first(query, limit, after)).all()
    keys = [(row.device, row.sample) for row in rows]
    late, inputs = _late(session, tenant, keys), _probabilities(session, tenant, keys)
    return [Recorded(row, late[key], inputs.get(key)) for row, key in zip(rows, keys, strict=True)]


def get_policy(session: Session, tenant: str, task: str, digest: str) -> bytes:
    """A policy's document, as a device told it.

    Raises:
        NotFoundError: none of the tenant's devices has told of such a policy.
    """
    found = session.get(TaskPolicy, (tenant, task, digest))
    if found is None:
        raise NotFoundError("policy", f"{task}/{digest}")
    return found.document


def _late(session: Session, tenant: str, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[bytes]]:
    found: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for batch in batches(keys):
        query = select(LateScore.device, LateScore.sample, LateScore.record).where(among(LateScore, tenant, batch))
        for device, sample, record in session.execute(query.order_by(LateScore.elapsed_ms, LateScore.contestant)):
            found[device, sample].append(record)
    return found


def _probabilities(session: Session, tenant: str, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for batch in batches(keys):
        query = select(SampleInput.device, SampleInput.sample, SampleInput.probability)
        for device, sample, probability in session.execute(query.where(among(SampleInput, tenant, batch))):
            found[device, sample] = probability
    return found
