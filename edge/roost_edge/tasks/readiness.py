"""Whether a task can be asked now. Pure."""

from roost_edge.tasks.task import Task

__all__ = ["is_ready"]


def is_ready(task: Task) -> bool:
    """Whether a local contestant that may answer would take an input now; a task without such is ever ready.

    A cloud contestant makes a task no less ready while its link is down: answers do not wait for it.
    """
    named = [
        contestant.name
        for contestant in task.policy.contestants
        if contestant.where == "local" and contestant.name in task.policy.named
    ]
    absent = task.absent(frozenset())
    return not named or any(name not in absent for name in named)
