"""The tasks as they run, and all that hangs on each: workers, cloud contestants, external state, what is kept.

A task is put in place of another of its name in one step. Requests that are open keep the one they came to; whatever
counts, and whatever is known of the site, goes on with the new one.
"""

from collections.abc import Sequence
from typing import Final

from roost_edge.asking.link import CloudLink
from roost_edge.asking.sizes import Sizes
from roost_edge.decoy.capture import Capture
from roost_edge.desk import Desk
from roost_edge.loop.reactor import Reactor
from roost_edge.settings.config import AgentConfig
from roost_edge.tasks.entry import Entry, local_entry
from roost_edge.tasks.injection import Injection
from roost_edge.tasks.lineup import Lineup, line_up, open_entry
from roost_edge.tasks.task import Task
from roost_edge.tasks.unassigned import unassigned_task
from roost_edge.tasks.worker_ear import OnState, WorkerEar
from roost_edge.workers import ContestantState, Worker, WorkerHandle, WorkerSpec, WorkerState
from roost_shared.clock import SECOND
from roost_shared.messages import ErrorInfo

__all__ = ["TaskBoard"]

_LEAVE_NS: Final = 1 * SECOND  # beyond the longest deadline, for a worker that is not needed any more


class TaskBoard:
    """All tasks of an agent.

    Args:
        config: agent.toml.
        desk: answers; its tasks are kept here.
        link: asks cloud contestants.
        injection: keeps external state.
        capture: keeps inputs; None: nobody does, and no task may ask for it.
        reactor: the agent's loop.
        on_state: hears how workers are.

    Raises:
        PolicyError: rules of agent.toml do not fit its contestants.
    """

    def __init__(
        self,
        config: AgentConfig,
        desk: Desk,
        link: CloudLink,
        injection: Injection,
        capture: Capture | None,
        reactor: Reactor,
        on_state: OnState,
    ) -> None:
        self._config = config
        self._desk = desk
        self._link = link
        self._capture = capture
        self._reactor = reactor
        self._on_state = on_state
        self._ears: dict[str, WorkerEar] = {}
        self._workers: list[WorkerHandle] = []  # those that run, or shall once the agent does
        self._longest_ns = 0  # that a request may be open
        self._awaited: list[WorkerHandle] = []  # of these, those that inputs wait for at the start
        for name, wanted in config.tasks.items():
            if wanted.contestants:
                self._put_local(name)
            else:
                self.withdraw(name)
            for inject, topic in wanted.inject.items():
                injection.want(desk.tasks[name], inject, topic)

    def _put_local(self, name: str) -> None:
        entry = local_entry(name, self._config)
        lineup = line_up(entry, open_entry(entry), self._config.limits, self.make_worker)
        self.put(lineup, lineup.task())
        self.add(lineup.workers, awaited=True)

    # ---- tasks

    def is_local(self, name: str) -> bool:
        """Whether agent.toml states a task's contestants."""
        return name in self._config.tasks and bool(self._config.tasks[name].contestants)

    def put(self, lineup: Lineup, task: Task) -> None:
        """Let requests that come from now on be answered by this."""
        name, entry = task.name, lineup.entry
        self._take_over(task)
        self._serve(name, task, entry)
        if self._capture is not None:
            self._capture.keep(name, entry.captured)

    def withdraw(self, name: str) -> None:
        """Nobody is assigned to a task any more, or yet; one that agent.toml does not name is gone."""
        wanted = self._config.tasks.get(name)
        self._link.withdraw(name)
        if wanted is None:
            self._desk.tasks.pop(name, None)
        else:
            self._take_over(unassigned_task(name, wanted))
        if self._capture is not None:
            self._capture.keep(name, None if wanted is None else wanted.captured)

    def _take_over(self, task: Task) -> None:
        before = self._desk.tasks.get(task.name)
        if before is not None:
            task.succeed(before)
        self._desk.tasks[task.name] = task
        self._longest_ns = max(self._longest_ns, task.policy.max_deadline_ns)

    def _serve(self, name: str, task: Task, entry: Entry) -> None:
        if task.cloud:
            sizes = Sizes(entry.downscaled, max_pixels=self._config.limits.image_pixels)
            self._link.serve(name, task.cloud, task.labels, sizes)
        else:
            self._link.withdraw(name)

    # ---- workers

    def make_worker(self, spec: WorkerSpec) -> WorkerHandle:
        """A worker of a task, not started."""
        ear = self._ears.setdefault(spec.task, WorkerEar(spec.task, self._desk, self._heard))
        return Worker(spec, self._reactor, ear)

    def add(self, workers: Sequence[WorkerHandle], *, awaited: bool = False) -> None:
        """Count these among those that run; `awaited`: the agent takes no inputs before they are ready."""
        self._workers += workers
        if awaited:
            self._awaited += workers

    def leave(self, workers: Sequence[WorkerHandle]) -> None:
        """Let these finish what they were given for requests that are open, and end."""
        deadline_ns = self._reactor.now_ns() + self._longest_ns + _LEAVE_NS
        for worker in workers:
            worker.stop(deadline_ns)

    def start(self) -> None:
        """Start all that were added so far."""
        for worker in self._workers:
            worker.start()

    def stop(self, deadline_ns: int) -> None:
        """End all."""
        for worker in list(self._workers):
            worker.stop(deadline_ns)

    @property
    def is_starting(self) -> bool:
        """Whether a worker that inputs wait for is not known to be ready or to fail."""
        return any(worker.state == "starting" for worker in self._awaited)

    @property
    def is_stopped(self) -> bool:
        """Whether no worker is left."""
        states: set[WorkerState] = {worker.state for worker in self._workers}
        return states <= {"stopped"}

    def _heard(self, task: str, seat: str, state: ContestantState, detail: ErrorInfo | None) -> None:
        if state == "stopped":
            self._workers = [worker for worker in self._workers if worker.state != "stopped"]
        self._on_state(task, seat, state, detail)
