"""No job is ever lost, doubled or overtaken, whatever is asked of the queue in whatever order."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from roost_edge.workers.job_queue import Job, JobQueue, Ticket
from roost_edge.workers.payload import SharedPayload

CAPACITY = 4
PAYLOAD = SharedPayload(b"x")


class JobQueueMachine(RuleBasedStateMachine):
    """The queue against the plainest model of it: two lists of what waits and one of what has begun."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = JobQueue(CAPACITY)
        self.live: list[Job] = []
        self.backlog: list[Job] = []
        self.begun: list[Ticket] = []
        self.left: list[Job] = []
        self.put_in: list[Job] = []
        self.now_ns = 0

    @rule(key=st.integers(0, 6), backlog=st.booleans())
    def put(self, key: int, backlog: bool) -> None:  # noqa: FBT001 - Hypothesis passes by name
        job = Job(key=key, payload=PAYLOAD, backlog=backlog)
        waiting = self.live + self.backlog
        refused = self.queue.put(Ticket(len(self.put_in), job, b""))
        self.put_in.append(job)
        if key in [other.key for other in waiting]:
            assert refused is job
        elif len(waiting) < CAPACITY:
            assert refused is None
        elif backlog or not self.backlog:
            assert refused is job
        else:
            assert refused is self.backlog.pop()
        if refused is not None:
            self.left.append(refused)
        if refused is not job:
            (self.backlog if backlog else self.live).append(job)

    @rule(key=st.integers(0, 6))
    def cancel(self, key: int) -> None:
        job = self.queue.cancel(key)
        waiting = [other for other in self.live + self.backlog if other.key == key]
        assert ([] if job is None else [job]) == waiting
        if job is not None:
            (self.backlog if job.backlog else self.live).remove(job)
            self.left.append(job)

    @rule()
    def begin(self) -> None:
        self.now_ns += 1
        ticket = self.queue.begin(self.now_ns)
        if len(self.begun) < 2 and self.live:
            expected = self.live.pop(0)
        elif not self.begun and self.backlog:
            expected = self.backlog.pop(0)
        else:
            assert ticket is None
            return
        assert ticket is not None
        assert ticket.job is expected
        self.begun.append(ticket)

    @precondition(lambda self: self.begun)
    @rule()
    def finish(self) -> None:
        self.now_ns += 1
        ticket = self.begun.pop(0)
        assert self.queue.finish(ticket.sequence, self.now_ns) is ticket
        self.left.append(ticket.job)
        if self.begun:
            assert self.begun[0].runs_since_ns == self.now_ns

    @rule(sequence=st.integers(-1, 20))
    def finish_what_does_not_run(self, sequence: int) -> None:
        if not self.begun or self.begun[0].sequence != sequence:
            assert self.queue.finish(sequence, self.now_ns) is None

    @precondition(lambda self: len(self.put_in) % 8 == 7)  # seldom, or the queue would never fill
    @rule()
    def drain(self) -> None:
        drained = self.queue.drain()
        assert drained == [ticket.job for ticket in self.begun] + self.live + self.backlog
        self.left += drained
        self.live, self.backlog, self.begun = [], [], []

    @invariant()
    def the_account_balances(self) -> None:
        here = [ticket.job for ticket in self.begun] + self.live + self.backlog
        assert len(here) + len(self.left) == len(self.put_in)
        assert {id(job) for job in here} | {id(job) for job in self.left} == {id(job) for job in self.put_in}
        assert len(self.queue) == len(self.live) + len(self.backlog) <= CAPACITY
        assert self.queue.idle == (not here)
        assert self.queue.head is (self.begun[0] if self.begun else None)


TestJobQueue = JobQueueMachine.TestCase
TestJobQueue.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
