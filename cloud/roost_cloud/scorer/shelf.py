"""Which loaded bundle answers for which contestant at this moment.

The librarian writes, those who score read; a reader sees the shelf before or after a change, never in between.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from roost_cloud.tasks.resolution import ContestantKey

if TYPE_CHECKING:
    from roost_cloud.scorer.engine import Engine

__all__ = ["Shelf"]


class Shelf:
    """Loaded bundles by contestant.

    Attributes:
        asked_ns: when a question for a contestant last came, monotonic.
        known: whether the tasks have been read at all.
    """

    def __init__(self) -> None:
        self.asked_ns: dict[ContestantKey, int] = {}
        self.known = False
        self._engines: Mapping[ContestantKey, Engine | None] = {}

    def __contains__(self, key: ContestantKey) -> bool:
        """Whether there is such a contestant, loaded or not."""
        return key in self._engines

    def engine(self, key: ContestantKey) -> "Engine | None":
        """The bundle that answers for a contestant; None if it is not loaded, or there is no such contestant."""
        return self._engines.get(key)

    @property
    def engines(self) -> "set[Engine]":
        """All that are loaded."""
        return {engine for engine in self._engines.values() if engine is not None}

    def replace(self, engines: "Mapping[ContestantKey, Engine | None]") -> None:
        """Put these in the place of all."""
        self._engines = engines
        self.known = True
        for key in list(self.asked_ns):  # a copy: questions come in meanwhile
            if key not in engines:
                self.asked_ns.pop(key, None)
