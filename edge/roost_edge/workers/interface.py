"""What the agent tells a worker's handle, and what it hears and sees of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from roost_edge.workers.job_queue import Key
from roost_edge.workers.supervision import WorkerState
from roost_shared.limits import InputLimits
from roost_shared.messages import ErrorInfo
from roost_shared.runtime_settings import RuntimeSettings
from roost_shared.scored import Scored

__all__ = ["WorkerListener", "WorkerSpec", "WorkerStats"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSpec:
    """What a worker serves, and with how much."""

    task: str
    contestant: str
    bundle_folder: Path
    runtime: RuntimeSettings = field(default_factory=RuntimeSettings)
    limits: InputLimits = field(default_factory=InputLimits)
    queue_jobs: int = 256  # that may wait, besides the two the subprocess has


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStats:
    """How a worker fares; counts are since the agent started."""

    state: WorkerState
    pid: int | None  # None while there is no process
    bundle: str | None  # "name:version@sha256:…"; None until first ready
    restarts: int  # times it was lost or refused, each followed by a new start
    served: int  # jobs finished, well or with an error
    faults: int  # jobs that met a fault of ours, `worker.fault`
    waiting: int  # jobs in the queue
    p50_ms: float | None  # a job in the subprocess, the recent ones
    p99_ms: float | None
    last_error: ErrorInfo | None  # why it was last lost, or refused to start


class WorkerListener(Protocol):
    """Who hears of a worker, in the reactor's thread."""

    def on_score(self, key: Key, contestant: str, scored: Scored) -> None:
        """The job is done."""
        ...

    def on_failure(self, key: Key, contestant: str, error: ErrorInfo) -> None:
        """The job will not be done.

        `error.code` is an input's or a model's own, or one of `worker.crashed`, `worker.hung` (lost with the job),
        `worker.starting`, `worker.restarting`, `worker.failed`, `worker.stopped` (it takes no jobs now),
        `worker.overloaded` (its queue is full), `worker.unsendable`, `worker.fault`.
        """
        ...

    def on_worker_state(self, contestant: str, state: WorkerState, detail: ErrorInfo | None) -> None:
        """The worker entered `state`; `detail` says why, where that is no good news."""
        ...
