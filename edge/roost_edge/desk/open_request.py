"""A request between its input and its close: what the desk keeps of it."""

from roost_edge.intake.inputs import Input, Reply
from roost_edge.tasks.task import Task
from roost_edge.workers import SharedPayload
from roost_shared import rendezvous
from roost_shared.messages import ErrorInfo

__all__ = ["OpenRequest"]


class OpenRequest:
    """One request, from both sides.

    Attributes:
        task: what is asked.
        input: as its intake read it.
        request: the same as the rendezvous knows it; its `id` is the input's `key`.
        time_up_ns: the moment at which it is answered at the latest, monotonic.
        joined: the ways back of inputs that repeated its id before it was answered.
        decision: what the rendezvous decided; None until then.
        payload: held until it is answered, where somebody may be asked until then or the input kept; None else.
        deferred: contestants that are asked once it is answered.
        deferred_ns: when they were, monotonic.
        link: what was known of the way to cloud contestants when it came.
    """

    __slots__ = (
        "decision",
        "deferred",
        "deferred_ns",
        "input",
        "joined",
        "link",
        "payload",
        "request",
        "task",
        "time_up_ns",
    )

    def __init__(self, task: Task, given: Input, request: rendezvous.Request) -> None:
        self.task = task
        self.input = given
        self.request = request
        self.time_up_ns = task.policy.time_up_ns(request.received_ns, request.deadline_ns)
        self.joined: list[Reply] = []
        self.decision: rendezvous.Answer | None = None
        self.payload: SharedPayload | None = None
        self.deferred: frozenset[str] = frozenset()
        self.deferred_ns = request.received_ns
        self.link = task.link

    def tell_score(self, score: rendezvous.Score, now_ns: int) -> None:
        """Let whoever observes the task know what a contestant said."""
        if self.task.observer is not None:
            deferred = score.contestant in self.task.deferred
            since_ns = self.deferred_ns if deferred else self.request.received_ns
            took_ns = None if self.input.backlog else now_ns - since_ns
            self.task.observer.scored(self.request.id, score, took_ns)

    def tell_failure(self, contestant: str, error: ErrorInfo) -> None:
        """The same, where it will not say anything."""
        if self.task.observer is not None:
            self.task.observer.failed(contestant, error)

    def tell_answer(self, decision: rendezvous.Answer) -> None:
        """The same of the answer."""
        if self.task.observer is not None:
            self.task.observer.answered(self.request.id, decision.score)

    def let_go_payload(self) -> None:
        """Nobody needs the input any more."""
        if self.payload is not None:
            self.payload.release()
            self.payload = None
