"""Measures φ of the inputs a worker scores, as often as its budget allows.

It is the crew's turn after the answering head's score has left: an answer never waits for φ, and the next input waits
for one at most, which `roost_shared.phi.budget` keeps within 3 % of what inference takes.
"""

import time
from collections.abc import Callable
from typing import Any

from roost_edge.workers import protocol
from roost_edge.workers.describing import describe
from roost_shared.phi import PhiKind
from roost_shared.phi.budget import Budget
from roost_shared.phi.vector import PhiVector

__all__ = ["Gauge"]

Measure = Callable[[list[Any], list[Any]], list[float]]


class Gauge:
    """Of one base.

    Args:
        kind: what is measured.
        source: tells it from φ of other inputs.
        measure: gives the statistics, of the tensors the model sees and of the base's features.
        now_ns: monotonic time.

    Attributes:
        budget: says which inputs to look at.
    """

    def __init__(
        self, kind: PhiKind, source: int, measure: Measure, now_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._kind = kind
        self._source = source
        self._measure = measure
        self._now_ns = now_ns
        self.budget = Budget()

    def look(self, prepared: list[Any], features: list[Any]) -> bytes:
        """Measure the input at hand, once `budget` says so; gives the packet that tells of it.

        Args:
            prepared: the tensors the model sees.
            features: what the base made of them.
        """
        began_ns = self._now_ns()
        try:
            values = self._measure(prepared, features)
            packet = protocol.encode(protocol.Measured(PhiVector(self._kind.number, self._source, values)))
        except Exception as error:  # noqa: BLE001 - the boundary of a job: the agent hears and counts it, we go on
            packet = protocol.encode(protocol.Measured(None, describe(error)))
        now_ns = self._now_ns()
        self.budget.spend(now_ns - began_ns, now_ns)
        return packet
