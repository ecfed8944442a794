"""Which job a worker does next, and which replies it owes: an ordered account without I/O.

Rules:

- Live jobs go before backlog, and within each the first in is the first out.
- A job is begun until the first of its contestants has replied; the others, heads on the same base, reply when the
  subprocess has nothing else to do.
- At most `_AHEAD` jobs are begun: the one that runs and one to start on while its score travels. A backlog job is
  begun only while nothing is owed, so that a live one waits behind one of them at most, and so that a backlog does
  not keep the other heads from scoring.
- The queue is bounded. A live job that finds it full takes the place of the youngest backlog job; any other is
  refused, and so is a job whose key waits already.
- A job that cannot be done in time gives way to those that still can: with more inputs than the model can score, a
  queue in order of receipt would hold nothing but jobs whose answer has left. The last one that waits is done anyway.
- No job is ever lost: each one put in leaves through `put` (refused), `give_way`, `drain`, or by the last of its
  replies; and each of its contestants replies, or is awaited still when it leaves.
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
    contestants: tuple[str, ...] = ()  # who shall score it; empty: all that the worker serves
    content_type: str | None = None
    inject: Mapping[str, Any] = field(default_factory=dict)
    backlog: bool = False  # give way to live jobs
    until_ns: int | None = None  # a score after this moment comes too late to answer; None: it never does


@dataclass(slots=True)
class Ticket:
    """A job's place in the account, and its hold of the payload."""

    sequence: int  # its number on the wire
    job: Job
    packet: bytes  # what will be sent
    awaited: deque[str]  # contestants that have not replied, in the order they will
    _holds: bool = True

    def release(self) -> None:
        """Let go of the payload: a subprocess that has replied has what it needs of it. Idempotent."""
        if self._holds:
            self._holds = False
            self.job.payload.release()


class JobQueue:
    """The jobs of one worker, waiting, begun and owed.

    Args:
        capacity: jobs that may wait, besides those begun.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._live: OrderedDict[Key, Ticket] = OrderedDict()
        self._backlog: OrderedDict[Key, Ticket] = OrderedDict()
        self._begun: deque[Ticket] = deque()
        self._rest: dict[int, Ticket] = {}  # the first contestant has replied; by sequence
        self._since_ns = 0

    def __len__(self) -> int:
        """Jobs that wait."""
        return len(self._live) + len(self._backlog)

    @property
    def idle(self) -> bool:
        """Whether no job waits and no reply is owed."""
        return not (self._begun or self._rest or self._live or self._backlog)

    @property
    def unfinished(self) -> int:
        """Jobs whose first contestant has replied and another has not."""
        return len(self._rest)

    @property
    def busy_since_ns(self) -> int | None:
        """Since when the subprocess has been at what it will reply next; None if it owes no reply."""
        return self._since_ns if self._begun or self._rest else None

    def put(self, ticket: Ticket) -> Ticket | None:
        """Let a job wait; returns the one that found no place (this one, or one it displaced), or None."""
        job = ticket.job
        displaced = None
        if job.key in self._live or job.key in self._backlog:
            return ticket
        if len(self) >= self._capacity:
            if job.backlog or not self._backlog:
                return ticket
            displaced = self._backlog.popitem()[1]
        (self._backlog if job.backlog else self._live)[job.key] = ticket
        return displaced

    def give_way(self, now_ns: int, took_ns: int) -> list[Ticket]:
        """Take back the jobs at the head that come too late, as long as others wait behind them.

        Args:
            now_ns: monotonic time.
            took_ns: what a job takes, about.
        """
        given = []
        for waiting in (self._live, self._backlog):
            while len(waiting) > 1:
                key, ticket = next(iter(waiting.items()))
                done_ns = now_ns + (len(self._begun) + 1) * took_ns
                if ticket.job.until_ns is None or done_ns <= ticket.job.until_ns:
                    break
                given.append(waiting.pop(key))
        return given

    def begin(self, now_ns: int) -> Ticket | None:
        """The next job to send to the subprocess, counted as begun; None if it has enough or none waits."""
        owes = bool(self._begun or self._rest)
        waiting = self._live or (None if owes else self._backlog)
        if len(self._begun) >= _AHEAD or not waiting:
            return None
        _, ticket = waiting.popitem(last=False)
        if not owes:
            self._since_ns = now_ns
        self._begun.append(ticket)
        return ticket

    def reply(self, sequence: int, contestant: str, now_ns: int) -> tuple[Ticket, int] | None:
        """Account for a reply; what is owed next runs from `now_ns`.

        Returns:
            The job's ticket and how long the reply took, in nanoseconds. None if it is not the next reply of a job
            with the subprocess, so that nothing is accounted for.
        """
        first = bool(self._begun) and self._begun[0].sequence == sequence
        ticket = self._begun[0] if first else self._rest.get(sequence)
        if ticket is None or ticket.awaited[0] != contestant:
            return None
        ticket.awaited.popleft()
        if first:
            self._rest[sequence] = self._begun.popleft()
        if not ticket.awaited:
            del self._rest[sequence]
        took_ns = now_ns - self._since_ns
        self._since_ns = now_ns
        return ticket, took_ns

    def excuse(self, now_ns: int) -> None:
        """Count what the subprocess is at from `now_ns`: it could not be heard before."""
        self._since_ns = now_ns

    def drain(self) -> list[Ticket]:
        """Take back every job: those that lack only some replies first, then the begun ones, then what waits."""
        tickets = [*self._rest.values(), *self._begun, *self._live.values(), *self._backlog.values()]
        self._rest.clear()
        self._begun.clear()
        self._live.clear()
        self._backlog.clear()
        return tickets
