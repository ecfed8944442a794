"""A task as this device runs it: its policy, its workers, its bundles, its counts."""

from collections.abc import Mapping
from typing import Any

from roost_edge.tally import Tally
from roost_edge.workers import WorkerHandle
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import SHED, Link, Role, TaskPolicy

__all__ = ["Task"]


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
        self.link = Link()  # to its cloud contestants, as it is known now
        self.inject: dict[str, Any] = {}  # external state, the latest of each name
        self.tally = Tally()

    @property
    def name(self) -> str:
        """The task's name."""
        return self.policy.task

    @property
    def cloud(self) -> list[str]:
        """Its cloud contestants."""
        return [contestant.name for contestant in self.policy.cloud]

    def absent(self, shed: frozenset[Role]) -> dict[str, ErrorInfo]:
        """Contestants that sit the next request out, and why."""
        absent = dict(self.refused)
        for contestant in self.policy.contestants:
            if contestant.role in shed and contestant.where == "local":
                absent[contestant.name] = SHED
            elif contestant.name in self.workers:
                unavailable = self.workers[contestant.name].unavailable(contestant.name)
                if unavailable is not None:
                    absent[contestant.name] = unavailable
        return absent
