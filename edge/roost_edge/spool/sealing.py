"""Which task's entries are to be sealed next, and how many of them. Pure.

>>> limits = SealLimits(entries=100, size_bytes=1000, age_s=60)
>>> due_task([Waiting("meter", 5, 500, 10.0), Waiting("door", 100, 800, 5.0)], limits)
'door'
>>> due_task([Waiting("meter", 5, 500, 60.0), Waiting("door", 100, 800, 5.0)], limits)
'meter'
"""

from collections.abc import Sequence

import msgspec

from roost_edge.spool.entries import Row
from roost_edge.spool.interface import SealLimits

__all__ = ["Waiting", "due_task", "fitting"]


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """Entries of a task that are in no list."""

    task: str
    entries: int
    size_bytes: int  # of records and payloads
    age_s: float  # of the oldest


def due_task(tasks: Sequence[Waiting], limits: SealLimits) -> str | None:
    """The first of them that is due; None if none is."""
    for task in tasks:
        full = task.entries >= limits.entries or task.size_bytes >= limits.size_bytes
        if full or limits.flush or task.age_s >= limits.age_s:
            return task.task
    return None


def fitting(rows: Sequence[Row], size_bytes: int) -> list[Row]:
    """As many of the first as fit; one fits always."""
    taken: list[Row] = []
    for row in rows:
        size_bytes -= row.record_bytes + row.payload_bytes
        if size_bytes < 0 and taken:
            break
        taken.append(row)
    return taken
