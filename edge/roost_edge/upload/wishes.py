"""What people want to see of this device before anything else, asked of the cloud now and then.

The cloud knows which samples there are and which of their inputs it lacks, so it names them; a device with nothing to
bring does not ask. Nothing depends on an answer: without one the last holds, and what it names and the spool has no
more is passed over.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from roost_edge.upload.shard_cloud import ShardCloud
from roost_shared.clock import SECOND, Clock
from roost_shared.errors import TransportError

__all__ = ["Wishes"]

_EVERY_NS: Final = 60 * SECOND
_SAMPLES: Final = 2000  # looked for in the spool at a time: what is more comes with the next answer


class Wishes:
    """Those of one device.

    Args:
        cloud: whom to ask.
        clock: tells when to ask again.
    """

    def __init__(self, cloud: ShardCloud, clock: Clock) -> None:
        self._cloud = cloud
        self._clock = clock
        self._samples: Sequence[str] = ()
        self._ask_ns = clock.now_ns()

    def now(self) -> Sequence[str]:
        """Samples that are wanted, as far as is known; asks the cloud if a minute has passed."""
        now_ns = self._clock.now_ns()
        if now_ns >= self._ask_ns:
            self._ask_ns = now_ns + _EVERY_NS
            with suppress(TransportError):  # the delivery that comes next meets it too, says so and waits
                self._samples = self._cloud.wanted().samples[:_SAMPLES]
        return self._samples
