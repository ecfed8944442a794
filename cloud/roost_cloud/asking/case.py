"""One request on its way to an answer: its one question, and who has answered that."""

from roost_cloud.asking.inquiry import Inquiry
from roost_shared.questions import Question

__all__ = ["Case"]


class Case:
    """A request from its question to the last that is heard of it.

    Args:
        request_id: the rendezvous'.
        inquiry: what was asked.
    """

    __slots__ = (
        "asked_ns",
        "doubted",
        "inquiry",
        "labels",
        "missing",
        "name",
        "question",
        "request_id",
        "scored",
        "task",
        "tenant",
        "time_up_ns",
        "twice",
    )

    def __init__(self, request_id: str, inquiry: Inquiry) -> None:
        policy = inquiry.policy
        self.request_id = request_id
        self.task = policy.task
        self.tenant, self.name = inquiry.tenant, inquiry.task  # the same, in two parts
        self.labels = inquiry.labels
        self.time_up_ns = policy.time_up_ns(inquiry.received_ns, inquiry.deadline_ns)
        self.inquiry: Inquiry | None = inquiry  # None: it has its answer, and nobody will be asked
        self.question: Question | None = None  # as it was sent first
        self.asked_ns = 0
        self.missing: set[str] = set()  # contestants asked of which nothing was heard
        self.doubted: set[str] = set()  # contestants whose scores wait for the label space to be looked at again
        self.scored = False  # somebody has
        self.twice = False  # it was asked once more

    @property
    def contestants(self) -> list[str]:
        """All that were asked."""
        return [] if self.question is None else self.question.contestants
