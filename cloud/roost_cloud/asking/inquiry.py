"""What a caller without a device asks."""

import msgspec

from roost_shared.rendezvous import TaskPolicy

__all__ = ["Inquiry"]


class Inquiry(msgspec.Struct, frozen=True, kw_only=True):
    """One input to be answered once.

    Attributes:
        tenant: the caller's.
        task: the task's name.
        policy: the task's; its own `task` is unique among all tenants'.
        payload: the input.
        received_ns: when it had been read, monotonic.
        repeat_key: who asks what under which id: the same again is the same request; None: nobody can repeat it.
        content_type: as the caller states it.
        deadline_ns: the caller's own, from receipt; None: the task's.
        force: the only contestant that may answer.
        labels: the task's label space, as it was lately; None where it is not known.
    """

    tenant: str
    task: str
    policy: TaskPolicy
    payload: bytes
    received_ns: int
    repeat_key: str | None = None
    content_type: str | None = None
    deadline_ns: int | None = None
    force: str | None = None
    labels: frozenset[str] | None = None

    @property
    def time_allowed_ns(self) -> int:
        """From receipt to the moment the answer is due."""
        return self.policy.time_allowed_ns(self.deadline_ns)
