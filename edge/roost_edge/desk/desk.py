"""Where inputs, contestants and answers meet: the thin shell around the rendezvous on a device.

Takes inputs from any intake, hands them to the task's workers, feeds what they and the cloud say to the policy, and
carries out what it decides; answers leave by the `Answerer`. It decides nothing itself: when a backlog has its turn is
decided in `BacklogQueue`, who is shed under pressure in `roost_shared.rendezvous`.
"""

import zlib
from collections import Counter, deque
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Final

from roost_edge.asking.interface import Asker, Inquiry
from roost_edge.decoy.decoy import Decoy
from roost_edge.desk.answerer import Answerer
from roost_edge.desk.backlog_queue import BacklogQueue
from roost_edge.desk.open_request import OpenRequest
from roost_edge.intake.inputs import Input
from roost_edge.loop.reactor import Reactor, Timer
from roost_edge.monitor.monitor import Monitor
from roost_edge.tasks.task import Task
from roost_edge.workers import Job, SharedPayload
from roost_shared import rendezvous
from roost_shared.complaints import Complaints
from roost_shared.messages import ErrorInfo
from roost_shared.phi.vector import PhiVector
from roost_shared.rendezvous import Link, Rendezvous, pressure_of, roles_to_shed
from roost_shared.scored import Scored

__all__ = ["Desk"]

# Inputs that can wait where they are leave this share of the in-flight limit to those that cannot.
LIVE_SHARE: Final = 0.5

NO_LINK: Final = ErrorInfo("link.down", "this device has no link to the cloud")
PRIVATE: Final = ErrorInfo("ask.private", "inputs of this task do not leave the device")
NO_MEMORY: Final = ErrorInfo("device.no_memory", "the input could not be put into memory for the workers")


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
        self.decoy: Decoy | None = None  # has inputs kept; None: nobody does
        self.monitor: Monitor | None = None  # tells of them in windows; None: nobody does
        self._reactor = reactor
        self._complaints = complaints
        self._in_flight = in_flight
        self._payload_limit_bytes = payload_limit_bytes
        self._rendezvous = Rendezvous(max_open=in_flight)
        self._answerer = Answerer(reactor, complaints, lambda: self.decoy)
        self._open: dict[str, OpenRequest] = {}  # by key
        self._backlog = BacklogQueue()
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

    def take(self, given: Input) -> None:
        """Answer this input, now or as soon as its contestants have spoken."""
        if given.backlog:
            task = self.tasks.get(given.task)
            self._backlog.put(given, 0 if task is None else task.policy.deadline_ns, self._reactor.now_ns())
        else:
            self._begin(given)
        self._after_event()

    def refuse(self, given: Input, error: ErrorInfo) -> None:
        """Answer an input that no contestant can be asked about, with the default and this error."""
        self._complaints.note(error.code, f"{given.task} {given.id}: {error.message}")
        self._answerer.refuse(given, error, self.tasks.get(given.task))

    def _begin(self, given: Input) -> None:
        task = self.tasks.get(given.task)
        if given.reply.answered():
            self._answerer.pass_over(given)  # it came again, and waited longer for its turn than its first delivery
        elif given.expires_ns is not None and self._reactor.now_ns() >= given.expires_ns:
            self._complaints.note("input.expired", f"{given.task} {given.id}: its turn came too late")
            self._answerer.pass_over(given)
        elif task is None:
            known = ", ".join(sorted(self.tasks)) or "none"
            self.refuse(given, ErrorInfo("task.unknown", f"no task {given.task!r} here; there are: {known}"))
        elif not given.payload:
            self.refuse(given, ErrorInfo("input.empty", "the payload is empty"))
        elif len(given.payload) > self._payload_limit_bytes:
            size = f"{len(given.payload)} bytes, the limit is {self._payload_limit_bytes}"
            self.refuse(given, ErrorInfo("input.too_large", size))
        elif given.force is not None and not task.policy.may_be_forced(given.force):
            self.refuse(given, ErrorInfo("force.refused", f"{given.force!r} may not answer {given.task}"))
        else:
            self._open_request(task, given)

    def _open_request(self, task: Task, given: Input) -> None:
        absent = task.absent(roles_to_shed(pressure_of(self._rendezvous.unanswered, self._in_flight)))
        payload: SharedPayload | None = None
        try:
            payload = SharedPayload(given.payload)
        except OSError as error:
            self._complaints.note(NO_MEMORY.code, str(error))
            absent = task.refused | dict.fromkeys([*task.workers, *task.cloud], NO_MEMORY)
        now_ns = self._reactor.now_ns()
        opened = OpenRequest(task, given, _request(task, given, now_ns))
        effects = self._rendezvous.open(opened.request, task.policy, now_ns, absent)
        if effects and isinstance(effects[0], rendezvous.Duplicate):
            self._repeat(opened, effects[0].answer)
        else:
            self._open[given.key] = opened
            if payload is not None and (task.policy.cloud or task.deferred or self._captures(task)):
                opened.payload = payload.hold()
            self._carry_out(effects)
            if payload is not None and given.key in self._open:
                later = task.deferred if opened.decision is None else frozenset()
                opened.deferred = later - absent.keys()
                self._submit(opened, payload, absent.keys() | later)
                opened.input.payload = b""  # the workers' copy is enough
        if payload is not None:
            payload.release()

    def _repeat(self, opened: OpenRequest, decision: rendezvous.Answer | None) -> None:
        """Its id came before: it gets the answer that one got, or if that is still to come, will get."""
        opened.task.tally.repeated += 1
        first = self._open[opened.input.key] if decision is None else decision
        if first.request.fingerprint != opened.request.fingerprint:
            reused = f"{opened.task.name} {opened.input.id}: another payload under an id that came before"
            self._complaints.note("id.reused", reused)
        if isinstance(first, OpenRequest):
            first.joined.append(opened.input.reply)
        else:
            self._answerer.repeat(opened, first)

    def _submit(self, opened: OpenRequest, payload: SharedPayload, without: Container[str]) -> None:
        policy = opened.task.policy
        for worker, contestants in opened.task.by_worker.items():
            asked = tuple(name for name in contestants if name not in without)
            if asked:
                job = Job(
                    key=opened.input.key,
                    payload=payload,
                    contestants=tuple(map(opened.task.seat_of, asked)),
                    content_type=opened.input.content_type,
                    inject=opened.request.inject or {},
                    backlog=opened.input.backlog,
                    until_ns=None if policy.named.isdisjoint(asked) else opened.time_up_ns,
                )
                worker.submit(job)

    def _submit_deferred(self, opened: OpenRequest) -> None:
        """Ask those now whom the answer did not wait for, and who would have been in its way."""
        deferred, opened.deferred = opened.deferred, frozenset()
        if deferred and opened.payload is not None:
            opened.deferred_ns = self._reactor.now_ns()
            others = {one.name for one in opened.task.policy.contestants} - deferred
            self._submit(opened, opened.payload, others)

    # ---- what contestants say

    def on_score(self, key: str | int, contestant: str, scored: Scored, bundle: str | None = None) -> None:
        """A contestant has scored a request.

        Args:
            key: the request's.
            contestant: who, or the seat from which a worker says it: whose that is, the request's own task knows.
            scored: what it says.
            bundle: the one it says it runs, where it is not one of ours.
        """
        opened, now_ns = self._open.get(str(key)), self._reactor.now_ns()
        if opened is not None:
            contestant = opened.task.contestant_on(contestant)
            bundle = opened.task.bundles.get(contestant) if bundle is None else bundle
        score = rendezvous.Score(contestant, scored.label, scored.confidence, tuple(scored.top), scored.output, bundle)
        if opened is not None:
            opened.tell_score(score, now_ns)
        self._carry_out(self._rendezvous.score(str(key), score, now_ns))
        self._after_event()

    def on_failure(self, key: str | int, contestant: str, error: ErrorInfo, *, final: bool = True) -> None:
        """A contestant (or seat) will not score a request; not `final`: not worth waiting for, but it may yet."""
        opened = self._open.get(str(key))
        if opened is not None:
            contestant = opened.task.contestant_on(contestant)
            opened.tell_failure(contestant, error)
        self._carry_out(self._fail(str(key), contestant, error, final=final))
        self._after_event()

    def on_phi(self, name: str, seats: Mapping[str, str | None], phi: PhiVector | ErrorInfo) -> None:
        """φ of an input of a task, as those on these seats see it with these bundles, or why it could not be measured.

        A seat whose bundle is not the one that its contestant runs now is of a worker on its way out: it says nothing
        of the bundle that came after.
        """
        task = self.tasks.get(name)
        if self.monitor is not None and task is not None:
            contestants = {task.contestant_on(seat): bundle for seat, bundle in seats.items()}
            same = (one for one, bundle in contestants.items() if bundle == task.bundles.get(one))
            self.monitor.measured(task, tuple(one for one in same if one in task.workers), phi)

    def on_link(self, task: str, link: Link) -> None:
        """The way to a task's cloud contestants has changed."""
        if task in self.tasks:
            self.tasks[task].link = link
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

    def _carry_out(self, effects: list[rendezvous.Effect]) -> None:
        """Do what was decided, in order; what follows from a question that could not be asked comes last."""
        due = deque(effects)
        while due:
            effect = due.popleft()
            opened = self._open[effect.request.id]
            match effect:
                case rendezvous.Ask():
                    due += self._ask(opened, [effect.contestant, *_take_asks(due, effect.request)])
                case rendezvous.Answer():
                    self._answer(opened, effect)
                case rendezvous.Late():
                    opened.task.tally.note_late(effect, opened.input.id, opened.decision)
                    if self.decoy is not None:
                        self.decoy.late(opened.input.key, effect)
                    if self.monitor is not None:
                        self.monitor.late(opened.task, effect, opened.decision)
                case rendezvous.Close():
                    opened.let_go_payload()
                    del self._open[effect.request.id]
                    if self.decoy is not None:
                        self.decoy.closed(effect.request.id)

    def _ask(self, opened: OpenRequest, contestants: list[str]) -> list[rendezvous.Effect]:
        """Put one question to all that are asked at this moment; what follows if it cannot be.

        A request has two such moments at most: see `roost_shared.questions` on why its input crosses at each.
        """
        refusal: ErrorInfo | None = PRIVATE if opened.task.private else NO_LINK
        if self.asker is not None and opened.payload is not None and not opened.task.private:
            inquiry = Inquiry(
                key=opened.input.key,
                task=opened.task.name,
                contestants=tuple(contestants),
                payload=opened.payload,
                content_type=opened.input.content_type,
                inject=opened.request.inject,
                time_up_ns=opened.time_up_ns,
            )
            refusal = self.asker.ask(inquiry)
        effects: list[rendezvous.Effect] = []
        if refusal is not None:
            # Those that can decide nothing first: the answer shall tell of all.
            for contestant in sorted(contestants, key=opened.task.policy.named.__contains__):
                effects += self._fail(opened.input.key, contestant, refusal, final=True)
        return effects

    def _answer(self, opened: OpenRequest, decision: rendezvous.Answer) -> None:
        opened.decision = decision
        opened.tell_answer(decision)
        in_time = self._answerer.answer(opened, decision)
        self._submit_deferred(opened)
        opened.let_go_payload()  # nobody is asked after the answer, and who wants to keep it holds it
        opened.task.tally.agreement.note_answer(decision, opened.task.policy.agreement_tolerance)
        if self.asker is not None:
            self.asker.answered(opened.input.key, opened.task.name, decision)
        if self.monitor is not None:
            self.monitor.answered(opened.task, decision, in_time=in_time)

    def _captures(self, task: Task) -> bool:
        return self.decoy is not None and self.decoy.captures(task.name)

    # ---- time and room

    def _after_event(self) -> None:
        while self._backlog:
            given = self._backlog.take(self._rendezvous.unanswered, self._reactor.now_ns())
            if given is None:
                break
            self._begin(given)
        self._set_alarm()
        if self.on_idle is not None and not self.unanswered:
            self.on_idle()

    def _set_alarm(self) -> None:
        wake_ns, due_ns = self._rendezvous.next_wake_ns, self._backlog.due_ns
        if due_ns is not None:
            wake_ns = due_ns if wake_ns is None else min(wake_ns, due_ns)
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


def _request(task: Task, given: Input, now_ns: int) -> rendezvous.Request:
    """An input as the rendezvous knows it."""
    return rendezvous.Request(
        id=given.key,
        # What waited at the broker has missed its moment; it shall have an answer, not a default in haste.
        received_ns=now_ns if given.backlog else given.received_ns,
        deadline_ns=given.deadline_ns,
        force=given.force,
        remember=given.repeatable,
        inject=dict(task.inject) if task.inject else None,
        fingerprint=zlib.crc32(given.payload) if given.repeatable else 0,
    )


def _take_asks(effects: deque[rendezvous.Effect], request: rendezvous.Request) -> Iterator[str]:
    """Take the questions about a request off the front; whom they are for."""
    while effects:
        effect = effects[0]
        if not isinstance(effect, rendezvous.Ask) or effect.request is not request:
            return
        effects.popleft()
        yield effect.contestant
