"""Puts questions and probes on the wire, within what may be sent."""

from collections import deque
from typing import Final, Protocol

from roost_edge.asking.budget import MAX_UNSENT
from roost_edge.asking.ledger import Ledger
from roost_edge.mqtt import Outcome, Published, Unsent
from roost_shared.messages import ErrorInfo
from roost_shared.questions import Question, encode_msgpack
from roost_shared.topics import DeviceTopics

__all__ = ["DOWN", "AskCarrier", "Sender"]

DOWN: Final = ErrorInfo("link.down", "the link to the cloud is down")
_TOO_LARGE: Final = ErrorInfo("link.too_large", "the cloud's broker takes no message of this size")
_FULL: Final = ErrorInfo("link.full", "the connection takes no more until what waits has left")
_REFUSALS: Final = {Outcome.NOT_CONNECTED: DOWN, Outcome.TOO_LARGE: _TOO_LARGE, Outcome.FULL: _FULL}


class AskCarrier(Protocol):
    """What asking needs of the connection it rides on: `BrokerConnection`, or what wraps one."""

    def publish(self, topic: str, payload: bytes) -> Published:
        """Publish at QoS 0, as `BrokerConnection.publish` does."""
        ...

    def unsent(self) -> Unsent:
        """What was published and has not left this machine, or not reached the broker's."""
        ...


class Sender:
    """Sends, once it has a carrier.

    Args:
        topics: the device's.
        ledger: what may be sent in a day, and what was.
    """

    def __init__(self, topics: DeviceTopics, ledger: Ledger) -> None:
        self.carrier: AskCarrier | None = None
        self.ledger = ledger
        self._topics = topics
        self._sizes: deque[int] = deque(maxlen=MAX_UNSENT)  # bytes of the last questions

    def send(self, task: str, question: Question) -> ErrorInfo | None:
        """Send a question, or say why not."""
        carrier = self.carrier
        if carrier is None:
            return DOWN
        topic, payload = self._topics.ask(task), encode_msgpack(question)
        size_bytes = len(topic) + len(payload)
        waiting = carrier.unsent()
        unsent = last_within(self._sizes, waiting.unsent_bytes)
        refusal = self.ledger.refusal(size_bytes, unsent=unsent, unsent_bytes=waiting.unacknowledged_bytes)
        refusal = refusal or _REFUSALS.get(carrier.publish(topic, payload).outcome)
        if refusal is None:
            self._sizes.append(size_bytes)
            self.ledger.spend(size_bytes)
        return refusal

    def probe(self, task: str, question_id: str) -> bool:
        """Send a probe, whatever waits and whatever is spent; False if it was not taken."""
        if self.carrier is None:
            return False
        probe = Question(id=question_id, contestants=[], remaining_ms=0.0)
        topic, payload = self._topics.ask(task), encode_msgpack(probe)
        taken = self.carrier.publish(topic, payload).outcome not in _REFUSALS
        if taken:
            self.ledger.spend(len(topic) + len(payload))
        return taken


def last_within(sizes: deque[int], waiting_bytes: int) -> int:
    """How many of the last messages are among the last `waiting_bytes` that were sent.

    >>> last_within(deque([10, 20, 30]), 0), last_within(deque([10, 20, 30]), 31)
    (0, 2)
    """
    messages = 0
    for size_bytes in reversed(sizes):
        if waiting_bytes <= 0:
            break
        messages += 1
        waiting_bytes -= size_bytes
    return messages
