"""Which job a worker does next, and which ones it has: an ordered account without I/O.

Rules:

- Live jobs go before backlog, and within each the first in is the first out.
- At most `_AHEAD` jobs are with the subprocess: the one it runs and one to start on while its score travels. A
  backlog job is never sent ahead, so that a live one waits behind one of them at most.
- The queue is bounded. A live job that finds it full takes the place of the youngest backlog job; any other is
  refused, and so is a job whose key waits already.
- No job is ever lost: each one put in leaves through exactly one of `put` (refused), `cancel`, `finish` or `drain`.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from roost_edge.workers.payload import SharedPayload

__all__ = ["Job", "JobQueue", "Key", "Ticket"]

Key = str | int

_AHEAD: Final = 2  # jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One input to be scored.

    The worker takes its own hold of `payload` and releases it; the caller keeps, and releases, the caller's.
    """

    key: Key  # the request's; opaque to us, given back with the score
    payload: SharedPayload
    content_type: str | None = None
    inject: Mapping[str, Any] = field(default_factory=dict)
    backlog: bool = False  # give way to live jobs


@dataclass(slots=True)
class Ticket:
    """A job's place in the account."""

    sequence: int  # its number on the wire
    job: Job
    packet: bytes  # what will be sent
    runs_since_ns: int = 0  # for the one that runs; for one sent ahead, when it was sent


class JobQueue:
    """The jobs of one worker, waiting and begun.

    Args:
        capacity: jobs that may wait, besides those begun.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._live: OrderedDict[Key, Ticket] = OrderedDict()
        self._backlog: OrderedDict[Key, Ticket] = OrderedDict()
        self._begun: deque[Ticket] = deque()

    def __len__(self) -> int:
        """Jobs that wait."""
        return len(self._live) + len(self._backlog)

    @property
    def idle(self) -> bool:
        """Whether no job waits and none is begun."""
        return not (self._begun or self._live or self._backlog)

    @property
    def head(self) -> Ticket | None:
        """The job the subprocess runs now."""
        return self._begun[0] if self._begun else None

    def put(self, ticket: Ticket) -> Job | None:
        """Let a job wait; returns the job that found no place (this one, or one it displaced), or None."""
        job = ticket.job
        displaced = None
        if job.key in self._live or job.key in self._backlog:
            return job
        if len(self) >= self._capacity:
            if job.backlog or not self._backlog:
                return job
            displaced = self._backlog.popitem()[1].job
        (self._backlog if job.backlog else self._live)[job.key] = ticket
        return displaced

    def cancel(self, key: Key) -> Job | None:
        """Take back a job that waits; None if there is none, or it has begun."""
        ticket = self._live.pop(key, None) or self._backlog.pop(key, None)
        return ticket.job if ticket else None

    def begin(self, now_ns: int) -> Ticket | None:
        """The next job to send to the subprocess, counted as begun; None if it has enough or none waits."""
        if len(self._begun) >= _AHEAD or not (self._live or (self._backlog and not self._begun)):
            return None
        _, ticket = (self._live or self._backlog).popitem(last=False)
        ticket.runs_since_ns = now_ns
        self._begun.append(ticket)
        return ticket

    def finish(self, sequence: int, now_ns: int) -> Ticket | None:
        """Close the account of the head; the job behind it runs from `now_ns`. None if the head is another."""
        if not self._begun or self._begun[0].sequence != sequence:
            return None
        finished = self._begun.popleft()
        if self._begun:
            self._begun[0].runs_since_ns = now_ns
        return finished

    def drain(self) -> list[Job]:
        """Take back every job, the begun ones first."""
        jobs = [ticket.job for ticket in (*self._begun, *self._live.values(), *self._backlog.values())]
        self._begun.clear()
        self._live.clear()
        self._backlog.clear()
        return jobs
