"""A task's part of the status document."""

from typing import Any

import msgspec

from roost_edge.asking.link import CloudLink
from roost_edge.tasks.task import Task
from roost_shared.rendezvous import Contestant

__all__ = ["describe_task"]


def describe_task(task: Task, link: CloudLink) -> dict[str, Any]:
    """How a task and its contestants fare, as JSON has it; `link` is the way to those in the cloud."""
    scoring = [one for one in task.policy.contestants if one.role != "decoy"]
    return {
        "deadline_ms": task.policy.deadline_ms,
        "rules": msgspec.to_builtins(task.policy.rules),
        **task.tally.to_dict(),
        "contestants": {one.name: _describe(task, one, link) for one in scoring},
    }


def _describe(task: Task, contestant: Contestant, link: CloudLink) -> dict[str, Any]:
    return (
        _describe_cloud(task, contestant, link) if contestant.where == "cloud" else _describe_local(task, contestant)
    )


def _describe_cloud(task: Task, contestant: Contestant, link: CloudLink) -> dict[str, Any]:
    record = link.records(task.name).get(contestant.name)
    return {
        "role": contestant.role,
        "where": "cloud",
        "state": link.state,
        **({} if record is None else record.to_dict()),
    }


def _describe_local(task: Task, contestant: Contestant) -> dict[str, Any]:
    worker = task.workers.get(contestant.name)
    stats = None if worker is None else worker.stats(task.seat_of(contestant.name))
    refused = task.refused.get(contestant.name)
    return {
        "role": contestant.role,
        "where": "local",
        "bundle": task.bundles.get(contestant.name),
        "state": "refused" if stats is None else stats.state,
        "pid": None if stats is None else stats.pid,
        "shares_base_with": [] if stats is None else [task.contestant_on(seat) for seat in stats.shares_base_with],
        "restarts": 0 if stats is None else stats.restarts,
        "served": 0 if stats is None else stats.served,
        "waiting": 0 if stats is None else stats.waiting,
        "p50_ms": None if stats is None else stats.p50_ms,
        "p99_ms": None if stats is None else stats.p99_ms,
        "last_error": msgspec.to_builtins(refused or (stats.last_error if stats else None)),
    }
