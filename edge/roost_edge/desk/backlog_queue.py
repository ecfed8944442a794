"""Inputs that waited at the broker while we were away, and when the next of them has its turn. Pure.

They give way to live inputs, but not for ever: the broker's window slides with the oldest input, so one that never had
its turn would hold up all after it. What is backlog and what is live, `roost_edge.mqtt.backlog` tells.
"""

from collections import deque
from typing import Final

from roost_edge.intake.inputs import Input

__all__ = ["BacklogQueue"]

# One is begun while fewer requests than this are unanswered: enough to keep a model busy, and no queue for live ones.
AHEAD: Final = 2


class BacklogQueue:
    """The first in is the first out."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Input, int]] = deque()  # with the deadline of its task
        self._due_ns = 0

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def due_ns(self) -> int | None:
        """When the next has its turn, however busy we are; None if none waits."""
        return self._due_ns if self._waiting else None

    def put(self, given: Input, deadline_ns: int, now_ns: int) -> None:
        """Let an input wait.

        Args:
            given: the input.
            deadline_ns: its task's: for so long after its own turn the next one may be put off.
            now_ns: monotonic time.
        """
        if not self._waiting:
            self._due_ns = now_ns + deadline_ns
        self._waiting.append((given, deadline_ns))

    def take(self, unanswered: int, now_ns: int) -> Input | None:
        """The next input if it is its turn; `unanswered` is how many requests have been begun and have no answer."""
        if not self._waiting or (unanswered >= AHEAD and now_ns < self._due_ns):
            return None
        given, deadline_ns = self._waiting.popleft()
        self._due_ns = now_ns + deadline_ns
        return given
