"""A task as this device runs it: its policy, its workers, its bundles, its counts.

Who takes part may change while requests are in flight: then another `Task` takes its place, and each request keeps
the one that it was opened with. A worker outlives both, and knows its contestants by their *seats*: the names under
which it was started. What a seat's contestant is called, each task says for itself, so that a bundle that was on trial
under one name answers under another without its process being touched.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from roost_edge.tasks.tally import Tally
from roost_edge.workers import WorkerHandle
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import SHED, Link, Role, Score, TaskPolicy

__all__ = ["Observer", "Task"]


class Observer(Protocol):
    """Hears all that is said of a task's requests."""

    def scored(self, key: str, score: Score, took_ns: int | None) -> None:
        """A contestant has scored a request.

        Args:
            key: the request's.
            score: what it says.
            took_ns: since receipt, or since it was asked if that was deferred; None: it had waited at the broker.
        """
        ...

    def failed(self, contestant: str, error: ErrorInfo) -> None:
        """A contestant will not score a request."""
        ...

    def answered(self, key: str, score: Score | None) -> None:
        """Request `key` was answered by this score; None: by the default."""
        ...


class Task:
    """A task as this device runs it.

    Args:
        policy: its rendezvous policy.
        workers: for each local contestant that could be started its worker, which others may share.
        refused: local contestants that cannot take part, and why.
        bundles: contestant to bundle reference.
        unsigned: nobody checked a signature on these bundles.
        labels: what the bundles can say, None where they say no labels or there is none.
        private: its inputs do not leave the device.
        seats: contestant to its seat, where that is not its name.
        deferred: shadows that are asked once a request is answered, so that they are not in its way.
        observer: hears of its requests; None: nobody does.
    """

    def __init__(
        self,
        policy: TaskPolicy,
        *,
        workers: Mapping[str, WorkerHandle],
        refused: Mapping[str, ErrorInfo],
        bundles: Mapping[str, str],
        unsigned: bool,
        labels: frozenset[str] | None = None,
        private: bool = False,
        seats: Mapping[str, str] | None = None,
        deferred: frozenset[str] = frozenset(),
        observer: Observer | None = None,
    ) -> None:
        self.policy = policy
        self.workers = dict(workers)
        self.by_worker: dict[WorkerHandle, list[str]] = {}  # the contestants that each worker serves
        for contestant, worker in workers.items():
            self.by_worker.setdefault(worker, []).append(contestant)
        self.refused = dict(refused)
        self.bundles = dict(bundles)
        self.unsigned = unsigned
        self.labels = labels
        self.private = private
        self.deferred = deferred
        self.observer = observer
        self.link = Link()  # to its cloud contestants, as it is known now
        self.inject: dict[str, Any] = {}  # external state, the latest of each name
        self.tally = Tally()
        self._seats = dict(seats or {})
        self._contestants = {seat: contestant for contestant, seat in self._seats.items()}

    @property
    def name(self) -> str:
        """The task's name."""
        return self.policy.task

    @property
    def cloud(self) -> list[str]:
        """Its cloud contestants."""
        return [contestant.name for contestant in self.policy.cloud]

    def seat_of(self, contestant: str) -> str:
        """What its worker knows a contestant by."""
        return self._seats.get(contestant, contestant)

    def contestant_on(self, seat: str) -> str:
        """The contestant on a worker's seat, as this task calls it."""
        return self._contestants.get(seat, seat)

    def succeed(self, other: "Task") -> None:
        """Go on where another task of this name left off: its counts, its external state, its way to the cloud."""
        self.link, self.inject, self.tally = other.link, other.inject, other.tally

    def absent(self, shed: frozenset[Role]) -> dict[str, ErrorInfo]:
        """Contestants that sit the next request out, and why."""
        absent = dict(self.refused)
        for contestant in self.policy.contestants:
            if contestant.role in shed and contestant.where == "local":
                absent[contestant.name] = SHED
            elif contestant.name in self.workers:
                unavailable = self.workers[contestant.name].unavailable(self.seat_of(contestant.name))
                if unavailable is not None:
                    absent[contestant.name] = unavailable
        return absent
