"""The rendezvous over cloud contestants, and the questions it leads to. Pure: events and the time go in, effects out.

Every contestant is the cloud's and is asked at once, so a request leads to one question, asked at most twice:

- Unanswered when 95 % of its task's are answered, it is asked once more if that leaves as much time again.
- Unanswered then too, its contestants are given up if another has scored, so that later rules open. If none has, there
  is nothing to fall back to, and a default in haste helps nobody: it is waited for until time is up.
- A task of which half the questions take longer than the time left is not asked, with one exception: alone, a question
  is always tried. A device draws the line at 95 %, since it has its own models to fall back to; here there is nothing,
  and if nobody were asked, nobody would find the task quick again.
- When much was sent and nothing at all came back, only probes go out, one a second, until somebody is heard.
- With the connection to the broker everything asked over it is lost: scores are not kept for who is away.
- Scores that make no sense, or that nobody waits for, are complained of by name, in the words of the device's link.
- A label that is none of the task's may be one of a version that an alias has just moved to. So a score with such a
  label waits until the label space has been looked at again; time does not wait for it.
"""

import heapq
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from itertools import count
from typing import Final

import msgspec

from roost_cloud.asking.case import Case
from roost_cloud.asking.inquiry import Inquiry
from roost_cloud.asking.outcomes import Answered, Complaint, Doubt, Judge, Outcome, Send
from roost_cloud.asking.reaches import Reaches
from roost_shared.asking.incoming import brief, stray, version_skew
from roost_shared.asking.question_ids import QuestionIds
from roost_shared.asking.sense import BAD_LABEL, nonsense
from roost_shared.clock import MS, SECOND, ns_to_ms
from roost_shared.messages import ErrorInfo
from roost_shared.questions import CloudScore, Question
from roost_shared.rendezvous import Answer, Ask, Close, Duplicate, Effect, Late, Rendezvous, Request, Score

__all__ = ["Asking"]

_OVER: Final = 1024  # questions of which a second score is known for what it is
_UNHEARD_BYTES: Final = 64 << 20  # sent without hearing anything
_PROBE_EVERY_NS: Final = SECOND

_FULL: Final = ErrorInfo("link.full", "much was asked, and no scorer has said anything")
_LOST: Final = ErrorInfo("link.lost", "unanswered for longer than 95 % of the others")
_CUT: Final = ErrorInfo("link.lost", "the connection ended before an answer came")


class Asking:
    """All requests under way in one process.

    Args:
        boot: unique to this start of the process: scores for another's questions are none of ours.
        in_flight: unanswered requests at a time; one more gets the default at once.

    Attributes:
        counts: what became of questions and scores, by kind; of scores that are complained of, nothing.
    """

    def __init__(self, boot: str, *, in_flight: int) -> None:
        self.counts: Counter[str] = Counter()
        self._ids = QuestionIds(boot)
        self._rendezvous = Rendezvous(max_open=in_flight)
        self._up = False
        self._cases: dict[str, Case] = {}  # by request id
        self._asked: dict[str, Case] = {}  # by question id
        self._over: OrderedDict[str, list[str]] = OrderedDict()  # by question id: whom the last ones asked
        self._waiting: Counter[str] = Counter()  # by task: questions that an answer still waits for
        self._reaches = Reaches()
        self._expiries: list[tuple[int, int, Case]] = []
        self._pushed = count()  # tells expiries of one moment apart
        self._unheard_bytes = 0
        self._probe_due_ns = 0

    def __len__(self) -> int:
        """Requests that have no answer yet."""
        return self._rendezvous.unanswered

    @property
    def next_wake_ns(self) -> int | None:
        """When `tick` wants to be called next; None if only an event can change anything."""
        wakes = [self._expiries[0][0]] if self._expiries else []
        wake_ns = self._rendezvous.next_wake_ns
        return min([*wakes, wake_ns] if wake_ns is not None else wakes, default=None)

    # ---- events

    def request_id(self, inquiry: Inquiry) -> str:
        """By what an inquiry is known: the same for the same request."""
        return self._ids.new() if inquiry.repeat_key is None else inquiry.repeat_key

    def open(self, request_id: str, inquiry: Inquiry, now_ns: int) -> list[Outcome]:
        """Somebody asks; a request that was asked before gets the answer it already got, or will get."""
        policy = inquiry.policy
        request = Request(
            request_id, inquiry.received_ns, inquiry.deadline_ns, inquiry.force, inquiry.repeat_key is not None
        )
        link = self._reaches.link(policy.task, up=self._up, alone=not self._waiting[policy.task], now_ns=now_ns)
        outcomes = self._carry_out(self._rendezvous.link(policy.task, link, now_ns), now_ns)
        self._cases.setdefault(request_id, Case(request_id, inquiry))
        effects = self._rendezvous.open(request, policy, now_ns)
        if any(isinstance(effect, Duplicate) for effect in effects):
            self.counts["repeated"] += 1
            if self._cases[request_id].inquiry is inquiry:
                del self._cases[request_id]  # it is remembered, and was closed before
        return outcomes + self._carry_out(effects, now_ns)

    def heard(self, score: CloudScore, now_ns: int, judge: Judge | None = None) -> list[Outcome]:
        """A scorer says something; or what it said was a `Doubt`, and this is to `judge` it by."""
        case = self._asked.get(score.id)
        skew: list[Outcome] = [] if (error := version_skew(score)) is None else [Complaint(error)]
        if score.id in self._ids:
            self._unheard_bytes = 0
        if score.contestant is None and case is None and score.id in self._ids:
            self.counts["probe_returned"] += 1
            return skew
        if case is None or score.contestant is None or not _is_awaited(case, score.contestant, judge):
            asked = self._over.get(score.id) if case is None else case.contestants
            return [Complaint(stray(score, self._ids, asked))]
        if score.error is not None:
            self.counts["declined"] += 1
            return [*skew, *self._failed(case, score.contestant, brief(score.error), now_ns)]
        error = nonsense(score, case.labels if judge is None else judge.labels)
        if error is not None and error.code == BAD_LABEL and judge is None and case.labels is not None:
            case.doubted.add(score.contestant)
            return [Doubt(case.tenant, case.name, score)]
        if error is not None:
            return [Complaint(error), *self._failed(case, score.contestant, error, now_ns)]
        self.counts["scored"] += 1
        self._learn(case, score, now_ns)
        case.scored = True
        self._settle(case, score.contestant)
        said = Score(score.contestant, score.label, score.confidence, tuple(score.top), score.output, score.bundle)
        return self._carry_out(self._rendezvous.score(case.request_id, said, now_ns), now_ns)

    def connected(self) -> None:
        """Questions can be sent from now on."""
        self._up = True
        self._unheard_bytes = 0

    def disconnected(self, now_ns: int) -> list[Outcome]:
        """Nothing that was asked will be answered."""
        self._up = False
        outcomes: list[Outcome] = []
        lost = list(self._asked.values())
        self._asked.clear()
        for case in lost:
            for contestant in sorted(case.missing):
                self.counts["lost"] += 1
                outcomes += self._failed(case, contestant, _CUT, now_ns)
        return outcomes

    def tick(self, now_ns: int) -> list[Outcome]:
        """Time has passed."""
        outcomes = self._carry_out(self._rendezvous.tick(now_ns), now_ns)
        while self._expiries and self._expiries[0][0] <= now_ns:
            _, _, case = heapq.heappop(self._expiries)
            if case.inquiry is not None and case.missing:
                outcomes += self._expired(case, case.inquiry, now_ns)
        return outcomes

    # ---- the rendezvous' effects

    def _carry_out(self, effects: list[Effect], now_ns: int) -> list[Outcome]:
        outcomes: list[Outcome] = []
        due = deque(effects)
        while due:
            effect = due.popleft()
            request_id = effect.request.id
            match effect:
                case Ask():
                    contestants = [effect.contestant, *_take_asks(due)]
                    outcomes += self._ask(self._cases[request_id], contestants, now_ns)
                case Answer():
                    self._answered(self._cases[request_id])
                    outcomes.append(Answered(request_id, effect))
                case Duplicate(answer=Answer() as answer):
                    outcomes.append(Answered(request_id, answer))
                case Late():
                    self.counts["late_differs" if effect.differs else "late_agrees"] += 1
                case Close():
                    self._close(self._cases.pop(request_id))
        return outcomes

    def _answered(self, case: Case) -> None:
        if case.missing:
            self._waiting[case.task] -= 1
        case.inquiry = None
        if case.question is not None:
            case.question = msgspec.structs.replace(case.question, payload=b"")

    def _close(self, case: Case) -> None:
        if case.question is None or self._asked.pop(case.question.id, None) is None:
            return  # nobody was asked, or the question went with its connection
        self._over[case.question.id] = case.contestants
        if len(self._over) > _OVER:
            self._over.popitem(last=False)

    # ---- questions

    def _ask(self, case: Case, contestants: list[str], now_ns: int) -> list[Outcome]:
        inquiry = case.inquiry
        assert inquiry is not None, "nobody is asked after the answer"  # noqa: S101
        case.missing = set(contestants)
        case.asked_ns = now_ns
        case.question = Question(
            id=self._ids.new(),
            contestants=contestants,
            remaining_ms=0,
            payload=inquiry.payload,
            content_type=inquiry.content_type,
        )
        self._asked[case.question.id] = case
        self._waiting[case.task] += 1
        if self._unheard_bytes > _UNHEARD_BYTES:
            return self._refuse(case, inquiry, now_ns)
        self.counts["asked"] += 1
        patience_ns = self._reaches.patience_ns(case.task, now_ns)
        if patience_ns is not None:
            self._expect(case, now_ns + patience_ns)
        return [self._send(case, inquiry, now_ns)]

    def _refuse(self, case: Case, inquiry: Inquiry, now_ns: int) -> list[Outcome]:
        outcomes: list[Outcome] = []
        if now_ns >= self._probe_due_ns:
            self._probe_due_ns = now_ns + _PROBE_EVERY_NS
            self.counts["probed"] += 1
            probe = Question(id=self._ids.new(), contestants=[], remaining_ms=0)
            outcomes.append(Send(inquiry.tenant, inquiry.task, probe))
        for contestant in sorted(case.missing):
            self.counts["refused"] += 1
            outcomes += self._failed(case, contestant, _FULL, now_ns)
        return outcomes

    def _send(self, case: Case, inquiry: Inquiry, now_ns: int) -> Send:
        assert case.question is not None, "it was made to be asked"  # noqa: S101
        remaining_ns = case.time_up_ns - now_ns - self._reaches.way_ns
        question = msgspec.structs.replace(
            case.question, contestants=sorted(case.missing), remaining_ms=ns_to_ms(max(MS, remaining_ns))
        )
        self._unheard_bytes += len(question.payload)
        return Send(inquiry.tenant, inquiry.task, question)

    def _expect(self, case: Case, by_ns: int) -> None:
        if by_ns < case.time_up_ns:
            heapq.heappush(self._expiries, (by_ns, next(self._pushed), case))

    def _expired(self, case: Case, inquiry: Inquiry, now_ns: int) -> list[Outcome]:
        patience_ns = self._reaches.patience_ns(case.task, now_ns)
        fits = patience_ns is not None and now_ns + patience_ns <= case.time_up_ns
        if patience_ns is not None and fits and not case.twice and self._up:
            case.twice = True
            self.counts["asked_again"] += 1
            self._expect(case, now_ns + patience_ns)
            return [self._send(case, inquiry, now_ns)]
        if not case.scored:
            return []
        outcomes: list[Outcome] = []
        for contestant in sorted(case.missing):
            effects = self._rendezvous.failure(case.request_id, contestant, _LOST, now_ns, final=False)
            outcomes += self._carry_out(effects, now_ns)
        return outcomes

    def _failed(self, case: Case, contestant: str, error: ErrorInfo, now_ns: int) -> list[Outcome]:
        self._settle(case, contestant)
        return self._carry_out(self._rendezvous.failure(case.request_id, contestant, error, now_ns), now_ns)

    def _settle(self, case: Case, contestant: str) -> None:
        """Something was heard of a contestant."""
        case.missing.remove(contestant)
        if not case.missing and case.inquiry is not None:
            self._waiting[case.task] -= 1

    def _learn(self, case: Case, score: CloudScore, now_ns: int) -> None:
        took_ns = now_ns - case.asked_ns  # by the first question: see the edge's `asked_task`
        self._reaches.learn(case.task, took_ns, None if case.twice else score.scorer_ms * MS, now_ns)


def _is_awaited(case: Case, contestant: str, judge: Judge | None) -> bool:
    """Whether nothing was heard of a contestant yet; a score in doubt was, until it is judged."""
    return contestant in case.missing and (judge is not None or contestant not in case.doubted)


def _take_asks(effects: deque[Effect]) -> Iterator[str]:
    """Take the other questions about the same request off the front; whom they are for."""
    while effects and isinstance(ask := effects[0], Ask):
        effects.popleft()
        yield ask.contestant
