"""Which faults of an attempt are worth another, after what wait, and when it is enough. Pure.

What lies with the machine is tried again up to the policy's number of attempts: a crash, memory, a hang, a worker that
died. What lies with a peer (the object store, the database) uses up no attempt, since it says nothing of the run: it
is tried again for a day. What lies with the job itself is not tried again: it would come out the same.

>>> first = Faults(failures=1, retries=1)
>>> verdict("crash", first, attempts=3, age=timedelta(0), draw=1.0)
Again(wait=datetime.timedelta(seconds=10))
>>> verdict("crash", Faults(failures=3, retries=3), attempts=3, age=timedelta(0), draw=1.0) is None
True
>>> verdict("impossible", first, attempts=3, age=timedelta(0), draw=1.0) is None
True
"""

from datetime import timedelta
from typing import Final, Literal, NamedTuple

from roost_shared.backoff import Backoff
from roost_shared.clock import SECOND

__all__ = ["PATIENCE", "Again", "Cause", "Faults", "counts", "verdict"]

Cause = Literal[
    "crash",  # the process died
    "memory",  # it took more than it may, or than there is
    "hang",  # it said nothing for too long
    "lost",  # its worker, or its node of the cluster, died
    "machine",  # the worker's own disk or executor refused
    "peer",  # the object store or the database was away
    "time",  # it took longer than it may
    "disk",  # it wrote more than it may
    "impossible",  # it says that it cannot be done
    "not_a_number",  # a figure of it is none
    "bundle",  # what it made is no bundle, or not the one asked for
]

PATIENCE: Final = timedelta(days=1)  # with a peer
_RETRIED: Final[frozenset[Cause]] = frozenset({"crash", "memory", "hang", "lost", "machine"})
_FIRST_NS: Final = 10 * SECOND
_LONGEST_NS: Final = 600 * SECOND
_DOUBLINGS: Final = 8  # more change nothing


class Faults(NamedTuple):
    """Attempts of a run that ended in a fault, the last one included.

    Attributes:
        failures: that count against the policy's number of attempts.
        retries: all.
    """

    failures: int
    retries: int


class Again(NamedTuple):
    """Try again, no sooner than after a wait."""

    wait: timedelta


def counts(cause: Cause) -> bool:
    """Whether a fault uses up an attempt."""
    return cause != "peer"


def verdict(cause: Cause, faults: Faults, *, attempts: int, age: timedelta, draw: float) -> Again | None:
    """Whether to try again; None: give up.

    Args:
        cause: of the last fault.
        faults: so far.
        attempts: that a run may fail.
        age: of the run, since it was opened or approved.
        draw: randomness, 0…1: workers whose store comes back shall not all knock at once.
    """
    if cause == "peer":
        if age >= PATIENCE:
            return None
    elif cause not in _RETRIED or faults.failures >= attempts:
        return None
    backoff = Backoff(_FIRST_NS, _LONGEST_NS)
    wait_ns = 0
    for _ in range(min(max(faults.retries, 1), _DOUBLINGS)):
        wait_ns = backoff.next_ns(0.5 + draw / 2)
    return Again(timedelta(microseconds=wait_ns / 1000))
