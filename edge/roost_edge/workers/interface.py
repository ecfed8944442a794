"""What the agent tells a worker's handle, and what it hears and sees of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from roost_edge.workers.job_queue import Job, Key
from roost_edge.workers.membership import ServedContestant
from roost_edge.workers.supervision import WorkerState
from roost_shared.limits import InputLimits
from roost_shared.messages import ErrorInfo
from roost_shared.phi.vector import PhiVector
from roost_shared.runtime_settings import RuntimeSettings
from roost_shared.scored import Scored

__all__ = ["ContestantState", "ContestantStats", "WorkerHandle", "WorkerListener", "WorkerSpec"]

# Of its worker, or of its own: refused by a worker that serves others is `failed`, see `membership`.
ContestantState = Literal[WorkerState, "thrown_out"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSpec:
    """What a worker serves, and with how much."""

    task: str
    contestants: tuple[ServedContestant, ...]  # on one base; one that may answer comes first, and is the only one
    runtime: RuntimeSettings = field(default_factory=RuntimeSettings)
    limits: InputLimits = field(default_factory=InputLimits)
    queue_jobs: int = 256  # that may wait, besides the two the subprocess has
    measured_per_s: float = 0.0  # inputs a second of which φ is measured at least; 0: of none
    gently: bool = False  # its first start gives way to everything else that runs, and may take its time


@dataclass(frozen=True, slots=True, kw_only=True)
class ContestantStats:
    """How a contestant fares with its worker; counts are since the agent started."""

    state: ContestantState
    pid: int | None  # None while no process serves it
    bundle: str | None  # "name:version@sha256:…"; None until first ready
    shares_base_with: tuple[str, ...]  # the others that the process serves
    restarts: int  # times the worker was lost or refused, each followed by a new start
    served: int  # jobs finished, well or with an error
    faults: int  # jobs that met a fault of ours, `worker.fault`
    waiting: int  # jobs in the worker's queue
    p50_ms: float | None  # a job in the subprocess, the recent ones; on another's base only the head
    p99_ms: float | None
    last_error: ErrorInfo | None  # why it was last lost, refused or thrown out
    golden_hash: str | None = None  # what its golden vectors gave here, to the last bit; None until first ready
    hardware: str | None = None  # what that depends on: machines that say the same give the same


class WorkerHandle(Protocol):
    """What the agent wants of whoever scores every input for one or several local contestants of a task.

    All in the reactor's thread; the listener is never called from inside one of these.
    """

    @property
    def state(self) -> WorkerState:
        """Inputs are taken when none is `starting` any more; the agent ends when all are `stopped`."""
        ...

    def start(self) -> None:
        """Get ready; `on_contestant_state` follows for each contestant."""
        ...

    def unavailable(self, contestant: str) -> ErrorInfo | None:
        """Why this contestant takes no jobs now; None if it does."""
        ...

    def submit(self, job: Job) -> None:
        """Have `job` scored: for each of its contestants exactly one of `on_score` and `on_failure` follows."""
        ...

    def stop(self, deadline_ns: int) -> None:
        """Take no more jobs, finish those here until `deadline_ns`; each contestant's `stopped` follows."""
        ...

    def stats(self, contestant: str) -> ContestantStats:
        """How a contestant fares."""
        ...


class WorkerListener(Protocol):
    """Who hears of a worker, in the reactor's thread."""

    def on_score(self, key: Key, contestant: str, scored: Scored) -> None:
        """The contestant has done its part of the job."""
        ...

    def on_failure(self, key: Key, contestant: str, error: ErrorInfo) -> None:
        """The contestant will not do its part of the job.

        `error.code` is an input's or a model's own, or one of `worker.crashed`, `worker.hung` (lost with the job),
        `worker.starting`, `worker.restarting`, `worker.failed`, `worker.thrown_out`, `worker.stopped` (it takes
        no jobs now), `worker.overloaded` (its queue is full, or too many inputs wait for this head),
        `worker.too_late` (it waited until no answer could come of it), `worker.unsendable`, `worker.fault`.
        """
        ...

    def on_phi(self, contestants: Mapping[str, str | None], phi: PhiVector | ErrorInfo) -> None:
        """φ of an input as these contestants see it, or why it could not be measured; of some inputs only.

        With each contestant the bundle that it runs: φ says of no request whose it is, and the task may have others by
        now.
        """
        ...

    def on_contestant_state(self, contestant: str, state: ContestantState, detail: ErrorInfo | None) -> None:
        """The contestant, or its worker, entered `state`; `detail` says why, where that is no good news."""
        ...
