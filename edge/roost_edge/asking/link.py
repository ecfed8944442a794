"""Asks cloud contestants over whatever connection carries the cloud's traffic, and hears what they say.

    desk ── Inquiry ──▶ CloudLink ── Question ──▶ ask/{task}
      ▲                   │  ▲                        │
      └ score, failure ───┘  └────── CloudScore ◀── score

What it decides is pure and lies beside it: whether the link is worth asking over (`health`), how much may be sent
(`budget`), what is known of each task (`asked_task`). Since the cloud asks as well, the rest is in
`roost_shared.asking`: how long a question takes (`round_trip`, `reach`), whose a score is (`incoming`), whether it
makes sense (`sense`). No wall clock is read.

A question that is unanswered when 95 % of its task's are answered is asked once more if that leaves as much time
again; else nobody waits for it any longer. Until a task has had a few round trips of its own, its questions wait until
time is up. A score that comes after all is late: it is passed on, and it teaches how long questions take.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from roost_edge.asking.asked_task import AskedTask
from roost_edge.asking.health import LinkHealth, LinkState
from roost_edge.asking.interface import AskListener, Inquiry
from roost_edge.asking.ledger import Ledger
from roost_edge.asking.pending import Pending, Questions
from roost_edge.asking.prober import Prober
from roost_edge.asking.record import Record
from roost_edge.asking.sender import DOWN, AskCarrier, Sender
from roost_edge.asking.sizes import Sizes
from roost_edge.loop.reactor import Reactor
from roost_edge.mqtt import Received
from roost_shared.asking.incoming import brief, read_score, stray, version_skew
from roost_shared.asking.question_ids import QuestionIds
from roost_shared.asking.sense import nonsense
from roost_shared.clock import MS, ns_to_ms
from roost_shared.complaints import Complaints
from roost_shared.messages import ErrorInfo
from roost_shared.questions import CloudScore, InputSize, Question
from roost_shared.rendezvous import Answer
from roost_shared.scored import Scored
from roost_shared.topics import DeviceTopics

__all__ = ["CloudLink"]

_CUT: Final = ErrorInfo("link.lost", "the connection ended before an answer came")
_TURNED_BAD: Final = ErrorInfo("link.lost", "the link has turned bad: too much of what was sent came to nothing")
_UNANSWERED: Final = ErrorInfo("link.lost", "unanswered for longer than 95 % of the others")


class CloudLink:
    """The way to the cloud contestants of all tasks.

    Args:
        topics: the device's.
        boot: unique to this start of the agent: a score for an earlier boot's question is none of ours.
        ledger: what may be sent.
        reactor: the agent's loop.
        complaints: hears of scores that make no sense.
        listener: hears of all others.
    """

    def __init__(
        self,
        topics: DeviceTopics,
        boot: str,
        ledger: Ledger,
        reactor: Reactor,
        complaints: Complaints,
        listener: AskListener,
    ) -> None:
        self.topic = topics.score
        self._ids = QuestionIds(boot)
        self._sender = Sender(topics, ledger)
        self._reactor = reactor
        self._complaints = complaints
        self._listener = listener
        self._tasks: dict[str, AskedTask] = {}  # those that have somebody to ask
        self._known: dict[str, AskedTask] = {}  # and those that had
        self._is_connected = False
        self._questions = Questions()
        self._health = LinkHealth()
        self._prober = Prober(self._health, reactor, self._send_probe, self._probe_lost)

    def serve(
        self, task: str, contestants: Iterable[str], labels: frozenset[str] | None, sizes: Sizes | None = None
    ) -> None:
        """Ask these contestants from now on.

        Args:
            task: whose they are.
            contestants: who.
            labels: what they can say, where this device knows.
            sizes: learns what size of picture they take, where any may be sent a shrunken one.
        """
        known = self._known.setdefault(task, AskedTask())
        known.serve(contestants, labels, sizes or Sizes())
        self._tasks[task] = known
        if self._is_connected:
            if self._health.state == "down":  # nobody was to be asked when the connection came about
                self._health.connected(self._reactor.now_ns())
            self._prober.follow()
            self._tell(task)

    def withdraw(self, task: str) -> None:
        """Ask nobody about new requests of this task; those that are open may ask still."""
        known = self._tasks.pop(task, None)
        if known is not None:
            known.withdraw()

    def ride(self, carrier: AskCarrier) -> None:
        """Use this connection, which passes on what it is told by `connected`, `received` and `disconnected`."""
        self._sender.carrier = carrier

    def close(self) -> None:
        """Record what was spent."""
        self._sender.ledger.close()

    # ---- the desk's side

    def ask(self, inquiry: Inquiry) -> ErrorInfo | None:
        """Ask now, in one question, or say why not; see `Asker`."""
        if self._health.state != "good":
            return DOWN
        now_ns = self._reactor.now_ns()
        question = Pending(self._ids.new(), inquiry, now_ns)
        error = self._send(question)
        if error is not None:
            question.end(now_ns)
            return error
        self._questions.add(question)
        self._wait(question)
        for contestant in inquiry.contestants:
            self._known[inquiry.task].record(contestant).asked += 1
        return None

    def answered(self, key: str, task: str, decision: Answer) -> None:
        """The request has its answer: nobody need be asked once more; see `Asker`."""
        if task not in self._tasks:
            return
        self._questions.unwanted(key)
        records = self._tasks[task].records
        for seen in decision.candidates:
            if seen.error is not None and seen.contestant in records and _kept_from_asking(seen.error):
                records[seen.contestant].decline(seen.error.code)

    def size_for(self, task: str, contestants: Collection[str]) -> InputSize | None:
        """The size to which a picture may be shrunken before these are asked about it; see `Sizes`."""
        return self._known[task].sizes.agreed(contestants)

    # ---- the connection's side

    def connected(self) -> None:
        """The broker took us."""
        self._is_connected = True
        self._drop_all(_CUT)
        if self._tasks:
            self._health.connected(self._reactor.now_ns())
        self._tell_all()
        self._prober.follow()

    def disconnected(self) -> None:
        """The connection ended, or did not come about."""
        self._is_connected = False
        self._health.disconnected()
        self._prober.give_up()
        self._prober.follow()
        self._tell_all()
        self._drop_all(_CUT)

    def received(self, message: Received) -> None:
        """A message on `topic`."""
        score = read_score(message.payload, retained=message.retain)
        if isinstance(score, ErrorInfo):
            self._complaints.note(score.code, score.message)
            return
        if score.id in self._ids and (skew := version_skew(score)) is not None:
            self._complaints.note(skew.code, skew.message)
        if score.contestant is None and self._prober.heard(score.id):
            self._tell_all()
            self._prober.follow()
            return
        question = self._questions.find(score.id)
        if question is None or score.contestant is None or score.contestant not in question.missing:
            error = stray(score, self._ids, None if question is None else question.inquiry.contestants)
            self._complaints.note(error.code, error.message)
        else:
            self._take(question, score.contestant, score)

    # ---- scores

    def _take(self, question: Pending, contestant: str, score: CloudScore) -> None:
        task = question.inquiry.task
        known = self._known[task]
        question.missing.discard(contestant)
        now_ns = self._reactor.now_ns()
        late = question.ended_ns is not None
        if not late and not question.missing:
            self._questions.end(question, now_ns)
        self._health.question_returned(now_ns)
        known.sizes.learn(contestant, score.bundle, score.input)
        error = score.error or nonsense(score, known.labels) or question.misfit(score)
        if error is None:
            known.learn(contestant, now_ns - question.asked_ns, now_ns, late=late)
        elif score.error is None:
            self._complaints.note(error.code, f"{task}/{contestant}: {error.message}")
        self._tell(task)
        self._prober.follow()
        if error is None:
            scored = Scored(score.label, score.confidence, score.top, score.output)
            self._listener.on_score(question.inquiry.key, contestant, scored, score.bundle)
        elif not late:
            told = brief(error)
            code = known.record(contestant).decline(told.code)
            self._listener.on_failure(question.inquiry.key, contestant, ErrorInfo(code, told.message))

    # ---- waiting

    def _wait(self, question: Pending) -> None:
        now_ns, time_up_ns = self._reactor.now_ns(), question.inquiry.time_up_ns
        patience_ns = self._known[question.inquiry.task].reach.patience_ns(now_ns)
        expiry_ns = time_up_ns if patience_ns is None else min(time_up_ns, now_ns + patience_ns)
        question.timer = self._reactor.call_at(expiry_ns, lambda: self._expired(question))

    def _expired(self, question: Pending) -> None:
        now_ns = self._reactor.now_ns()
        task = self._known[question.inquiry.task]
        patience_ns = task.reach.patience_ns(now_ns)
        fits = patience_ns is not None and now_ns + patience_ns <= question.inquiry.time_up_ns
        if fits and question.wanted and not question.twice and self._send(question) is None:
            question.twice = True
            for contestant in question.missing:
                task.record(contestant).asked_again += 1
            self._wait(question)
            return
        self._health.question_lost(now_ns)
        turned_bad = self._health.state == "bad"
        self._prober.follow()
        self._tell_all()
        self._drop([question], _UNANSWERED)
        if turned_bad:
            self._drop_all(_TURNED_BAD)

    def _drop_all(self, error: ErrorInfo) -> None:
        self._drop(self._questions.under_way(), error)

    def _drop(self, questions: list[Pending], error: ErrorInfo) -> None:
        """Wait no longer for these, and tell those who do."""
        now_ns = self._reactor.now_ns()
        for question in questions:
            self._questions.end(question, now_ns)
            for contestant in question.missing:
                self._known[question.inquiry.task].record(contestant).lost += 1
        for question in questions:
            if question.wanted and now_ns < question.inquiry.time_up_ns:
                for contestant in sorted(question.missing):
                    self._listener.on_failure(question.inquiry.key, contestant, error, final=False)

    # ---- sending

    def _send(self, question: Pending) -> ErrorInfo | None:
        inquiry = question.inquiry
        way_ns = self._prober.trips.p50_ns or 0  # there and back: the scorer has the rest
        remaining_ns = inquiry.time_up_ns - self._reactor.now_ns() - way_ns
        message = Question(
            id=question.id,
            contestants=sorted(question.missing),
            remaining_ms=ns_to_ms(max(MS, remaining_ns)),
            payload=inquiry.payload.read(),
            content_type=inquiry.content_type,
            inject=inquiry.inject,
        )
        return self._sender.send(inquiry.task, message)

    def _send_probe(self) -> str | None:
        if not self._tasks:
            return None
        question_id = self._ids.new()
        return question_id if self._sender.probe(next(iter(self._tasks)), question_id) else None

    # ---- what is known of the link

    def _probe_lost(self) -> None:
        self._tell_all()
        if self._health.state == "bad":
            self._drop_all(_TURNED_BAD)
        self._prober.follow()

    def _tell_all(self) -> None:
        for task in self._tasks:
            self._tell(task)

    def _tell(self, task: str) -> None:
        """Let the rendezvous know, if there is anything new."""
        if task not in self._tasks:
            return
        up, probe_ns = self._health.state == "good", self._prober.trips.p95_ns
        link = self._tasks[task].reach.news(up=up, probe_ns=probe_ns, now_ns=self._reactor.now_ns())
        if link is not None:
            self._listener.on_link(task, link)

    # ---- what status tells

    @property
    def state(self) -> LinkState:
        """Whether questions may cross."""
        return self._health.state

    def records(self, task: str) -> Mapping[str, Record]:
        """What became of the questions of a task, by contestant."""
        return self._tasks[task].records if task in self._tasks else {}

    def describe(self) -> dict[str, Any] | None:
        """Its part of the status document; None where there is nobody to ask."""
        if not self._tasks:
            return None
        budget, p50_ns = self._sender.ledger.budget, self._prober.trips.p50_ns
        return {
            "state": self._health.state,
            "waiting": len(self._questions),
            "probes": self._prober.sent,
            "probes_returned": self._prober.returned,
            "probe_p50_ms": None if p50_ns is None else ns_to_ms(p50_ns),
            "bytes_today": budget.spent_bytes(self._reactor.now_ns()),
            "bytes_per_day": budget.bytes_per_day,
        }


def _kept_from_asking(error: ErrorInfo) -> bool:
    """Whether this is why a contestant was not asked; what became of those that were is counted elsewhere."""
    return error.code.startswith(("link.", "device.")) and error.code != _UNANSWERED.code
