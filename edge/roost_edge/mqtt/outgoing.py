"""What we have published and what still waits: for the socket, or for the broker's word. Pure.

A broker that reads nothing must not fill our memory, so the bytes that wait are bounded; beyond that a
message is not taken. Bytes waiting for the socket are counted as one heap that is gone when the socket has taken
all of it: an upper bound, which a broker that keeps up never notices.
"""

from enum import Enum
from typing import NamedTuple

__all__ = ["Outcome", "Outgoing", "Published"]


class Outcome(Enum):
    """What became of a message at `BrokerConnection.publish`."""

    HANDED = "handed"  # all its bytes are the socket's
    WAITING = "waiting"  # taken; it goes when the socket or, at QoS 1, the broker's window has room
    NOT_CONNECTED = "not_connected"  # not taken: there is no broker
    FULL = "full"  # not taken: too much is waiting already
    TOO_LARGE = "too_large"  # not taken: the broker would end the connection over it


class Published(NamedTuple):
    """The result of `publish`; `mid` is what `ConnectionEvents.confirmed` will name, for QoS 1 if taken."""

    outcome: Outcome
    mid: int | None = None

    @property
    def handed(self) -> bool:
        """Whether all its bytes were handed to the socket now; what `deadline_met` asks."""
        return self.outcome is Outcome.HANDED


class Outgoing:
    """Messages that wait.

    Args:
        limit_bytes: how many may wait, in bytes; a single message is always taken when nothing waits.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._unwritten_bytes = 0
        self._unconfirmed: dict[int, int] = {}  # packet id: bytes
        self._unconfirmed_bytes = 0

    @property
    def unconfirmed(self) -> int:
        """QoS 1 messages the broker has not confirmed."""
        return len(self._unconfirmed)

    @property
    def unwritten_bytes(self) -> int:
        """What of QoS 0 waits for the socket, or more."""
        return self._unwritten_bytes

    @property
    def idle(self) -> bool:
        """Whether nothing waits."""
        return not self._unconfirmed and not self._unwritten_bytes

    def has_room(self, message_bytes: int) -> bool:
        """Whether a payload may join those that wait."""
        waiting = self._unwritten_bytes + self._unconfirmed_bytes
        return waiting == 0 or waiting + message_bytes <= self._limit_bytes

    def took(self, mid: int, message_bytes: int, *, qos: int, written: bool) -> None:
        """A message was taken; `written` if no byte waits for the socket."""
        if qos:
            self._unconfirmed[mid] = message_bytes
            self._unconfirmed_bytes += message_bytes
        elif not written:
            self._unwritten_bytes += message_bytes

    def written(self) -> None:
        """The socket has taken all there was."""
        self._unwritten_bytes = 0

    def confirmed(self, mid: int) -> bool:
        """The broker answered a QoS 1 message; False if `mid` is none that waits."""
        message_bytes = self._unconfirmed.pop(mid, None)
        if message_bytes is None:
            return False
        self._unconfirmed_bytes -= message_bytes
        return True

    def clear(self) -> list[int]:
        """Nothing waits any more, for the link that kept it is given up; return the QoS 1 messages' packet ids."""
        lost = list(self._unconfirmed)
        self._unconfirmed.clear()
        self._unconfirmed_bytes = self._unwritten_bytes = 0
        return lost
