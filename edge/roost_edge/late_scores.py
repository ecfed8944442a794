"""Scores that came after the answer: the last of them, and those whose inputs are worth capturing.

A late score that says something else than the answer did is a teacher's label of an input nobody was sure of.
"""

from collections import deque
from typing import Final

import msgspec

__all__ = ["LateScore", "LateScores"]

_RECENT: Final = 64
_CAPTURES: Final = 1024  # that wait to be taken; beyond, the oldest are forgotten


class LateScore(msgspec.Struct, frozen=True, kw_only=True):
    """What a contestant said too late."""

    request_id: str  # as the answer gave it
    task: str
    contestant: str
    label: str | None
    confidence: float | None
    answer_label: str | None  # None: the default, or an answer without a label
    differs: bool  # from the answer; any label differs from a default


class LateScores:
    """Those of one task."""

    def __init__(self) -> None:
        self.recent: deque[LateScore] = deque(maxlen=_RECENT)
        self.missed = 0  # captures forgotten before anybody took them
        self._captures: deque[LateScore] = deque()

    @property
    def captures(self) -> int:
        """How many wait to be taken."""
        return len(self._captures)

    def note(self, late: LateScore) -> None:
        """Record one; if it differs, its input shall be captured."""
        self.recent.append(late)
        if late.differs:
            self._captures.append(late)
            if len(self._captures) > _CAPTURES:
                self._captures.popleft()
                self.missed += 1

    def take_captures(self) -> list[LateScore]:
        """Those whose inputs are to be captured, since this was last called."""
        taken = list(self._captures)
        self._captures.clear()
        return taken
