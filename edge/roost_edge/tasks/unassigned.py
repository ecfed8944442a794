"""A task that agent.toml names and nobody has assigned contestants to yet: it answers its default, and says why."""

from roost_edge.settings.config import UNASSIGNED, TaskConfig
from roost_edge.tasks.task import Task
from roost_shared.messages import ErrorInfo

__all__ = ["unassigned_task"]


def unassigned_task(name: str, config: TaskConfig) -> Task:
    """The task, as long as the cloud has assigned it to nobody."""
    why = ErrorInfo("task.unassigned", f"no contestants are assigned to {name!r} yet")
    return Task(
        config.policy_until_assigned(name),
        workers={},
        refused={UNASSIGNED: why},
        bundles={},
        unsigned=False,
        private=config.captured is not None and not config.captured.pixels,
    )
