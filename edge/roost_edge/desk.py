"""Where inputs, contestants and answers meet: the thin shell around the rendezvous on a device.

Takes inputs from any intake, hands them to the task's workers, feeds what they and the cloud say to the policy, and
carries out what it decides. It decides nothing itself, except to hold backlog back while live inputs need the room.
"""

import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from roost_edge.cloud_link.interface import Asker, Inquiry
from roost_edge.inputs import Delivery, Input, Reply
from roost_edge.reactor import Reactor, Timer
from roost_edge.tally import Tally
from roost_edge.task import Task
from roost_edge.workers import Job, SharedPayload
from roost_shared import messages, rendezvous
from roost_shared.answers import default_answer, scored_answer
from roost_shared.complaints import Complaints
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import Link, Rendezvous, TaskPolicy, pressure_of, roles_to_shed
from roost_shared.scored import Scored

__all__ = ["Desk"]

# Inputs that can wait where they are leave this share of the in-flight limit to those that cannot.
LIVE_SHARE: Final = 0.5
# A backlog is begun while fewer requests than this are open: enough to keep a model busy, and no queue for live ones.
BACKLOG_AHEAD: Final = 2

NO_LINK: Final = ErrorInfo("link.down", "this device has no link to the cloud")
NO_DESCRIPTOR: Final = ErrorInfo("device.no_memory", "the input could not be put into memory for the workers")


class _Open:
    """A request between its input and its close; `joined` are the ways back of those that repeated its id."""

    __slots__ = ("asked", "decision", "input", "joined", "payload", "task", "time_up_ns")

    def __init__(self, task: Task, request: Input, asked: rendezvous.Request) -> None:
        self.task = task
        self.input = request
        self.asked = asked
        self.joined: list[Reply] = []
        self.decision: rendezvous.Answer | None = None
        self.payload: SharedPayload | None = None  # as long as a cloud contestant may yet be asked
        self.time_up_ns = asked.received_ns + _deadline_ns(request, task.policy) - task.policy.guard_ns

    def let_go_payload(self) -> None:
        """Nobody will be asked about the input any more."""
        if self.payload is not None:
            self.payload.release()
            self.payload = None


class Desk:
    """Answers inputs, each once and in time.

    Args:
        reactor: the loop it lives in.
        complaints: where faults of inputs are counted.
        in_flight: unanswered requests at a time.
        payload_limit_bytes: a larger input is answered with the default.
    """

    def __init__(self, reactor: Reactor, complaints: Complaints, *, in_flight: int, payload_limit_bytes: int) -> None:
        self.tasks: dict[str, Task] = {}
        self.on_idle: Callable[[], None] | None = None  # called when the last unanswered request is answered
        self.asker: Asker | None = None  # asks cloud contestants; None: nobody does
        self._reactor = reactor
        self._complaints = complaints
        self._in_flight = in_flight
        self._payload_limit_bytes = payload_limit_bytes
        self._rendezvous = Rendezvous(max_open=in_flight)
        self._open: dict[str, _Open] = {}
        self._backlog: deque[Input] = deque()
        self._backlog_due_ns = 0  # when the next of the backlog begins, however busy it is
        self._alarm: Timer | None = None

    @property
    def unanswered(self) -> int:
        """Requests that wait for their answer, backlog held back included."""
        return self._rendezvous.unanswered + len(self._backlog)

    @property
    def room(self) -> int:
        """How many more inputs are welcome that could wait where they are: a share is left to those that cannot."""
        return max(1, int(self._in_flight * LIVE_SHARE)) - self.unanswered

    @property
    def ignored(self) -> Counter[str]:
        """What the rendezvous passed over, by kind."""
        return self._rendezvous.counts

    # ---- inputs

    def take(self, request: Input) -> None:
        """Answer this input, now or as soon as its contestants have spoken."""
        if request.backlog:
            if not self._backlog:
                self._put_off_backlog(request)
            self._backlog.append(request)
        else:
            self._begin(request)
        self._after_event()

    def refuse(self, request: Input, error: ErrorInfo) -> None:
        """Answer an input that no contestant can be asked about, with the default and this error."""
        self._complaints.note(error.code, f"{request.task} {request.id}: {error.message}")
        task = self.tasks.get(request.task)
        elapsed_ns = self._reactor.now_ns() - request.received_ns
        answer = default_answer(
            request,
            error,
            default=None if task is None else task.policy.default,
            elapsed_ns=elapsed_ns,
            deadline_met=request.reply.can_deliver()
            and (task is None or elapsed_ns <= _deadline_ns(request, task.policy)),
        )
        self._deliver(request, answer, None if task is None else task.tally)

    def _begin(self, request: Input) -> None:
        task = self.tasks.get(request.task)
        if request.reply.answered():
            request.reply.settled()  # it came again, and waited for its turn longer than its first delivery did
        elif request.expires_ns is not None and self._reactor.now_ns() >= request.expires_ns:
            self._complaints.note("input.expired", f"{request.task} {request.id}: its turn came too late")
            request.reply.settled()
        elif task is None:
            known = ", ".join(sorted(self.tasks)) or "none"
            self.refuse(request, ErrorInfo("task.unknown", f"no task {request.task!r} here; there are: {known}"))
        elif not request.payload:
            self.refuse(request, ErrorInfo("input.empty", "the payload is empty"))
        elif len(request.payload) > self._payload_limit_bytes:
            size = f"{len(request.payload)} bytes, the limit is {self._payload_limit_bytes}"
            self.refuse(request, ErrorInfo("input.too_large", size))
        elif request.force is not None and not task.policy.may_be_forced(request.force):
            self.refuse(request, ErrorInfo("force.refused", f"{request.force!r} may not answer {request.task}"))
        else:
            self._open_request(task, request)

    def _open_request(self, task: Task, request: Input) -> None:
        pressure = pressure_of(self._rendezvous.unanswered, self._in_flight)
        absent = task.absent(roles_to_shed(pressure))
        try:
            payload: SharedPayload | None = SharedPayload(request.payload)
        except OSError as error:
            self._complaints.note(NO_DESCRIPTOR.code, str(error))
            absent = task.refused | dict.fromkeys([*task.workers, *task.cloud], NO_DESCRIPTOR)
            payload = None
        now_ns = self._reactor.now_ns()
        asked = rendezvous.Request(
            request.key,
            # What waited at the broker has missed its moment; it shall have an answer, not a default in haste.
            now_ns if request.backlog else request.received_ns,
            request.deadline_ns,
            request.force,
            request.repeatable,
            dict(task.inject) if task.inject else None,
            zlib.crc32(request.payload) if request.repeatable else 0,
        )
        opened = _Open(task, request, asked)
        known = request.key in self._open
        if not known:
            self._open[request.key] = opened
            if payload is not None and task.policy.cloud:
                opened.payload = payload.hold()
        effects = self._rendezvous.open(asked, task.policy, now_ns, absent)
        joins = bool(effects) and isinstance(effects[0], rendezvous.Duplicate)
        if joins and not known:
            self._close(request.key)
        self._carry_out(effects, opened)
        if payload is not None:
            if not joins and request.key in self._open:
                self._submit(opened, payload, absent)
            payload.release()

    def _submit(self, opened: _Open, payload: SharedPayload, absent: Mapping[str, ErrorInfo]) -> None:
        policy = opened.task.policy
        for worker, contestants in opened.task.crews.items():
            asked = tuple(name for name in contestants if name not in absent)
            if asked:
                job = Job(
                    key=opened.input.key,
                    payload=payload,
                    contestants=asked,
                    content_type=opened.input.content_type,
                    inject=opened.asked.inject or {},
                    backlog=opened.input.backlog,
                    until_ns=None if policy.named.isdisjoint(asked) else opened.time_up_ns,
                )
                worker.submit(job)
        opened.input.payload = b""  # the workers' copy is enough

    # ---- what contestants say

    def on_score(self, key: str | int, contestant: str, scored: Scored, bundle: str | None = None) -> None:
        """A contestant has scored a request; `bundle`: the one it says it runs, where it is not one of ours."""
        opened = self._open.get(str(key))
        if bundle is None and opened is not None:
            bundle = opened.task.bundles.get(contestant)
        score = rendezvous.Score(contestant, scored.label, scored.confidence, tuple(scored.top), scored.output, bundle)
        self._carry_out(self._rendezvous.score(str(key), score, self._reactor.now_ns()))
        self._after_event()

    def on_failure(self, key: str | int, contestant: str, error: ErrorInfo, *, final: bool = True) -> None:
        """A contestant will not score a request; not `final`: it is not worth waiting for, but may do so yet."""
        self._carry_out(self._fail(str(key), contestant, error, final=final))
        self._after_event()

    def on_link(self, task: str, link: Link) -> None:
        """The way to a task's cloud contestants has changed."""
        self._carry_out(self._rendezvous.link(task, link, self._reactor.now_ns()))
        self._after_event()

    def _fail(self, key: str, contestant: str, error: ErrorInfo, *, final: bool) -> list[rendezvous.Effect]:
        opened = self._open.get(key)
        if opened is not None:
            opened.task.tally.failures[f"{contestant}: {error.code}"] += 1
        if error.code.startswith("input."):
            self._complaints.note(error.code, f"{contestant}: {error.message}")
        return self._rendezvous.failure(key, contestant, error, self._reactor.now_ns(), final=final)

    # ---- effects

    def _carry_out(self, effects: list[rendezvous.Effect], current: _Open | None = None) -> None:
        """Do what was decided, in order; what follows from a question that could not be asked comes last."""
        due = deque(effects)
        while due:
            effect = due.popleft()
            request_id = effect.request.id
            match effect:
                case rendezvous.Answer():
                    self._answer(self._open[request_id], effect)
                case rendezvous.Late():
                    opened = self._open[request_id]
                    opened.task.tally.note_late(effect, opened.input.id, opened.decision)
                case rendezvous.Close():
                    self._close(request_id)
                case rendezvous.Duplicate():
                    if current is not None:
                        self._repeat(current, effect)
                case rendezvous.Ask():
                    due += self._ask(self._open[request_id], [effect.contestant, *_take_asks(due, effect.request)])

    def _ask(self, opened: _Open, contestants: list[str]) -> list[rendezvous.Effect]:
        """Put one question to all of them; what follows if it cannot be."""
        refusal: ErrorInfo | None = NO_LINK
        if self.asker is not None and opened.payload is not None:
            inquiry = Inquiry(
                key=opened.input.key,
                task=opened.task.name,
                contestants=tuple(contestants),
                payload=opened.payload,
                content_type=opened.input.content_type,
                inject=opened.asked.inject,
                time_up_ns=opened.time_up_ns,
            )
            refusal = self.asker.ask(inquiry)
        effects: list[rendezvous.Effect] = []
        if refusal is not None:
            # Those that can decide nothing first: the answer shall tell of all.
            for contestant in sorted(contestants, key=opened.task.policy.named.__contains__):
                effects += self._fail(opened.input.key, contestant, refusal, final=True)
        return effects

    def _close(self, key: str) -> None:
        self._open.pop(key).let_go_payload()

    def _answer(self, opened: _Open, decision: rendezvous.Answer) -> None:
        opened.decision = decision
        opened.let_go_payload()  # nobody is asked after the answer
        delivery = self._deliver(opened.input, self._on_wire(opened, decision), opened.task.tally)
        opened.task.tally.agreement.note_answer(decision, opened.task.policy.agreement_tolerance)
        if self.asker is not None:
            self.asker.answered(opened.input.key, opened.task.name, decision)
        if delivery is not Delivery.AWAY:
            for reply in opened.joined:
                reply.settled()

    def _on_wire(self, opened: _Open, decision: rendezvous.Answer) -> messages.Answer:
        policy, request = opened.task.policy, opened.input
        elapsed_ns = self._reactor.now_ns() - request.received_ns
        return scored_answer(
            decision,
            request,
            default=policy.default,
            bundles=opened.task.bundles,
            unsigned=opened.task.unsigned,
            inject=decision.request.inject,
            elapsed_ns=elapsed_ns,
            deadline_met=request.reply.can_deliver() and elapsed_ns <= _deadline_ns(request, policy),
        )

    def _repeat(self, opened: _Open, duplicate: rendezvous.Duplicate) -> None:
        """Give a repeated id the answer it already got; if that is still to come, it will be the only one."""
        opened.task.tally.repeated += 1
        first = self._open[duplicate.request.id].asked if duplicate.answer is None else duplicate.answer.request
        if first.fingerprint != opened.asked.fingerprint:
            reused = f"{opened.task.name} {opened.input.id}: another payload under an id that came before"
            self._complaints.note("id.reused", reused)
        reply = opened.input.reply
        if duplicate.answer is None:
            self._open[duplicate.request.id].joined.append(reply)
        elif reply.deliver(self._on_wire(opened, duplicate.answer)) is not Delivery.AWAY:
            reply.settled()

    def _deliver(self, request: Input, answer: messages.Answer, tally: Tally | None) -> Delivery:
        delivery = request.reply.deliver(answer)
        if tally is not None:
            tally.note_answer(answer, delivery)
        if delivery is Delivery.AWAY:
            self._complaints.note("answer.unsent", f"{request.task} {request.id}: nobody is there to take it")
            return delivery  # not settled: the broker will deliver a QoS 1 input again
        if delivery is Delivery.REFUSED:
            self._complaints.note("answer.refused", f"{request.task} {request.id}: too large, or too many wait")
        request.reply.settled()
        return delivery

    # ---- time and room

    def _after_event(self) -> None:
        while self._backlog and (
            self._rendezvous.unanswered < BACKLOG_AHEAD or self._reactor.now_ns() >= self._backlog_due_ns
        ):
            request = self._backlog.popleft()
            self._put_off_backlog(request)
            self._begin(request)
        self._set_alarm()
        if self.on_idle is not None and not self.unanswered:
            self.on_idle()

    def _put_off_backlog(self, request: Input) -> None:
        """Let the next of the backlog begin after a deadline's time even if live inputs leave no gap.

        The broker's window slides with the oldest input: one that waited for ever would hold up all after it.
        """
        task = self.tasks.get(request.task)
        self._backlog_due_ns = self._reactor.now_ns() + (0 if task is None else task.policy.deadline_ns)

    def _set_alarm(self) -> None:
        wake_ns = self._rendezvous.next_wake_ns
        if self._backlog:
            wake_ns = self._backlog_due_ns if wake_ns is None else min(wake_ns, self._backlog_due_ns)
        alarm = self._alarm
        if alarm is not None and alarm.callback is not None:
            if alarm.when_ns == wake_ns:
                return
            alarm.cancel()
        self._alarm = None if wake_ns is None else self._reactor.call_at(wake_ns, self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm = None
        self._carry_out(self._rendezvous.tick(self._reactor.now_ns()))
        self._after_event()


def _take_asks(effects: deque[rendezvous.Effect], request: rendezvous.Request) -> Iterator[str]:
    """Take the questions about a request off the front; whom they are for."""
    while effects:
        effect = effects[0]
        if not isinstance(effect, rendezvous.Ask) or effect.request is not request:
            return
        effects.popleft()
        yield effect.contestant


def _deadline_ns(request: Input, policy: TaskPolicy) -> int:
    """From receipt to the moment the answer is due."""
    if request.deadline_ns is None:
        return policy.deadline_ns
    return min(request.deadline_ns, policy.max_deadline_ns)
