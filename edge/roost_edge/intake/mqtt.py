"""Inputs by MQTT: the payload is the input itself, the topic names the task.

A sensor needs no Roost library and no header: without MQTT 5 properties the answer goes to `…/out/{task}`. With them,
Response Topic, Correlation Data, Content Type, Message Expiry and the user properties `deadline-ms`, `force`,
`capture` and `operator-token` are honoured. What makes two deliveries the same request is said in DESIGN.md,
section 4.
"""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from typing import Final

from roost_edge.intake.inputs import Delivery, Input, RefusedInputError
from roost_edge.intake.tokens import shows_token
from roost_edge.mqtt import BrokerConnection, Outcome, Properties, Published, Received
from roost_shared.clock import SECOND, Clock, ms_to_ns, timestamp
from roost_shared.messages import Answer, ErrorInfo, encode_json
from roost_shared.topics import DeviceTopics, parse_task_topic

__all__ = ["MqttIntake", "MqttReply"]

JSON: Final = "application/json"
MAX_LEVELS: Final = 100  # of a reply topic; Mosquitto drops the connection of a client that publishes beyond 200
MAX_SETTLED: Final = 4096  # receipts remembered; far more than a broker can have unacknowledged
MAX_ID: Final = 128  # bytes; a longer id of a caller is named by its digest (its Correlation Data comes back whole)

_DELIVERIES: Final = {
    Outcome.HANDED: Delivery.HANDED,
    Outcome.WAITING: Delivery.QUEUED,
    Outcome.FULL: Delivery.REFUSED,
    Outcome.TOO_LARGE: Delivery.REFUSED,
    Outcome.NOT_CONNECTED: Delivery.AWAY,
}


class MqttReply:
    """The way back to a publisher: a topic, and what it wants to recognise its answer by."""

    __slots__ = ("_connection", "_is_answered", "_note_published", "_properties", "_qos", "_settle", "_topic")

    def __init__(
        self,
        connection: BrokerConnection,
        topic: str,
        *,
        qos: int,
        correlation: bytes | None,
        is_answered: Callable[[], bool],
        note_published: Callable[[Published], None],
        settle: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._qos = qos
        self._properties = Properties(content_type=JSON, correlation_data=correlation)
        self._is_answered = is_answered
        self._note_published = note_published
        self._settle = settle

    def answered(self) -> bool:
        """Whether an earlier delivery of this very input has its answer on the way."""
        return self._is_answered()

    def can_deliver(self) -> bool:
        """Whether an answer given now would be handed to the socket."""
        return self._connection.can_hand(self._qos)

    def deliver(self, answer: Answer) -> Delivery:
        """Publish the answer."""
        published = self._connection.publish(
            self._topic, encode_json(answer), qos=self._qos, properties=self._properties
        )
        self._note_published(published)
        return _DELIVERIES[published.outcome]

    def settled(self) -> None:
        """Let the broker forget the input: now, or once an answer that waits in our memory is the broker's."""
        self._settle()


class MqttIntake:
    """Turns received messages into inputs.

    Args:
        topics: of this device.
        connection: where answers go.
        clock: for the wall time that answers state.
        boot: this start of the agent; minted ids begin with it.
        operator_token_sha256: hex digest of the token that `force` and `capture` need; None: nobody may.
        take: called with each input.
        refuse: called with each input that cannot be asked about, and why.
    """

    def __init__(
        self,
        topics: DeviceTopics,
        connection: BrokerConnection,
        clock: Clock,
        *,
        boot: str,
        operator_token_sha256: str | None,
        take: Callable[[Input], None],
        refuse: Callable[[Input, ErrorInfo], None],
    ) -> None:
        self.ignored_retained = 0
        self.ignored_settled = 0  # came again only because our acknowledgement had not reached the broker
        self.ignored_waiting = 0  # came again while their answer waited in our memory, which goes out as it is
        self._topics = topics
        self._connection = connection
        self._clock = clock
        self._boot = boot
        self._operator_token_sha256 = operator_token_sha256
        self._take = take
        self._refuse = refuse
        self._minted = count(1)
        self._settled: OrderedDict[int, None] = OrderedDict()  # receipts, the oldest first
        self._waiting: dict[int, int] = {}  # by the receipt of an input: the `Published.mid` of its answer

    def receive(self, received: Received, task: str) -> None:
        """Take a message from an input topic of this device.

        Args:
            received: the message.
            task: the last level of its topic; it need not name a task of ours.
        """
        if received.retain:
            self.ignored_retained += 1
            self._settle(received.receipt)
            return
        if received.redelivery_of in self._settled:
            self.ignored_settled += 1
            self._settle(received.receipt)
            return
        if received.redelivery_of in self._waiting:
            self.ignored_waiting += 1
            return
        given = self._identify(received, task)
        try:
            self._read_wishes(received, given)
        except RefusedInputError as error:
            self._refuse(given, error.info)
            return
        self._take(given)

    def confirmed(self, mid: int) -> None:
        """The broker answered a QoS 1 message of ours; an input that waited for that is settled.

        Args:
            mid: of any `Published`.
        """
        for receipt in [receipt for receipt, waiting in self._waiting.items() if waiting == mid]:
            del self._waiting[receipt]
            self._settle(receipt)

    def dropped(self, mid: int) -> None:
        """A QoS 1 message of ours will not be sent again; an input whose answer it was gets that when it comes again.

        Args:
            mid: of any `Published`.
        """
        self._waiting = {receipt: waiting for receipt, waiting in self._waiting.items() if waiting != mid}

    def _note_published(self, receipt: int | None, published: Published) -> None:
        """Keep an input unsettled whose answer waits: with the process it would be lost, and the input must not be."""
        if receipt is None:
            return
        if published.outcome is Outcome.WAITING and published.mid is not None:
            self._waiting[receipt] = published.mid
        else:
            self._waiting.pop(receipt, None)

    def _settle_answered(self, receipt: int | None) -> None:
        if receipt not in self._waiting:
            self._settle(receipt)

    def _is_answered(self, receipt: int | None) -> bool:
        return receipt in self._settled or receipt in self._waiting

    def _identify(self, received: Received, task: str) -> Input:
        topic = self._reply_topic(received, task)
        correlation = received.correlation_data
        if correlation:
            # The caller's id, scoped, so that two callers may use the same one; of fixed size, for it is remembered.
            scoped = f"{received.topic}\0{topic}\0".encode() + correlation
            key = f"c-{hashlib.blake2b(scoped, digest_size=16).hexdigest()}"
            request_id = _readable(correlation)
        elif received.receipt is not None:
            key = request_id = f"{self._boot}-r{received.receipt}"
        else:
            key = request_id = f"{self._boot}-{next(self._minted)}"
        return Input(
            key=key,
            id=request_id,
            task=task,
            payload=received.payload,
            content_type=received.content_type,
            received_ns=received.received_ns,
            received_at=timestamp(self._clock.wall()),
            reply=MqttReply(
                self._connection,
                topic,
                qos=received.qos,
                correlation=correlation,
                is_answered=partial(self._is_answered, received.receipt),
                note_published=partial(self._note_published, received.receipt),
                settle=partial(self._settle_answered, received.receipt),
            ),
            expires_ns=None if received.expiry_s is None else received.received_ns + received.expiry_s * SECOND,
            repeatable=bool(correlation) or received.receipt is not None,
            backlog=received.backlog,
            redelivered=received.dup and received.redelivery_of is None,
            correlation="" if correlation is None else correlation.hex(),
        )

    def _settle(self, receipt: int | None) -> None:
        if receipt is None:
            return
        self._settled[receipt] = None
        if len(self._settled) > MAX_SETTLED:
            self._settled.popitem(last=False)
        self._connection.settle(receipt)

    def _reply_topic(self, received: Received, task: str) -> str:
        wanted = received.response_topic
        return wanted if wanted and _is_reply_topic(wanted) else self._topics.output(task)

    def _read_wishes(self, received: Received, given: Input) -> None:
        """Read what the caller asks for beside the payload.

        Raises:
            RefusedInputError: it makes no sense, or is not the caller's to ask.
        """
        wanted = received.response_topic
        if wanted and not _is_reply_topic(wanted):
            raise RefusedInputError("reply.refused", f"answers are not published to {wanted!r}")
        properties = dict(received.user_properties)
        deadline = properties.get("deadline-ms")
        if deadline is not None:
            given.deadline_ns = _deadline_ns(deadline)
        force = properties.get("force")
        if force is not None:
            self._check_operator(properties, "force.refused", "forcing a contestant")
            given.force = force
        if properties.get("capture") == "true":
            self._check_operator(properties, "capture.refused", "having an input kept")
            given.keep = True

    def _check_operator(self, properties: Mapping[str, str], code: str, what: str) -> None:
        if not shows_token(properties.get("operator-token", ""), self._operator_token_sha256):
            raise RefusedInputError(code, f"{what} needs the operator's token")


def _deadline_ns(text: str) -> int:
    try:
        deadline_ms = float(text)
    except ValueError:
        deadline_ms = math.nan
    if not 0 < deadline_ms < math.inf:
        raise RefusedInputError("deadline.invalid", f"deadline-ms is {text!r}; give milliseconds above 0")
    return ms_to_ns(min(deadline_ms, 1e9))


def _is_reply_topic(topic: str) -> bool:
    """Whether a caller may have its answer sent there.

    The agent may write more topics than a caller: no caller shall make it write a device's state or questions.
    """
    if any(sign in topic for sign in "+#\0") or topic.startswith("$") or topic.count("/") > MAX_LEVELS:
        return False
    if not topic.startswith("roost/"):
        return True
    parsed = parse_task_topic(topic)
    return parsed is not None and parsed.kind == "out"


def _readable(correlation: bytes) -> str:
    """The caller's id as text: itself where it is short and printable, else in hexadecimal."""
    if len(correlation) > MAX_ID:
        return hashlib.blake2b(correlation, digest_size=16).hexdigest()
    try:
        text = correlation.decode()
    except UnicodeDecodeError:
        return correlation.hex()
    return text if text.isprintable() else correlation.hex()
