"""Hears of answers, late scores and φ, ends windows in time, and has their records kept until the cloud has them.

A record is kept as a kept input's is: durable, then sent at least once. One that finds no room waits here until
others are kept, with a few hundred at most; beyond that the oldest is lost, and counted. The windows that are open
when the agent dies are lost; when it stops they are kept.
"""

from collections import Counter, deque
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Protocol

from roost_edge.decoy.interface import Done
from roost_edge.loop.reactor import Reactor, Timer
from roost_edge.monitor.config import MonitorConfig
from roost_edge.monitor.windows import TaskWindows
from roost_edge.tasks.task import Task
from roost_shared.clock import Clock
from roost_shared.complaints import Complaints
from roost_shared.messages import ErrorInfo
from roost_shared.phi.vector import PhiVector
from roost_shared.records import encode_record
from roost_shared.rendezvous import Answer, Late
from roost_shared.sketches import UnmeasurableError

__all__ = ["Monitor", "RecordKeeper"]

_WAITING: Final = 256  # records that found no room


class RecordKeeper(Protocol):
    """Keeps records for the cloud, as `decoy.interface.Keeper` does."""

    def note(self, record: bytes, done: Done) -> bool:
        """Have a record kept; False if too much waits for the disk, and then `done` is not called."""
        ...


class Monitor:
    """Of the tasks that are watched.

    Args:
        tasks: when each one's windows end.
        keeper: keeps the records.
        reactor: the agent's loop.
        clock: tells wall time.
        complaints: hears of records that are lost.
    """

    def __init__(
        self,
        tasks: Mapping[str, MonitorConfig],
        keeper: RecordKeeper,
        reactor: Reactor,
        clock: Clock,
        complaints: Complaints,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._keeper = keeper
        self._reactor = reactor
        self._clock = clock
        self._complaints = complaints
        now_ns, wall = reactor.now_ns(), clock.wall()
        self._windows = {name: TaskWindows(name, config, now_ns=now_ns, wall=wall) for name, config in tasks.items()}
        self._timers: dict[str, Timer] = {}
        self._ending: set[str] = set()  # tasks whose windows are full, and end as soon as the loop turns
        self._waiting: deque[bytes] = deque()
        for name in self._windows:
            self._set_timer(name)

    @property
    def has_tasks(self) -> bool:
        """Whether any task is watched."""
        return bool(self._windows)

    # ---- what the desk tells

    def answered(self, task: Task, answer: Answer, *, in_time: bool) -> None:
        """An answer is on its way; `in_time` if it was handed over by its deadline."""
        windows = self._of(task)
        if windows is not None:
            windows.answered(answer, task.policy.agreement_tolerance, self._reactor.now_ns(), in_time=in_time)
            self._look_if_full(task.name, windows)

    def late(self, task: Task, late: Late, answer: Answer | None) -> None:
        """A score came after its answer."""
        windows = self._of(task)
        if windows is not None:
            windows.late(late, answer, task.policy.agreement_tolerance, self._reactor.now_ns())
            self._look_if_full(task.name, windows)

    def measured(self, task: Task, contestants: tuple[str, ...], phi: PhiVector | ErrorInfo) -> None:
        """φ of an input, as these contestants see it, or why it could not be measured."""
        windows = self._of(task)
        if windows is None:
            return
        if isinstance(phi, ErrorInfo):
            self.counts["unmeasurable"] += 1
            self._complaints.note(phi.code, f"{task.name}: φ of an input: {phi.message}")
            return
        try:
            for contestant in contestants:
                windows.measured(contestant, task.bundles.get(contestant), phi, self._reactor.now_ns())
        except UnmeasurableError as error:
            self.counts["unmeasurable"] += 1
            self._complaints.note(error.code, f"{task.name}: {error}")
        self._look_if_full(task.name, windows)

    def _of(self, task: Task) -> TaskWindows | None:
        windows = self._windows.get(task.name)
        if windows is not None:
            windows.labels(task.labels)
        return windows

    def _look_if_full(self, task: str, windows: TaskWindows) -> None:
        if windows.is_full and task not in self._ending:
            self._ending.add(task)
            self._reactor.call_soon(partial(self._end, task))

    # ---- ends

    def finish(self) -> None:
        """End all windows now: the agent stops."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for name in self._windows:
            self._keep(name)

    def describe(self) -> dict[str, Any]:
        """Its part of the status document."""
        return {"windows": 0, **self.counts, "waiting": len(self._waiting)}

    def _end(self, task: str) -> None:
        self._ending.discard(task)
        if task in self._timers:  # else it has stopped
            self._timers.pop(task).cancel()
            self._keep(task)
            self._set_timer(task)

    def _set_timer(self, task: str) -> None:
        self._timers[task] = self._reactor.call_at(self._windows[task].due_ns, partial(self._end, task))

    def _keep(self, task: str) -> None:
        """Have the windows of a task kept, together, so that they travel together."""
        for record in self._windows[task].end(self._reactor.now_ns(), self._clock.wall()):
            self.counts["windows"] += 1
            self._waiting.append(encode_record(record))
        while self._waiting and self._keeper.note(self._waiting[0], self._kept):
            self._waiting.popleft()
        while len(self._waiting) > _WAITING:
            self._waiting.popleft()
            self._kept(ErrorInfo("monitor.overloaded", "too much waits for the disk"))

    def _kept(self, error: ErrorInfo | None) -> None:
        if error is not None:
            self.counts["windows_lost"] += 1
            self._complaints.note(error.code, f"a window for the cloud is lost: {error.message}")
