"""Names within a tenant's TUF repository: targets, roles, files; and how large each file may be.

>>> target_path("meter", "meter-large", "7")
'meter/meter-large:7'
>>> file_name(task_role("meter"), 3), task_of_role("task.meter"), task_of_role("targets")
('3.task.meter.json', 'meter', None)
"""

import re
from typing import Final

from roost_shared.topics import NAME, is_name

__all__ = [
    "ASSIGNMENTS",
    "ASSIGNMENTS_PATH",
    "FILE_NAME",
    "ROOT",
    "SNAPSHOT",
    "TARGETS",
    "TIMESTAMP",
    "delegated_path",
    "file_name",
    "largest_bytes",
    "target_path",
    "task_of_role",
    "task_role",
]

ROOT: Final = "root"
TARGETS: Final = "targets"
SNAPSHOT: Final = "snapshot"
TIMESTAMP: Final = "timestamp"
ASSIGNMENTS: Final = "assignments"  # delegated by targets, so that devices learn its keys; it has no file of its own
ASSIGNMENTS_PATH: Final = ":assignments"  # no target's path, which has a slash: nobody who looks for one comes by

_TASK: Final = "task."  # so that a task may be called `root`
FILE_NAME: Final = re.compile(
    rf"timestamp\.json|[1-9][0-9]{{0,8}}\.(?:root|targets|snapshot|task\.{NAME.pattern})\.json"
)
_LARGEST_BYTES: Final = {ROOT: 64 << 10, TARGETS: 1 << 20, SNAPSHOT: 256 << 10, TIMESTAMP: 16 << 10}
_LARGEST_RELEASES_BYTES: Final = 1 << 20  # some 5,000 manifests of one task


def target_path(task: str, name: str, version: str) -> str:
    """The target that is a bundle's manifest."""
    return f"{task}/{name}:{version}"


def delegated_path(task: str) -> str:
    """The pattern of all targets of a task."""
    return f"{task}/*"


def task_role(task: str) -> str:
    """The role that releases a task's bundles."""
    return f"{_TASK}{task}"


def task_of_role(role: str) -> str | None:
    """The task whose bundles a role releases; None if it is no such role."""
    task = role.removeprefix(_TASK)
    return task if role.startswith(_TASK) and is_name(task) else None


def file_name(role: str, version: int) -> str:
    """The file of a role's metadata, as the repository keeps it (consistent snapshots)."""
    return f"{TIMESTAMP}.json" if role == TIMESTAMP else f"{version}.{role}.json"


def largest_bytes(role: str) -> int:
    """How large a role's metadata may be, whatever other metadata says of its length."""
    return _LARGEST_BYTES.get(role, _LARGEST_RELEASES_BYTES)
