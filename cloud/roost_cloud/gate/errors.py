"""Why nothing can be judged."""

from roost_shared.errors import ContentError

__all__ = ["GateError", "GateMemoryError"]


class GateError(ContentError):
    """What a gate was given to judge by cannot be used, and trying again would not help."""

    code = "gate.impossible"


class GateMemoryError(GateError):
    """Judging takes more memory than it may have."""

    code = "gate.out_of_memory"
