"""Which QoS 1 messages may be acknowledged now, and which came before. Pure.

Rules (DESIGN.md, sections 4 and 8):

- A message is acknowledged once it is settled: durable, or deliberately not kept.
- In order of receipt: MQTT 5 demands it (MQTT-4.6.0-2), and the broker's window slides with the oldest.
- Never on another connection than its own: there the packet id means something else.
- A message marked DUP, with the packet id and digest of one the broker may still hold unacknowledged, is the same
  message and keeps its receipt. The broker may hold what we have not acknowledged, and also what we have:
  acknowledgements written to a link that was already dead never arrived. So the last acknowledged ones are remembered;
  more of them than our Receive Maximum, which brokers exceed: Mosquitto 2.0 sends two queued messages for each
  acknowledgement, until all that waited is under way.
- If the broker kept no session, it will redeliver nothing, and all of that is forgotten.

>>> acknowledgements = Acknowledgements(remembered=2048)
>>> acknowledgements.connected(session_present=False)
>>> first = acknowledgements.received(mid=1, digest=11, dup=False)
>>> second = acknowledgements.received(mid=2, digest=22, dup=False)
>>> acknowledgements.settle(second.receipt)
[]
>>> acknowledgements.settle(first.receipt)
[1, 2]
"""

from collections import OrderedDict, deque
from itertools import count
from typing import NamedTuple

__all__ = ["Acknowledgements", "Receipt"]


class Receipt(NamedTuple):
    """A QoS 1 message's number in this boot, and whether it was given out before."""

    receipt: int
    redelivered: bool


class _Message:
    __slots__ = ("digest", "mid", "receipt", "settled")

    def __init__(self, receipt: int, mid: int, digest: int) -> None:
        self.receipt = receipt
        self.mid = mid
        self.digest = digest
        self.settled = False


class Acknowledgements:
    """The QoS 1 messages of one session, over all its connections.

    Args:
        remembered: acknowledged messages that are recognised when they come again.
    """

    def __init__(self, remembered: int) -> None:
        self._remembered = remembered
        self._numbers = count(1)
        self._pending: deque[_Message] = deque()  # of this connection, in order of receipt
        self._unsettled: dict[int, _Message] = {}  # by receipt; may outlive its connection
        self._acknowledged: OrderedDict[int, _Message] = OrderedDict()  # of this connection, by packet id
        self._redeliverable: OrderedDict[int, _Message] = OrderedDict()  # of ended connections, by packet id

    @property
    def unacknowledged(self) -> int:
        """Messages of this connection that wait for their acknowledgement."""
        return len(self._pending)

    def connected(self, *, session_present: bool) -> None:
        """A connection begins. What came before can be redelivered only if the broker kept the session."""
        if not session_present:
            self._redeliverable.clear()

    def disconnected(self) -> None:
        """The connection ended: none of its messages can be acknowledged any more. Idempotent."""
        for message in (*self._acknowledged.values(), *self._pending):
            self._redeliverable[message.mid] = message
            self._redeliverable.move_to_end(message.mid)
        self._acknowledged.clear()
        self._pending.clear()
        settled = [message.mid for message in self._redeliverable.values() if message.settled]
        for mid in settled[: -self._remembered]:
            del self._redeliverable[mid]

    def received(self, mid: int, digest: int, *, dup: bool) -> Receipt:
        """Take a message in: a new receipt, or that of the message it repeats.

        Args:
            mid: its packet id.
            digest: any hash of its payload and topic that is stable within this boot.
            dup: whether the broker marked it DUP.
        """
        earlier = self._redeliverable.pop(mid, None)  # whatever it was, this message took its packet id
        if dup and earlier is not None and earlier.digest == digest:
            self._pending.append(earlier)
            return Receipt(earlier.receipt, redelivered=True)
        for message in self._pending if dup else ():
            if message.mid == mid and message.digest == digest:  # an old broker, repeating itself
                return Receipt(message.receipt, redelivered=True)
        self._acknowledged.pop(mid, None)
        message = _Message(next(self._numbers), mid, digest)
        self._pending.append(message)
        self._unsettled[message.receipt] = message
        return Receipt(message.receipt, redelivered=False)

    def settle(self, receipt: int) -> list[int]:
        """Note that a message may be acknowledged; return `due`. Unknown and repeated receipts change nothing."""
        message = self._unsettled.pop(receipt, None)
        if message is not None:
            message.settled = True
        return self.due()

    def due(self) -> list[int]:
        """The packet ids to acknowledge now, on this connection, in this order."""
        mids = []
        while self._pending and self._pending[0].settled:
            message = self._pending.popleft()
            mids.append(message.mid)
            self._acknowledged[message.mid] = message
            if len(self._acknowledged) > self._remembered:
                self._acknowledged.popitem(last=False)
        return mids
