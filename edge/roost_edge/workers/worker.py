"""A worker as the agent sees it: jobs in, scores or failures out, whatever befalls the process.

```python
primary, shadow = ServedContestant("primary", folder), ServedContestant("shadow", other, may_answer=False)
worker = Worker(WorkerSpec(task="meter", contestants=(primary, shadow)), reactor, listener)
worker.start()                                     # then on_contestant_state(…, "ready", None) for each
worker.submit(Job(key=request, payload=payload))   # then exactly one of on_score and on_failure for each
worker.stop(reactor.now_ns() + 2 * SECOND)         # then on_contestant_state(…, "stopped", None) for each
```

Everything happens in the reactor's thread. The listener is never called from inside a method of `Worker`, so its own
methods may call any of them. What there is to decide is decided in `JobQueue`, `Supervision` and `Membership`.
"""

from collections import deque
from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import Final

from roost_edge.loop.reactor import Reactor, Timer
from roost_edge.workers import protocol
from roost_edge.workers.child import Child
from roost_edge.workers.hang_watch import HangWatch
from roost_edge.workers.interface import ContestantState, ContestantStats, WorkerListener, WorkerSpec
from roost_edge.workers.job_queue import Job, JobQueue, Key, Ticket
from roost_edge.workers.membership import OFFENCE, Member, Membership
from roost_edge.workers.supervision import GENTLE_START_LIMIT_NS, START_LIMIT_NS, Loss, Supervision, WorkerState
from roost_shared.chance import CHANCE
from roost_shared.clock import SECOND, ns_to_ms
from roost_shared.messages import ErrorInfo

__all__ = ["Worker"]

_UNFINISHED_JOBS: Final = 64  # an honest subprocess gives up heads long before, see `crew`
_MENDED_NS: Final = 600 * SECOND  # then the refused one that may answer is tried again


class Worker:
    """A subprocess over all its incarnations, and the contestants it serves."""

    def __init__(self, spec: WorkerSpec, reactor: Reactor, listener: WorkerListener) -> None:
        self._spec = spec
        self._membership = Membership(spec.contestants)
        self._title = f"{spec.task}/{'+'.join(self._membership.members)}"
        self._reactor = reactor
        self._listener = listener
        self._queue = JobQueue(spec.queue_jobs)
        self._supervision = Supervision(CHANCE.random)
        self._sequence = count()
        self._child: Child | None = None
        self._loaded: Sequence[Member] = ()  # what the subprocess was told to serve, in the order of its marks
        self._spawned_ns = 0
        self._restart: Timer | None = None
        self._restart_at_ns: int | None = None  # while lost: when to start again
        self._hang_watch = HangWatch(reactor, self._due_ns, excuse=self._queue.excuse, on_hung=self._on_hung)
        self._stop: Timer | None = None
        self._stopping = False
        self._gently = spec.gently
        self._refused: Sequence[protocol.Refused] = ()  # all of them, by a subprocess that then exits

    @property
    def state(self) -> WorkerState:
        """Of the subprocess; a contestant's own may differ, see `stats`."""
        return self._supervision.state

    def unavailable(self, contestant: str) -> ErrorInfo | None:
        """Why this contestant takes no jobs now; None if it does."""
        member = self._membership.members[contestant]
        state = "stopped" if self._stopping else self._state_of(member)
        if state == "ready":
            return None
        why = f": {member.last_error.code}: {member.last_error.message}" if member.last_error else ""
        return ErrorInfo(f"worker.{state}", f"{self._spec.task}/{contestant} is {state}{why}")

    def start(self) -> None:
        """Start the subprocess, as soon as the reactor runs."""
        self._restart = self._reactor.call_at(self._reactor.now_ns(), self._spawn)

    def submit(self, job: Job) -> None:
        """Have `job` scored by each of its contestants.

        For each exactly one of `on_score` and `on_failure` follows. One that is not ready fails it at once, so that a
        fallback need not wait.
        """
        asked: deque[str] = deque()
        for contestant in self._membership.members:
            if job.contestants and contestant not in job.contestants:
                continue
            unavailable = self.unavailable(contestant)
            if unavailable is None:
                asked.append(contestant)
            else:
                self._fail_soon(job.key, [contestant], unavailable)
        if asked:
            self._enqueue(job, asked)

    def stop(self, deadline_ns: int) -> None:
        """Take no more jobs, finish those here until `deadline_ns`, then end for good."""
        if self._stopping:
            return
        self._stopping = True
        if self._child is None:
            if self._restart is not None:
                self._restart.cancel()
            self._reactor.call_soon(self._end)
        elif self._queue.idle:
            self._child.kill()
        else:
            self._stop = self._reactor.call_at(deadline_ns, self._child.kill)

    def stats(self, contestant: str) -> ContestantStats:
        """How a contestant fares."""
        member = self._membership.members[contestant]
        p50_ns, p99_ns = member.took.quantile_ns(0.5), member.took.quantile_ns(0.99)
        served = self._child is not None and not member.thrown_out and not member.refused
        others = [one.name for one in self._membership.staying if one is not member and not one.refused]
        return ContestantStats(
            state=self._state_of(member),
            pid=self._child.pid if self._child is not None and served else None,
            bundle=member.bundle,
            shares_base_with=tuple(others) if served else (),
            restarts=self._supervision.restarts,
            served=member.scored,
            faults=member.faults,
            waiting=len(self._queue),
            p50_ms=None if p50_ns is None else ns_to_ms(p50_ns),
            p99_ms=None if p99_ns is None else ns_to_ms(p99_ns),
            last_error=member.last_error,
            golden_hash=member.golden_hash,
            hardware=member.hardware,
        )

    def on_message(self, message: protocol.FromWorker) -> None:
        """For `Child` alone: it said something."""
        if isinstance(message, protocol.Done | protocol.Failed):
            self._on_reply(message)
        elif isinstance(message, protocol.Measured):
            self._on_measured(message)
        elif self._supervision.state == "ready":
            self._break_with("started twice")
        else:
            self._on_ready(message)

    def _on_measured(self, message: protocol.Measured) -> None:
        phi = message.phi or message.error
        if phi is None or self._supervision.state != "ready":
            self._break_with("tells of nothing measured" if phi is None else "measured before it was ready")
            return
        members = self._membership.members
        self._listener.on_phi({one.name: members[one.name].bundle for one in self._loaded if not one.refused}, phi)

    def on_exit(self, reason: str) -> None:
        """For `Child` alone: it is gone."""
        culprit = self._running()
        self._child = None
        if self._stopping:
            self._fail_all(ErrorInfo("worker.stopped", f"{self._title} is stopped"))
            self._end()
            return
        if self._restart_at_ns is None:
            loss, error = self._judge(reason, culprit)
            self._lose(loss, error, culprit)
        self._start_again()

    def _enqueue(self, job: Job, asked: deque[str]) -> None:
        work = protocol.Work(next(self._sequence), list(asked), job.content_type, dict(job.inject))
        try:
            packet = protocol.encode(work)
        except protocol.UnsendableError as error:
            self._fail_soon(job.key, asked, ErrorInfo(error.code, str(error)))
            return
        job.payload.hold()
        refused = self._queue.put(Ticket(work.sequence, job, packet, asked))
        if refused is not None:
            refused.release()
            overload = ErrorInfo(protocol.OVERLOADED, f"{self._title}: {len(self._queue)} wait")
            self._fail_soon(refused.job.key, refused.awaited, overload)
        self._feed()

    def _spawn(self) -> None:
        self._restart = self._restart_at_ns = None
        self._refused = ()
        self._spawned_ns = self._reactor.now_ns()
        self._loaded = self._membership.start_anew()
        sources = [protocol.ContestantSource(one.name, str(one.served.bundle_folder)) for one in self._loaded]
        spec = self._spec
        load = protocol.encode(
            protocol.Load(protocol.PROTOCOL, sources, spec.runtime, spec.limits, self._gently, spec.measured_per_s)
        )
        try:
            self._child = Child(self._title, self._reactor, self)
        except OSError as error:
            self._lose("crashed", ErrorInfo("worker.crashed", f"{self._title} cannot be started: {error}"))
            self._start_again()
            return
        self._child.send(load, self._child.mark.fileno())
        self._hang_watch.watch()

    def _on_ready(self, ready: protocol.Ready) -> None:
        named = [one.contestant for one in ready.contestants] + [one.contestant for one in ready.refused]
        if ready.protocol != protocol.PROTOCOL or sorted(named) != sorted(one.name for one in self._loaded):
            self._break_with(f"speaks protocol {ready.protocol}, we {protocol.PROTOCOL}: restart the agent")
            return
        if not ready.contestants:
            self._refused = ready.refused
            return  # its end follows
        for refused in ready.refused:
            self._membership.refuse(refused.contestant, refused.error)
        for about in ready.contestants:
            member = self._membership.members[about.contestant]
            member.bundle, member.golden_hash, member.hardware = about.bundle, about.golden_hash, about.hardware
        self._gently = False  # whoever has served is missed, should it have to start again
        self._supervision.ready(self._reactor.now_ns(), max(about.golden_us for about in ready.contestants) * 1000)
        self._hang_watch.watch_anew()
        for member in self._loaded:
            error = member.last_error if member.refused else None
            self._listener.on_contestant_state(member.name, self._state_of(member), error)
            if member.refused and member.served.may_answer:
                self._restart = self._reactor.call_after(_MENDED_NS, partial(self._break_with, "tried anew"))

    def _on_reply(self, reply: protocol.Done | protocol.Failed) -> None:
        now_ns = self._reactor.now_ns()
        accounted = self._queue.reply(reply.sequence, reply.contestant, now_ns)
        if accounted is None or self._queue.unfinished > _UNFINISHED_JOBS:
            self._break_with("replied to what it was not asked" if accounted is None else "does not reply for all")
        if accounted is None:
            return
        ticket, took_ns = accounted
        ticket.release()
        member = self._membership.members[reply.contestant]
        member.scored += 1
        error = reply.error if isinstance(reply, protocol.Failed) else None
        if error is None or error.code != protocol.OVERLOADED:
            member.took.add(took_ns)
            self._supervision.scored(took_ns)
        self._feed()
        if isinstance(reply, protocol.Done):
            self._listener.on_score(ticket.job.key, reply.contestant, reply.scored)
        else:
            member.faults += reply.error.code == protocol.FAULT
            self._listener.on_failure(ticket.job.key, reply.contestant, reply.error)
            if reply.error.code == OFFENCE and self._membership.offend(reply.contestant, now_ns, reply.error):
                self._listener.on_contestant_state(reply.contestant, "thrown_out", reply.error)
        if self._stopping and self._queue.idle and self._child is not None:
            self._child.kill()

    def _feed(self) -> None:
        """Send the subprocess as much as it should have."""
        if len(self._queue) > 1:
            self._give_way()
        while self._child is not None and (ticket := self._queue.begin(self._reactor.now_ns())) is not None:
            self._child.send(ticket.packet, ticket.job.payload.fileno())
        self._hang_watch.watch()

    def _give_way(self) -> None:
        now_ns = self._reactor.now_ns()
        first = next(iter(self._membership.members.values()))
        for ticket in self._queue.give_way(now_ns, first.took.quantile_ns(0.5) or 0):
            ticket.release()
            too_late = ErrorInfo(protocol.TOO_LATE, f"{self._title}: too many inputs wait to score this one in time")
            self._fail_soon(ticket.job.key, ticket.awaited, too_late)

    def _due_ns(self) -> int | None:
        if self._child is None or self._restart_at_ns is not None:
            return None
        if self._supervision.state != "ready":
            return self._spawned_ns + (GENTLE_START_LIMIT_NS if self._gently else START_LIMIT_NS)
        since_ns = self._queue.busy_since_ns
        return None if since_ns is None else since_ns + self._supervision.hang_limit_ns

    def _on_hung(self, now_ns: int) -> None:
        if self._child is None:
            return
        since_ns = self._queue.busy_since_ns
        what = "its start" if since_ns is None else "a job"
        took_ms = ns_to_ms(now_ns - (self._spawned_ns if since_ns is None else since_ns))
        culprit = self._running()
        hung = f"{self._title} was killed, it hung{_while(culprit)}: {what} took over {took_ms:.0f} ms"
        self._child.kill()
        self._lose("hung", ErrorInfo("worker.hung", hung), culprit)

    def _running(self) -> Member | None:
        """Whose head runs, or ran when the subprocess ended; None if it is the base, or there is no choice."""
        number = 0 if self._child is None else self._child.mark.read()
        return self._loaded[number - 1] if len(self._loaded) > 1 and 0 < number <= len(self._loaded) else None

    def _judge(self, reason: str, culprit: Member | None) -> tuple[Loss, ErrorInfo]:
        """Why a process that is gone is gone."""
        if not self._refused:
            return "crashed", ErrorInfo("worker.crashed", f"{self._title} {reason}{_while(culprit)}")
        lasting = any(refused.lasting for refused in self._refused)
        return "refused" if lasting else "crashed", self._refused[0].error

    def _lose(self, loss: Loss, error: ErrorInfo, culprit: Member | None = None) -> None:
        now_ns = self._reactor.now_ns()
        if self._restart is not None:
            self._restart.cancel()
        self._restart_at_ns = now_ns + self._supervision.lost(now_ns, loss)
        if culprit is not None:
            self._membership.offend(culprit.name, now_ns, error)
        own = {refused.contestant: refused.error for refused in self._refused}
        for member in self._loaded:
            member.last_error = own.get(member.name, error)
        self._fail_all(error)
        for member in self._loaded:
            self._listener.on_contestant_state(member.name, self._state_of(member), member.last_error)

    def _start_again(self) -> None:
        if not self._stopping and self._restart_at_ns is not None:
            self._restart = self._reactor.call_at(self._restart_at_ns, self._spawn)

    def _break_with(self, violation: str) -> None:
        """Have no more of a child that does not follow the protocol; its end follows."""
        if self._child is not None:
            self._child.kill(violation)

    def _fail_all(self, error: ErrorInfo) -> None:
        for ticket in self._queue.drain():
            ticket.release()
            for contestant in ticket.awaited:
                self._listener.on_failure(ticket.job.key, contestant, error)

    def _fail_soon(self, key: Key, contestants: Sequence[str], error: ErrorInfo) -> None:
        for contestant in contestants:
            self._reactor.call_soon(partial(self._listener.on_failure, key, contestant, error))

    def _state_of(self, member: Member) -> ContestantState:
        if member.thrown_out:
            return "thrown_out"
        state = self._supervision.state
        return "failed" if member.refused and state == "ready" else state

    def _end(self) -> None:
        self._supervision.stopped()
        self._hang_watch.stop()
        for timer in (self._stop, self._restart):
            if timer is not None:
                timer.cancel()
        for member in self._membership.members.values():
            self._listener.on_contestant_state(member.name, "stopped", None)


def _while(culprit: Member | None) -> str:
    return f" while {culprit.name} ran" if culprit else ""
