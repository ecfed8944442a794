"""Which loaded bundle answers for which contestant at this moment.

The librarian writes, those who score read; a reader sees the shelf before or after a change, never in between.
"""

from collections.abc import Mapping

from roost_cloud.scorer.engine import Engine
from roost_cloud.tasks.resolution import Place

__all__ = ["Shelf"]


class Shelf:
    """Loaded bundles by contestant.

    Attributes:
        asked_ns: when a question for a contestant last came, monotonic.
        known: whether the tasks have been read at all.
    """

    def __init__(self) -> None:
        self.asked_ns: dict[Place, int] = {}
        self.known = False
        self._engines: Mapping[Place, Engine | None] = {}

    def __contains__(self, place: Place) -> bool:
        """Whether there is such a contestant, loaded or not."""
        return place in self._engines

    def engine(self, place: Place) -> Engine | None:
        """The bundle that answers for a contestant; None if it is not loaded, or there is no such contestant."""
        return self._engines.get(place)

    @property
    def engines(self) -> set[Engine]:
        """All that are loaded."""
        return {engine for engine in self._engines.values() if engine is not None}

    def replace(self, engines: Mapping[Place, Engine | None]) -> None:
        """Put these in the place of all."""
        self._engines = engines
        self.known = True
        for place in list(self.asked_ns):  # a copy: questions come in meanwhile
            if place not in engines:
                self.asked_ns.pop(place, None)
