"""Requests to `Asking` without a broker: a task, a clock, and scorers that say what a test wants."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from roost_cloud.asking.asking import Asking
from roost_cloud.asking.inquiry import Inquiry
from roost_cloud.asking.outcomes import Answered, Complaint, Doubt, Judge, Outcome, Send
from roost_cloud.tasks.document import read_task
from roost_shared.clock import MS
from roost_shared.questions import CloudScore
from roost_shared.rendezvous import Answer

__all__ = ["BOOT", "AskingRig", "inquiry", "said"]

BOOT = "cloud.b1"


def inquiry(*contestants: str, received_ns: int = 0, tenant: str = "acme", **fields: Any) -> Inquiry:
    """An inquiry to a task with these contestants, `big` alone unless told; its rules are the default ones."""
    more = {name: fields.pop(name) for name in list(fields) if name in ("rules", "early_advance", "roles")}
    roles = more.pop("roles", {})
    document = {
        "deadline_ms": 1000,
        "default": "unknown",
        "contestants": [
            {"name": name, "bundle": "meter:1", "role": roles.get(name, "answer")} for name in contestants or ("big",)
        ],
        **more,
    }
    policy = read_task("meter", document).policy(f"{tenant}/meter")
    given = {"payload": b"pixels", **fields}
    return Inquiry(tenant=tenant, task="meter", policy=policy, received_ns=received_ns, **given)


def said(question_id: str, contestant: str | None = "big", **fields: Any) -> CloudScore:
    """A plain score."""
    given = {"label": "7", "confidence": 0.9, **fields}
    return CloudScore(id=question_id, contestant=contestant, **given)


class AskingRig:
    """`Asking` and what it led to."""

    def __init__(self, in_flight: int = 10, *, connected: bool = True) -> None:
        self.asking = Asking(BOOT, in_flight=in_flight)
        self.now_ns = 0
        self.sent: list[Send] = []
        self.answers: dict[str, list[Answer]] = {}
        self.complaints: Counter[str] = Counter()
        self.doubts: list[Doubt] = []
        if connected:
            self.asking.connected()

    def open(self, asked: Inquiry) -> str:
        request_id = self.asking.request_id(asked)
        self._note(self.asking.open(request_id, asked, self.now_ns))
        return request_id

    def hear(self, *scores: CloudScore) -> None:
        for score in scores:
            self._note(self.asking.heard(score, self.now_ns))

    def look_again(self, labels: frozenset[str] | None) -> None:
        """Find the label space that the oldest doubt asks for, and judge by it."""
        self._note(self.asking.heard(self.doubts.pop(0).score, self.now_ns, Judge(labels)))

    def disconnect(self) -> None:
        self._note(self.asking.disconnected(self.now_ns))

    def pass_ms(self, ms: float) -> None:
        """Let time pass, with a tick at each moment that was asked for."""
        until_ns = self.now_ns + round(ms * MS)
        while (wake_ns := self.asking.next_wake_ns) is not None and wake_ns <= until_ns:
            self.now_ns = max(self.now_ns, wake_ns)
            self._note(self.asking.tick(self.now_ns))
        self.now_ns = until_ns

    def answer(self, request_id: str) -> Answer:
        """The one answer of a request."""
        (answer,) = self.answers[request_id]
        return answer

    def learn(self, took_ms: float, times: int = 5, **fields: Any) -> None:
        """Have the task answer so often in this time."""
        for _ in range(times):
            self.open(inquiry(received_ns=self.now_ns, **fields))
            self.pass_ms(took_ms)
            self.hear(said(self.sent[-1].question.id))

    def _note(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            match outcome:
                case Send():
                    self.sent.append(outcome)
                case Answered(request_id, answer):
                    self.answers.setdefault(request_id, []).append(answer)
                case Complaint(error):
                    self.complaints[error.code] += 1
                case Doubt():
                    self.doubts.append(outcome)
