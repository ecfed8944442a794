"""What cloud contestants and late answers said of samples: their scores, as labels of teachers."""

from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import LateScore, Sample, SampleScore
from roost_cloud.labels.said import Said

__all__ = ["SampleKey", "taught"]


class SampleKey(NamedTuple):
    """Names a sample within its tenant."""

    device: str
    sample: str


def taught(session: Session, of: Select[str, str], tenant: str, names: Collection[str]) -> dict[SampleKey, list[Said]]:
    """What contestants of these names said, in time or late.

    Args:
        session: to read with.
        of: selects samples' devices and names.
        tenant: whose.
        names: of contestants; where there is none, nothing is read.
    """
    found: defaultdict[SampleKey, list[Said]] = defaultdict(list)
    if not names:
        return found
    samples = of.subquery()
    for table, at in ((SampleScore, Sample.received_at), (LateScore, LateScore.received_at)):
        query = select(table.device, table.sample, table.label, table.contestant, at, table.confidence, table.bundle)
        query = query.join(samples, (table.device == samples.c.device) & (table.sample == samples.c.sample))
        if table is SampleScore:
            query = query.join(
                Sample,
                (Sample.tenant == table.tenant) & (Sample.device == table.device) & (Sample.sample == table.sample),
            )
        query = query.where(table.tenant == tenant, table.contestant.in_(names), table.label.is_not(None))
        for device, sample, label, contestant, moment, confidence, bundle in session.execute(query):
            said = Said(label, "teacher", contestant, moment, confidence, None, bundle)
            found[SampleKey(device, sample)].append(said)
    return found
