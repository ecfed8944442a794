"""Models outside the agent's process: a subprocess per contestant, its jobs, its faults and its restarts.

The agent holds a `Worker` for each contestant and hears of it through a `WorkerListener`. Nothing else of this
room is meant for others.
"""

from roost_edge.workers.interface import WorkerListener, WorkerSpec, WorkerStats
from roost_edge.workers.job_queue import Job, Key
from roost_edge.workers.payload import SharedPayload
from roost_edge.workers.supervision import WorkerState
from roost_edge.workers.worker import Worker

__all__ = [
    "Job",
    "Key",
    "SharedPayload",
    "Worker",
    "WorkerListener",
    "WorkerSpec",
    "WorkerState",
    "WorkerStats",
]
