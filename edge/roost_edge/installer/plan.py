"""An assignment that lies whole on the disk: what the agent needs to run it, without network, TUF or cryptography."""

from pathlib import Path

import msgspec

from roost_shared.assignment import Assignment
from roost_shared.messages import ErrorInfo

__all__ = ["InForce", "Plan"]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """An assignment, and where its bundles lie."""

    assignment: Assignment
    folders: dict[str, str]  # manifest digest → folder of the bundle, relative to the state folder

    def folder(self, digest: str, state_dir: Path) -> Path:
        """Where a bundle lies."""
        return state_dir / self.folders[digest]


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """What the device runs by assignment.

    Attributes:
        plan: None where it never had one.
        previous: what it ran before, to return to.
        confirmed: `plan` has proven itself here.
        trust: how the last look at what is released ended.
        problem: what of it could not be read, where it is less than it was.
    """

    plan: Plan | None = None
    previous: Plan | None = None
    confirmed: bool = True
    trust: str = "unchecked"
    problem: ErrorInfo | None = None
