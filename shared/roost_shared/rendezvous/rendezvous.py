"""The rendezvous: every open request's mailbox, the timers between them, and the memory of what was answered.

Events in: `open`, `score`, `failure`, `tick`, `link`. Each returns effects to carry out, in order. After each, the
shell sets its alarm to `next_wake_ns` and calls `tick` then; a tick that comes early does nothing. The same events
with the same times give the same effects, so a recorded log can be replayed.
"""

import heapq
from collections import Counter
from collections.abc import Mapping
from itertools import count
from typing import Final

from roost_shared.clock import SECOND
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous.agreement import agree
from roost_shared.rendezvous.events import Answer, Ask, Close, Duplicate, Effect, Late, Link, Request, Score
from roost_shared.rendezvous.mailbox import UNSCHEDULED, Mailbox
from roost_shared.rendezvous.memory import AnswerMemory
from roost_shared.rendezvous.policy import TaskPolicy

__all__ = ["Rendezvous"]

LINGER_NS: Final = 10 * SECOND  # how long an answered request waits for late scores
STALE_TIMERS: Final = 1024  # timers of closed requests tolerated before they are swept

BAD_CONFIDENCE: Final = ErrorInfo("score.bad_confidence", "the confidence is not a number between 0 and 1")
_NOBODY: Final[Mapping[str, ErrorInfo]] = {}
_UNKNOWN_LINK: Final = Link()

Timer = tuple[int, int, str]  # moment, order among equals, request id: a closed mailbox is held by none


class Rendezvous:
    """Answers each request exactly once, by its deadline, with the best answer there is.

    Args:
        max_open: unanswered requests at a time; one more gets the default at once, reason `overloaded`.
        memory: answers remembered for callers that repeat an id.
        linger_ns: how long an answered request is kept for late scores.
    """

    def __init__(
        self, *, max_open: int = 10_000, memory: AnswerMemory | None = None, linger_ns: int = LINGER_NS
    ) -> None:
        self.counts: Counter[str] = Counter()  # what was ignored, by kind
        self.unanswered = 0
        self._max_open = max_open
        self._linger_ns = linger_ns
        self._memory = AnswerMemory() if memory is None else memory
        self._boxes: dict[str, Mailbox] = {}
        self._unasked: dict[str, dict[str, Mailbox]] = {}  # by task: those whose cloud contestants may yet be asked
        self._links: dict[str, Link] = {}
        self._timers: list[Timer] = []
        self._order = count()

    def __len__(self) -> int:
        """Requests that are not closed."""
        return len(self._boxes)

    @property
    def next_wake_ns(self) -> int | None:
        """When `tick` wants to be called next; None if only an event can change anything."""
        timers = self._timers
        while timers and self._due(timers[0]) is None:
            heapq.heappop(timers)
        return timers[0][0] if timers else None

    # ---- events

    def open(
        self, request: Request, policy: TaskPolicy, now_ns: int, absent: Mapping[str, ErrorInfo] = _NOBODY
    ) -> list[Effect]:
        """A request has come.

        Args:
            request: the request; its deadline counts from `received_ns`.
            policy: the rules it keeps until it is answered. `request.force` must satisfy `policy.may_be_forced`.
            now_ns: now.
            absent: local or cloud contestants that sit this one out (shed, restarting), and why.
        """
        known = self._boxes.get(request.id)
        if known is not None:
            return [Duplicate(request, known.answer)]
        if request.remember:
            answer = self._memory.recall(request.id, now_ns)
            if answer is not None:
                return [Duplicate(request, answer)]
        if self.unanswered >= self._max_open:
            overloaded = Answer(request, "overloaded", None, (), now_ns - request.received_ns)
            self._remember(overloaded)
            return [overloaded, Close(request)]
        box = Mailbox(request, policy, absent, self._links.get(policy.task, _UNKNOWN_LINK), now_ns)
        self._boxes[request.id] = box
        if box.unasked:
            self._unasked.setdefault(policy.task, {})[request.id] = box
        self.unanswered += 1
        return self._go_on(box, _hand_out_asks(box), now_ns)

    def score(self, request_id: str, score: Score, now_ns: int) -> list[Effect]:
        """A contestant has scored a request."""
        confidence = score.confidence
        if confidence is not None and not 0 <= confidence <= 1:
            return self.failure(request_id, score.contestant, BAD_CONFIDENCE, now_ns)
        box = self._boxes.get(request_id)
        if box is None:
            self.counts["unknown_request"] += 1
            return []
        if not box.record_score(score, now_ns):
            self.counts["unexpected_score"] += 1
            return []
        if not box.matters(score.contestant):
            return []
        effects: list[Effect] = []
        if box.answer is not None:
            effects.append(Late(box.request, score, _differs(box.answer, score, box.policy)))
        return self._go_on(box, effects, now_ns)

    def failure(
        self, request_id: str, contestant: str, error: ErrorInfo, now_ns: int, *, final: bool = True
    ) -> list[Effect]:
        """A contestant will not score a request.

        Args:
            request_id: the request's.
            contestant: who.
            error: why.
            now_ns: now.
            final: False if only the time to wait for it is over: a score that comes after all is taken, be it late.
        """
        box = self._boxes.get(request_id)
        if box is None:
            self.counts["unknown_request"] += 1
            return []
        if not box.record_failure(contestant, error, now_ns, final=final):
            self.counts["unexpected_failure"] += 1
            return []
        if not box.matters(contestant):
            return []
        return self._go_on(box, [], now_ns)

    def tick(self, now_ns: int) -> list[Effect]:
        """Time has passed."""
        effects: list[Effect] = []
        timers = self._timers
        while timers and timers[0][0] <= now_ns:
            box = self._due(heapq.heappop(timers))
            if box is None:
                continue
            box.scheduled_ns = UNSCHEDULED
            if box.answer is not None:
                self._close(box, effects)
            else:
                self._go_on(box, effects, now_ns)
        return effects

    def link(self, task: str, link: Link, now_ns: int) -> list[Effect]:
        """The way to a task's cloud contestants has changed. Questions already asked are the shell's to fail."""
        self._links[task] = link
        effects: list[Effect] = []
        for box in list(self._unasked.get(task, {}).values()):
            box.link = link
            self._go_on(box, effects, now_ns)
        return effects + self.tick(now_ns)

    # ---- after each event

    def _go_on(self, box: Mailbox, effects: list[Effect], now_ns: int) -> list[Effect]:
        """Decide, hand out what was decided, and close or set the next timer."""
        if box.answer is None:
            answer = box.decide(now_ns)
            if box.asks:
                effects += _hand_out_asks(box)
            if box.policy.cloud and not box.unasked:
                self._unasked.get(box.policy.task, {}).pop(box.request.id, None)
            if answer is None:
                self._schedule(box, box.wake_ns())
                return effects
            self.unanswered -= 1
            self._remember(answer)
            effects.append(answer)
            if box.expects:
                self._schedule(box, now_ns + self._linger_ns)
        if not box.expects:
            self._close(box, effects)
        return effects

    def _schedule(self, box: Mailbox, when_ns: int) -> None:
        if box.scheduled_ns == when_ns:
            return
        box.scheduled_ns = when_ns
        heapq.heappush(self._timers, (when_ns, next(self._order), box.request.id))
        if len(self._timers) > STALE_TIMERS + 2 * len(self._boxes):
            self._timers[:] = [timer for timer in self._timers if self._due(timer)]  # in place: `tick` may be reading
            heapq.heapify(self._timers)

    def _due(self, timer: Timer) -> Mailbox | None:
        """The mailbox a timer is for; None if the timer is superseded or the mailbox closed."""
        box = self._boxes.get(timer[2])
        return box if box is not None and box.scheduled_ns == timer[0] else None

    def _close(self, box: Mailbox, effects: list[Effect]) -> None:
        del self._boxes[box.request.id]
        effects.append(Close(box.request))

    def _remember(self, answer: Answer) -> None:
        if answer.request.remember:
            self._memory.remember(answer)


def _hand_out_asks(box: Mailbox) -> list[Effect]:
    asks, box.asks = box.asks, ()
    return [Ask(box.request, name) for name in asks]


def _differs(answer: Answer, score: Score, policy: TaskPolicy) -> bool:
    """Whether a late score says something else than the answer did."""
    return answer.score is None or not agree(answer.score, score, policy.agreement_tolerance)
