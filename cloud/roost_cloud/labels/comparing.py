"""What two bundles said of the same labelled inputs, by what people say that these show."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.among import among, batches
from roost_cloud.db.tables import LateScore, SampleScore
from roost_cloud.labels.deciding import decide
from roost_cloud.labels.effective import NO_TEACHERS
from roost_cloud.labels.teachers import SampleKey

__all__ = ["Cell", "compare", "said_by"]

_CELLS_MAX: Final = 2000


class Cell(NamedTuple):
    """Inputs that show one thing, and of which the bundles said one thing each.

    Attributes:
        truth: what people say.
        first: what the first bundle said; None: nothing.
        second: what the second did.
        inputs: how many.
    """

    truth: str
    first: str | None
    second: str | None
    inputs: int


def compare(session: Session, tenant: str, task: str, first: str, second: str) -> list[Cell]:
    """Count inputs that people have labelled and both bundles have scored, in time or late; the most frequent first.

    Args:
        session: to read with.
        tenant: whose.
        task: of which.
        first: digest of a bundle's manifest.
        second: of another's.
    """
    decided = decide(session, tenant, task, teachers=NO_TEACHERS)
    truths = {key: one.label for key, (one, _) in decided.items() if one.label is not None}
    ours, theirs = (said_by(session, tenant, digest, truths) for digest in (first, second))
    counts = Counter((truth, ours[key], theirs[key]) for key, truth in truths.items() if key in ours and key in theirs)
    ordered = sorted(counts.items(), key=lambda one: (-one[1], *(said or "" for said in one[0])))
    return [Cell(*cell, inputs) for cell, inputs in ordered[:_CELLS_MAX]]


def said_by(session: Session, tenant: str, digest: str, keys: Iterable[SampleKey]) -> Mapping[SampleKey, str | None]:
    """What a bundle said of samples, of those that it has scored."""
    found: dict[SampleKey, str | None] = {}
    for some in batches(keys):
        for table in (LateScore, SampleScore):
            query = select(table.device, table.sample, table.label).where(
                among(table, tenant, some), table.bundle.endswith(f"@{digest}", autoescape=True)
            )
            found |= {SampleKey(device, sample): label for device, sample, label in session.execute(query)}
    return found
