"""When which records are sent, and when again: go-back-N over a link that may lose anything. Pure.

Records are sent in order, a few batches ahead of the cloud's watermark. After a new connection, or silence, everything
from the watermark on is sent again: what the cloud covers has left the outbox, so that is wherever the outbox begins.
Each silence in a row is waited for twice as long as the one before.

>>> sender = GoBackN()
>>> sender.connected(0)
>>> sender.may_send(0), sender.position
(True, (0, 0))
>>> sender.sent(1, 5, 0)
>>> sender.position
(1, 5)
>>> sender.covered(1, 5, 1)
>>> sender.may_send(SILENCE_NS), sender.position
(True, (1, 5))
"""

from collections import deque
from typing import Final

from roost_shared.clock import SECOND

__all__ = ["BATCHES_AHEAD", "SILENCE_NS", "GoBackN"]

BATCHES_AHEAD: Final = 4
SILENCE_NS: Final = 30 * SECOND
_LONGEST_NS: Final = 16 * SILENCE_NS
_BEGINNING: Final = (0, 0)


class GoBackN:
    """The state of one link.

    Attributes:
        position: boot and sequence of the record that was sent last; what follows it in the outbox is next.
    """

    def __init__(self) -> None:
        self._connected = False
        self._under_way: deque[tuple[int, int]] = deque()  # the last record of each batch
        self._quiet_since_ns = 0
        self._patience_ns = SILENCE_NS
        self.position = _BEGINNING

    def connected(self, now_ns: int) -> None:
        """There is a link, a new one."""
        self._connected = True
        self._go_back(now_ns)
        self._patience_ns = SILENCE_NS

    def disconnected(self) -> None:
        """There is none any more."""
        self._connected = False

    def may_send(self, now_ns: int) -> bool:
        """Whether the batch after `position` may be sent now."""
        if self._under_way and now_ns - self._quiet_since_ns >= self._patience_ns:
            self._go_back(now_ns)
            self._patience_ns = min(_LONGEST_NS, 2 * self._patience_ns)
        return self._connected and len(self._under_way) < BATCHES_AHEAD

    def next_look_ns(self) -> int | None:
        """When `may_send` may say otherwise by time alone; None: never."""
        if not self._connected or not self._under_way:
            return None
        return self._quiet_since_ns + self._patience_ns

    def sent(self, boot: int, last: int, now_ns: int) -> None:
        """A batch was handed to the link, whose last record was this one."""
        if not self._under_way:
            self._quiet_since_ns = now_ns
        self._under_way.append((boot, last))
        self.position = (boot, last)

    def covered(self, boot: int, sequence: int, now_ns: int) -> None:
        """The cloud has this boot's records up to this one."""
        before = len(self._under_way)
        self._under_way = deque(one for one in self._under_way if one[0] != boot or one[1] > sequence)
        self.position = max(self.position, (boot, sequence)) if self.position[0] == boot else self.position
        if len(self._under_way) < before:
            self._quiet_since_ns = now_ns
            self._patience_ns = SILENCE_NS

    def _go_back(self, now_ns: int) -> None:
        self._under_way.clear()
        self._quiet_since_ns = now_ns
        self.position = _BEGINNING
