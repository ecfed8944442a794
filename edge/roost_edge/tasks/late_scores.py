"""The last scores that came after the answer, for whoever looks at a device; the decoy has their inputs kept.

A late score that says something else than the answer did is a teacher's label of an input nobody was sure of.
"""

from collections import deque
from typing import Any, Final

import msgspec

__all__ = ["LateScore", "LateScores"]

_RECENT: Final = 16


class LateScore(msgspec.Struct, frozen=True, kw_only=True):
    """What a contestant said too late."""

    request_id: str  # as the answer gave it
    contestant: str
    label: str | None
    confidence: float | None
    answer_label: str | None  # None: the default, or an answer without a label
    differs: bool  # from the answer; any label differs from a default


class LateScores:
    """Those of one task."""

    def __init__(self) -> None:
        self._recent: deque[LateScore] = deque(maxlen=_RECENT)

    def note(self, late: LateScore) -> None:
        """Remember one, and forget the oldest of too many."""
        self._recent.append(late)

    def to_list(self) -> list[Any]:
        """The last of them, the oldest first, as `roost-agent status --json` gives them."""
        recent: list[Any] = msgspec.to_builtins(list(self._recent))
        return recent
