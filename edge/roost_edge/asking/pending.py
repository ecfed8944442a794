"""Questions under way, and those that were: whom they ask, who has answered, until when they are waited for."""

from collections import OrderedDict
from typing import Final

from roost_edge.asking.interface import Inquiry
from roost_edge.loop.reactor import Timer
from roost_shared.clock import SECOND
from roost_shared.messages import ErrorInfo
from roost_shared.questions import CloudScore

__all__ = ["Pending", "Questions"]

_REMEMBERED_NS: Final = 10 * SECOND  # how long a question is known after its end, as long as the rendezvous lingers
_REMEMBERED: Final = 1024  # questions


class Pending:
    """One question; its payload is held until its end.

    Args:
        question_id: as it crosses the wire.
        inquiry: what is asked.
        now_ns: monotonic time.
    """

    __slots__ = ("asked_ns", "ended_ns", "id", "inquiry", "missing", "timer", "twice", "wanted")

    def __init__(self, question_id: str, inquiry: Inquiry, now_ns: int) -> None:
        self.id = question_id
        self.inquiry = inquiry
        self.asked_ns = now_ns
        self.ended_ns: int | None = None  # when all had answered, or it was given up
        self.missing = set(inquiry.contestants)  # contestants that nothing was heard of
        self.timer: Timer | None = None  # for the moment at which it was waited for long enough
        self.twice = False  # it was asked once more
        self.wanted = True  # the request waits for its answer
        inquiry.payload.hold()

    def misfit(self, score: CloudScore) -> ErrorInfo | None:
        """What is wrong with a score of a picture that was shrunken for the bundle that ran before; None: nothing."""
        sent = self.inquiry.shrunken_to
        if sent is None or score.input == sent:
            return None
        what = f"{score.bundle} was shown a picture of {sent.width} by {sent.height} pixels, made for another bundle"
        return ErrorInfo("score.other_size", what)

    def end(self, now_ns: int) -> None:
        """It is not waited for any more."""
        self.ended_ns = now_ns
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.inquiry.payload.release()


class Questions:
    """All that are under way, and the last that were, so that a late score is told from nonsense."""

    def __init__(self) -> None:
        self._pending: dict[str, Pending] = {}
        self._of_request: dict[str, list[Pending]] = {}
        self._ended: OrderedDict[str, Pending] = OrderedDict()

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._pending)

    def add(self, question: Pending) -> None:
        """A question was sent."""
        self._pending[question.id] = question
        self._of_request.setdefault(question.inquiry.key, []).append(question)

    def find(self, question_id: str) -> Pending | None:
        """The question of this id, under way or not long over."""
        return self._pending.get(question_id) or self._ended.get(question_id)

    def under_way(self) -> list[Pending]:
        """All that are waited for, the oldest first."""
        return list(self._pending.values())

    def unwanted(self, key: str) -> None:
        """A request has its answer."""
        for question in self._of_request.get(key, ()):
            question.wanted = False

    def end(self, question: Pending, now_ns: int) -> None:
        """A question that was under way no longer is."""
        question.end(now_ns)
        del self._pending[question.id]
        siblings = self._of_request[question.inquiry.key]
        siblings.remove(question)
        if not siblings:
            del self._of_request[question.inquiry.key]
        self._ended[question.id] = question
        while len(self._ended) > _REMEMBERED or self._oldest_ended_ns() < now_ns - _REMEMBERED_NS:
            self._ended.popitem(last=False)

    def _oldest_ended_ns(self) -> int:
        ended_ns = next(iter(self._ended.values())).ended_ns
        assert ended_ns is not None, "it has ended"  # noqa: S101
        return ended_ns
