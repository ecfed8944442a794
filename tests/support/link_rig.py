"""A link to cloud contestants in virtual time: a connection, a desk and a scorer that a test plays."""

from pathlib import Path
from typing import NamedTuple

from roost_edge.asking.interface import Inquiry
from roost_edge.asking.ledger import Ledger
from roost_edge.asking.link import CloudLink
from roost_edge.mqtt import NOTHING, Outcome, Published, Received, Unsent
from roost_edge.workers import SharedPayload
from roost_shared.clock import MS, SystemClock
from roost_shared.complaints import Complaints
from roost_shared.messages import ErrorInfo
from roost_shared.questions import CloudScore, InputSize, Question, decode_msgpack, encode_msgpack
from roost_shared.rendezvous import Answer, Link, Request, Seen
from roost_shared.scored import Scored
from roost_shared.topics import DeviceTopics
from tests.support.virtual_reactor import VirtualReactor

__all__ = ["Heard", "LinkRig"]

TOPICS = DeviceTopics("acme", "cam-01")


class Heard(NamedTuple):
    """What the link told the desk of a contestant: its label, or the code of its failure."""

    now_ns: int
    key: str
    contestant: str
    label: str | None
    code: str | None


class LinkRig:
    """Task `meter` with the cloud contestants `big` and `huge`."""

    def __init__(self, labels: frozenset[str] | None = frozenset("0123456789")) -> None:
        self.reactor = VirtualReactor()
        self.complaints = Complaints(SystemClock())
        self.waiting = NOTHING
        self.outcome = Outcome.HANDED
        self.sent: list[Question] = []
        self.heard: list[Heard] = []
        self.links: list[Link] = []
        ledger = Ledger(Path("/nowhere"), 0, self.reactor.as_reactor(), self.complaints)
        self.link = CloudLink(TOPICS, "boot", ledger, self.reactor.as_reactor(), self.complaints, self)
        self.link.serve("meter", ["big", "huge"], labels)
        self.link.ride(self)

    # ---- the connection

    def publish(self, topic: str, payload: bytes) -> Published:
        assert topic == TOPICS.ask("meter")
        if self.outcome in (Outcome.HANDED, Outcome.WAITING):
            self.sent.append(decode_msgpack(payload, Question))
        return Published(self.outcome)

    def unsent(self) -> Unsent:
        return self.waiting

    # ---- the desk

    def on_score(self, key: str, contestant: str, scored: Scored, bundle: str | None) -> None:
        del bundle
        self.heard.append(Heard(self.reactor.now, key, contestant, scored.label, None))

    def on_failure(self, key: str, contestant: str, error: ErrorInfo, *, final: bool = True) -> None:
        del final
        self.heard.append(Heard(self.reactor.now, key, contestant, None, error.code))

    def on_link(self, task: str, link: Link) -> None:
        assert task == "meter"
        self.links.append(link)

    # ---- a test's words

    @property
    def questions(self) -> list[Question]:
        return [question for question in self.sent if question.contestants]

    @property
    def probes(self) -> list[Question]:
        return [question for question in self.sent if not question.contestants]

    def ask(
        self, key: str, *contestants: str, time_up_ms: float = 300, shrunken_to: InputSize | None = None
    ) -> ErrorInfo | None:
        """Ask about an input whose time is up `time_up_ms` from now."""
        with SharedPayload(b"image") as payload:
            inquiry = Inquiry(
                key=key,
                task="meter",
                contestants=contestants or ("big",),
                payload=payload,
                content_type=None,
                inject=None,
                time_up_ns=self.reactor.now + round(time_up_ms * MS),
                shrunken_to=shrunken_to,
            )
            return self.link.ask(inquiry)

    def answered(self, key: str, *errors: tuple[str, str]) -> None:
        """The request has its answer; `errors`: what its candidates had failed with."""
        seen = tuple(Seen(contestant, 0, None, ErrorInfo(code, "")) for contestant, code in errors)
        self.link.answered(key, "meter", Answer(Request(key, 0), "fallback", None, seen, 0))

    def receive(self, score: CloudScore | bytes, *, retain: bool = False) -> None:
        """Something comes on the score topic."""
        payload = score if isinstance(score, bytes) else encode_msgpack(score)
        self.link.received(
            Received(
                topic=TOPICS.score,
                payload=payload,
                qos=0,
                retain=retain,
                dup=False,
                mid=0,
                receipt=None,
                redelivery_of=None,
                backlog=False,
                connection_number=1,
                received_ns=self.reactor.now,
            )
        )

    def score(self, question: Question, contestant: str = "big", label: str = "7", confidence: float = 0.9) -> None:
        """A contestant answers."""
        self.receive(CloudScore(id=question.id, contestant=contestant, label=label, confidence=confidence))

    def become_good(self, round_trip_ms: float = 20) -> None:
        """Connect, and have the probe come back."""
        self.link.connected()
        self.reactor.advance(self.reactor.now)
        probe = self.probes[-1]
        self.after(round_trip_ms)
        self.receive(CloudScore(id=probe.id))
        assert self.link.state == "good"

    def learn(self, times: int = 5, round_trip_ms: float = 20) -> None:
        """Ask and be answered, until the task's round trips are known."""
        for number in range(times):
            self.ask(f"learn-{number}")
            question = self.questions[-1]
            self.after(round_trip_ms)
            self.score(question)
            self.answered(f"learn-{number}")
        self.heard.clear()

    def after(self, ms: float) -> None:
        self.reactor.advance(self.reactor.now + round(ms * MS))
