"""Models outside the agent's process: subprocesses, their jobs, their faults and their restarts.

A `Worker` serves one contestant, or several that share a base, as `grouping` decides. The agent wants of it no more
than a `WorkerHandle`, and hears of it as a `WorkerListener` (`interface`). Nothing else of this room is for others.

- The agent's side: `worker.py`, one `child.py` after the other; `job_queue`, `supervision` and `membership` decide,
  `latency` and `hang_watch` tell when a reply is overdue.
- Between: `protocol.py`, `payload.py` (an input, written once), `running_mark.py` (whose head runs).
- The subprocess: `process.py`, in which `crew.py` says who scores when and `gauge.py` measures φ; it tells of
  errors by `describing.py`, and on what it runs by `hardware.py`.
"""

from roost_edge.workers.grouping import Sharer, group_by_base
from roost_edge.workers.interface import ContestantState, ContestantStats, WorkerHandle, WorkerListener, WorkerSpec
from roost_edge.workers.job_queue import Job, Key
from roost_edge.workers.membership import ServedContestant
from roost_edge.workers.payload import SharedPayload
from roost_edge.workers.supervision import WorkerState
from roost_edge.workers.worker import Worker

__all__ = [
    "ContestantState",
    "ContestantStats",
    "Job",
    "Key",
    "ServedContestant",
    "SharedPayload",
    "Sharer",
    "Worker",
    "WorkerHandle",
    "WorkerListener",
    "WorkerSpec",
    "WorkerState",
    "group_by_base",
]
