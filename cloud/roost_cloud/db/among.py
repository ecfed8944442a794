"""Rows of some samples, by their keys, a batch to a query.

`(device, sample) IN (…)` would say it shorter, but SQLite finds no index for that, and looks through all rows of the
tenant. So it does where the tenant stands outside of the alternatives.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, and_, false, or_

from roost_cloud.db.tables import (
    DatasetSample,
    DroppedInput,
    Label,
    LabelClaim,
    LateScore,
    Sample,
    SampleInput,
    SampleScore,
)

__all__ = ["SampleTable", "among", "batches"]

_AT_ONCE: Final = 300  # SQLite bounds how many parameters a query has, and how deep an expression may be
_One = TypeVar("_One")


SampleTable = (
    type[DatasetSample]
    | type[DroppedInput]
    | type[Label]
    | type[LabelClaim]
    | type[LateScore]
    | type[Sample]
    | type[SampleInput]
    | type[SampleScore]
)
"""Whose rows are of samples."""


def among(table: SampleTable, tenant: str, keys: Iterable[tuple[str, str]]) -> ColumnElement[bool]:
    """The condition that a row is of one of these samples.

    Args:
        table: whose rows.
        tenant: whose samples.
        keys: pairs of device and sample, a batch of them.
    """
    if table is Sample:
        # It has indexes of a tenant's devices and tasks too, of which SQLite expects fewer rows than of a list of
        # samples: so each sample is an alternative.
        return or_(false(), *(_is_of(table, tenant, device, (sample,)) for device, sample in keys))
    samples: defaultdict[str, list[str]] = defaultdict(list)
    for device, sample in keys:
        samples[device].append(sample)
    return or_(false(), *(_is_of(table, tenant, device, some) for device, some in samples.items()))


def _is_of(table: SampleTable, tenant: str, device: str, samples: Sequence[str]) -> ColumnElement[bool]:
    return and_(table.tenant == tenant, table.device == device, table.sample.in_(samples))


def batches(all_of: Iterable[_One]) -> Iterator[list[_One]]:
    """As many at a time as a query takes.

    >>> [len(batch) for batch in batches(range(700))]
    [300, 300, 100]
    """
    rest = iter(all_of)
    while batch := list(islice(rest, _AT_ONCE)):
        yield batch
