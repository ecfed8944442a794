"""Faults of others, counted at once and named in the log once a minute.

A sensor that sends a thousand bad images a second must not fill the log, and must not be passed over in silence.
"""

import logging
from collections import Counter
from typing import Final

from roost_shared.clock import SECOND, Clock

__all__ = ["Complaints"]

log = logging.getLogger(__name__)

QUIET_NS: Final = 60 * SECOND


class Complaints:
    """Counts faults by code, and logs the first of a kind in each minute with the number since the last."""

    def __init__(self, clock: Clock) -> None:
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self._named: dict[str, tuple[int, int]] = {}  # code -> (when it was named last, its count then)

    def note(self, code: str, detail: str) -> None:
        """Count a fault of the kind `code`; `detail` is one line for a person."""
        self.counts[code] += 1
        now_ns = self._clock.now_ns()
        named_ns, named_count = self._named.get(code, (now_ns - QUIET_NS, 0))
        if now_ns - named_ns >= QUIET_NS:
            self._named[code] = (now_ns, self.counts[code])
            log.warning("%s: %s (%d since last named)", code, detail, self.counts[code] - named_count)
