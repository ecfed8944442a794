"""Questions waiting for a model: bounded, and fair between tenants. Pure; whoever shares it among threads locks it.

Tenants take turns, and within a tenant its contestants. When the queue is full it is the tenant with the most in it
that loses its newest question, so nobody can crowd out another.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from roost_cloud.scorer.asked import Asked
from roost_cloud.tasks.resolution import ContestantKey

__all__ = ["FairQueue", "Job", "Lane"]


class Lane(NamedTuple):
    """Jobs that one batch may hold together."""

    key: ContestantKey
    bulky: bool  # inputs so large that reading them takes its time


class Job(NamedTuple):
    """A question to one contestant."""

    asked: Asked
    lane: Lane

    @property
    def size_bytes(self) -> int:
        """Of its input."""
        return len(self.asked.question.payload)


@dataclass
class _Share:
    """What one tenant has waiting."""

    lanes: OrderedDict[Lane, deque[Job]] = field(default_factory=OrderedDict)
    jobs: int = 0
    size_bytes: int = 0


class FairQueue:
    """A queue.

    Args:
        max_jobs: that wait, at most.
        max_bytes: of their inputs, at most; an input that several contestants wait for counts for each.
    """

    def __init__(self, max_jobs: int, max_bytes: int) -> None:
        self._max_jobs = max_jobs
        self._max_bytes = max_bytes
        self._tenants: OrderedDict[str, _Share] = OrderedDict()
        self._jobs = 0
        self._bytes = 0

    def __len__(self) -> int:
        """Jobs that wait."""
        return self._jobs

    @property
    def lanes(self) -> Iterator[Lane]:
        """Those with jobs, in no order."""
        return (lane for share in self._tenants.values() for lane in share.lanes)

    def put(self, job: Job) -> list[Job]:
        """Let a job wait.

        Returns:
            Those for which there is no room, perhaps itself.
        """
        refused: list[Job] = []
        while self._jobs >= self._max_jobs or self._bytes + job.size_bytes > self._max_bytes:
            victim = self._largest(but=job)
            if victim is None:
                return [*refused, job]
            refused.append(self._drop_newest(victim))
        share = self._tenants.setdefault(job.lane.key.tenant, _Share())
        share.lanes.setdefault(job.lane, deque()).append(job)
        self._count(share, job, 1)
        return refused

    def take(self, limit: Callable[[Lane], int]) -> list[Job]:
        """Jobs of the lane whose turn it is, the oldest first.

        Args:
            limit: how many a lane may give now; 0: none.

        Returns:
            Empty if no lane with jobs may give any.
        """
        for tenant, share in self._tenants.items():
            for lane, jobs in share.lanes.items():
                count = min(limit(lane), len(jobs))
                if count > 0:
                    return self._take(tenant, lane, count)
        return []

    def clear(self) -> list[Job]:
        """Take all."""
        jobs = [job for share in self._tenants.values() for lane in share.lanes.values() for job in lane]
        self._tenants.clear()
        self._jobs = self._bytes = 0
        return jobs

    def _take(self, tenant: str, lane: Lane, count: int) -> list[Job]:
        share = self._tenants[tenant]
        jobs = share.lanes[lane]
        taken = [jobs.popleft() for _ in range(count)]
        for job in taken:
            self._count(share, job, -1)
        if jobs:
            share.lanes.move_to_end(lane)
        else:
            del share.lanes[lane]
        if share.lanes:
            self._tenants.move_to_end(tenant)
        else:
            del self._tenants[tenant]
        return taken

    def _largest(self, but: Job) -> str | None:
        """The tenant with the most waiting; None if that would be the job's own."""
        full = self._jobs >= self._max_jobs
        own = self._tenants.get(but.lane.key.tenant, _Share())
        mine = own.jobs + 1 if full else own.size_bytes + but.size_bytes
        measured = {name: share.jobs if full else share.size_bytes for name, share in self._tenants.items()}
        name = max(measured, key=lambda one: measured[one], default=None)
        return name if name is not None and name != but.lane.key.tenant and measured[name] > mine else None

    def _drop_newest(self, tenant: str) -> Job:
        share = self._tenants[tenant]
        lane = max(share.lanes, key=lambda one: share.lanes[one][-1].asked.received_ns)
        job = share.lanes[lane].pop()
        self._count(share, job, -1)
        if not share.lanes[lane]:
            del share.lanes[lane]
        if not share.lanes:
            del self._tenants[tenant]
        return job

    def _count(self, share: _Share, job: Job, sign: int) -> None:
        share.jobs += sign
        share.size_bytes += sign * job.size_bytes
        self._jobs += sign
        self._bytes += sign * job.size_bytes
