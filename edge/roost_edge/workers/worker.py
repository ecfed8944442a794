"""One contestant's worker, as the agent sees it: jobs in, scores or failures out, whatever befalls the process.

```python
worker = Worker(WorkerSpec(task="meter", contestant="primary", bundle_folder=folder), reactor, listener)
worker.start()                                     # then on_worker_state(…, "ready", None)
worker.submit(Job(key=request, payload=payload))   # then exactly one of on_score and on_failure
worker.stop(reactor.now_ns() + 2 * SECOND)         # then on_worker_state(…, "stopped", None)
```

Everything happens in the reactor's thread. The listener is never called from inside a method of `Worker`, so its own
methods may call any of them. What there is to decide is decided in `JobQueue` and `Supervision`.
"""

import random
from functools import partial
from itertools import count
from typing import Final

from roost_edge.reactor import Reactor, Timer
from roost_edge.workers import protocol
from roost_edge.workers.child import Child
from roost_edge.workers.interface import WorkerListener, WorkerSpec, WorkerStats
from roost_edge.workers.job_queue import Job, JobQueue, Key, Ticket
from roost_edge.workers.supervision import START_LIMIT_NS, Loss, Supervision
from roost_shared.clock import MS, ns_to_ms
from roost_shared.messages import ErrorInfo

__all__ = ["Worker"]

_OVERSLEPT_NS: Final = 100 * MS


class Worker:
    """A contestant's subprocess over all its incarnations."""

    def __init__(self, spec: WorkerSpec, reactor: Reactor, listener: WorkerListener) -> None:
        self._spec = spec
        self._title = f"{spec.task}/{spec.contestant}"
        self._reactor = reactor
        self._listener = listener
        self._queue = JobQueue(spec.queue_jobs)
        self._supervision = Supervision(random.random)
        self._sequence = count()
        self._child: Child | None = None
        self._spawned_ns = 0
        self._restart: Timer | None = None
        self._restart_at_ns: int | None = None  # while lost: when to start again
        self._watchdog: Timer | None = None
        self._stop: Timer | None = None
        self._stopping = False
        self._bundle: str | None = None
        self._faults = 0
        self._refused: protocol.Refused | None = None
        self._last_error: ErrorInfo | None = None

    @property
    def unavailable(self) -> ErrorInfo | None:
        """Why it takes no jobs now; None if it does."""
        state = "stopped" if self._stopping else self._supervision.state
        if state == "ready":
            return None
        why = f": {self._last_error.code}: {self._last_error.message}" if self._last_error else ""
        return ErrorInfo(f"worker.{state}", f"{self._title} is {state}{why}")

    def start(self) -> None:
        """Start the subprocess, as soon as the reactor runs."""
        self._restart = self._reactor.call_at(self._reactor.now_ns(), self._spawn)

    def submit(self, job: Job) -> None:
        """Have `job` scored; exactly one of `on_score` and `on_failure` follows, unless it is cancelled before.

        A worker that is not ready fails it at once, so that a fallback need not wait.
        """
        unavailable = self.unavailable
        if unavailable is not None:
            self._fail_soon(job, unavailable)
            return
        work = protocol.Work(next(self._sequence), [self._spec.contestant], job.content_type, dict(job.inject))
        try:
            packet = protocol.encode(work)
        except protocol.UnsendableError as error:
            self._fail_soon(job, ErrorInfo(error.code, str(error)))
            return
        refused = self._queue.put(Ticket(work.sequence, job, packet))
        job.payload.hold()
        if refused is not None:
            refused.payload.release()
            self._fail_soon(refused, ErrorInfo("worker.overloaded", f"{self._title}: {len(self._queue)} wait"))
        self._feed()

    def cancel(self, key: Key) -> bool:
        """Take back a job; False, and its outcome follows, if it has begun or is not here."""
        job = self._queue.cancel(key)
        if job is None:
            return False
        job.payload.release()
        return True

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

    def stats(self) -> WorkerStats:
        """How it fares."""
        p50_ns, p99_ns = self._supervision.took.quantile_ns(0.5), self._supervision.took.quantile_ns(0.99)
        return WorkerStats(
            state=self._supervision.state,
            pid=self._child.pid if self._child else None,
            bundle=self._bundle,
            restarts=self._supervision.restarts,
            served=self._supervision.served,
            faults=self._faults,
            waiting=len(self._queue),
            p50_ms=None if p50_ns is None else ns_to_ms(p50_ns),
            p99_ms=None if p99_ns is None else ns_to_ms(p99_ns),
            last_error=self._last_error,
        )

    def on_message(self, message: protocol.FromWorker) -> None:
        """For `Child` alone: it said something."""
        if isinstance(message, protocol.Done | protocol.Failed):
            self._on_reply(message)
        elif self._supervision.state == "ready":
            self._break_with("started twice")
        elif isinstance(message, protocol.Refused):
            self._refused = message
        else:
            self._on_ready(message)

    def on_exit(self, reason: str) -> None:
        """For `Child` alone: it is gone."""
        self._child = None
        if self._stopping:
            self._fail_all(ErrorInfo("worker.stopped", f"{self._title} is stopped"))
            self._end()
            return
        if self._restart_at_ns is None:
            loss, error = self._judge(reason)
            self._lose(loss, error)
        self._start_again()

    def _spawn(self) -> None:
        self._restart = self._restart_at_ns = self._refused = None
        self._spawned_ns = self._reactor.now_ns()
        spec = self._spec
        source = protocol.ContestantSource(spec.contestant, str(spec.bundle_folder))
        try:
            self._child = Child(self._title, self._reactor, self)
        except OSError as error:
            self._lose("crashed", ErrorInfo("worker.crashed", f"{self._title} cannot be started: {error}"))
            self._start_again()
            return
        self._child.send(protocol.encode(protocol.Load(protocol.PROTOCOL, [source], spec.runtime, spec.limits)))
        self._watch()

    def _on_ready(self, ready: protocol.Ready) -> None:
        if ready.protocol != protocol.PROTOCOL or len(ready.contestants) != 1:
            self._break_with(f"speaks protocol {ready.protocol}, we {protocol.PROTOCOL}: restart the agent")
            return
        about = ready.contestants[0]
        self._bundle = about.bundle
        self._supervision.ready(self._reactor.now_ns(), about.golden_us * 1000)
        self._watch_anew()
        self._listener.on_worker_state(self._spec.contestant, "ready", None)

    def _on_reply(self, reply: protocol.Done | protocol.Failed) -> None:
        now_ns = self._reactor.now_ns()
        ticket = self._queue.finish(reply.sequence, now_ns) if reply.contestant == self._spec.contestant else None
        if ticket is None:
            self._break_with("replied to what it was not asked")
            return
        ticket.job.payload.release()
        self._supervision.scored(now_ns - ticket.runs_since_ns)
        self._feed()
        if isinstance(reply, protocol.Done):
            self._listener.on_score(ticket.job.key, reply.contestant, reply.scored)
        else:
            self._faults += reply.error.code == protocol.FAULT
            self._listener.on_failure(ticket.job.key, reply.contestant, reply.error)
        if self._stopping and self._queue.idle and self._child is not None:
            self._child.kill()

    def _feed(self) -> None:
        """Send the subprocess as much as it should have."""
        while self._child is not None and (ticket := self._queue.begin(self._reactor.now_ns())) is not None:
            self._child.send(ticket.packet, ticket.job.payload.fileno())
        self._watch()

    def _watch(self) -> None:
        """See to it that the watchdog looks when the running job, or the start, has had its time."""
        if self._watchdog is None and (due_ns := self._due_ns()) is not None:
            self._watchdog = self._reactor.call_at(due_ns, self._look)

    def _watch_anew(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None
        self._watch()

    def _due_ns(self) -> int | None:
        if self._child is None or self._restart_at_ns is not None:
            return None
        if self._supervision.state != "ready":
            return self._spawned_ns + START_LIMIT_NS
        head = self._queue.head
        return None if head is None else head.runs_since_ns + self._supervision.hang_limit_ns

    def _look(self) -> None:
        now_ns = self._reactor.now_ns()
        overslept_ns = now_ns - self._watchdog.when_ns if self._watchdog else 0
        self._watchdog = None
        head = self._queue.head
        if overslept_ns > _OVERSLEPT_NS and head is not None:
            # This loop stood still, maybe with the whole machine: that says nothing of the worker.
            head.runs_since_ns = now_ns
        due_ns = self._due_ns()
        if due_ns is None or now_ns < due_ns:
            self._watch()
        elif self._child is not None:
            what = "its start" if head is None else "a job"
            since_ns = self._spawned_ns if head is None else head.runs_since_ns
            hung = f"{self._title} was killed, it hung: {what} took over {ns_to_ms(now_ns - since_ns):.0f} ms"
            self._child.kill()
            self._lose("hung", ErrorInfo("worker.hung", hung))

    def _judge(self, reason: str) -> tuple[Loss, ErrorInfo]:
        """Why a process that is gone is gone."""
        if self._refused is None:
            return "crashed", ErrorInfo("worker.crashed", f"{self._title} {reason}")
        return "refused" if self._refused.lasting else "crashed", self._refused.error

    def _lose(self, loss: Loss, error: ErrorInfo) -> None:
        now_ns = self._reactor.now_ns()
        self._restart_at_ns = now_ns + self._supervision.lost(now_ns, loss)
        self._last_error = error
        self._fail_all(error)
        self._listener.on_worker_state(self._spec.contestant, self._supervision.state, error)

    def _start_again(self) -> None:
        if not self._stopping and self._restart_at_ns is not None:
            self._restart = self._reactor.call_at(self._restart_at_ns, self._spawn)

    def _break_with(self, violation: str) -> None:
        """Have no more of a child that does not follow the protocol; its end follows."""
        if self._child is not None:
            self._child.kill(violation)

    def _fail_all(self, error: ErrorInfo) -> None:
        for job in self._queue.drain():
            job.payload.release()
            self._listener.on_failure(job.key, self._spec.contestant, error)

    def _fail_soon(self, job: Job, error: ErrorInfo) -> None:
        self._reactor.call_soon(partial(self._listener.on_failure, job.key, self._spec.contestant, error))

    def _end(self) -> None:
        self._supervision.stopped()
        for timer in (self._watchdog, self._stop):
            if timer is not None:
                timer.cancel()
        self._listener.on_worker_state(self._spec.contestant, "stopped", None)
