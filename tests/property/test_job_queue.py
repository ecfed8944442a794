"""No job and no reply is ever lost, doubled or overtaken, whatever is asked of the queue in whatever order."""

from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from roost_edge.workers.job_queue import Job, JobQueue, Ticket
from roost_edge.workers.payload import SharedPayload

CAPACITY = 4
PAYLOAD = SharedPayload(b"x")
NAMES = ("primary", "s1", "s2")


class JobQueueMachine(RuleBasedStateMachine):
    """The queue against the plainest model of it: lists of what waits, has begun, and has replied in part."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = JobQueue(CAPACITY)
        self.live: list[Ticket] = []
        self.backlog: list[Ticket] = []
        self.begun: list[Ticket] = []
        self.rest: list[Ticket] = []
        self.left: list[Ticket] = []
        self.put_in: list[Ticket] = []
        self.now_ns = 0
        self.since_ns = 0

    @rule(key=st.integers(0, 6), backlog=st.booleans(), contestants=st.integers(1, len(NAMES)))
    def put(self, key: int, backlog: bool, contestants: int) -> None:  # noqa: FBT001 - Hypothesis passes by name
        job = Job(key=key, payload=PAYLOAD, backlog=backlog)
        ticket = Ticket(len(self.put_in), job, b"", deque(NAMES[:contestants]))
        waiting = self.live + self.backlog
        refused = self.queue.put(ticket)
        self.put_in.append(ticket)
        if key in [other.job.key for other in waiting]:
            assert refused is ticket
        elif len(waiting) < CAPACITY:
            assert refused is None
        elif backlog or not self.backlog:
            assert refused is ticket
        else:
            assert refused is self.backlog.pop()
        if refused is not None:
            self.left.append(refused)
        if refused is not ticket:
            (self.backlog if backlog else self.live).append(ticket)

    @rule()
    def begin(self) -> None:
        self.now_ns += 1
        ticket = self.queue.begin(self.now_ns)
        if len(self.begun) < 2 and self.live:
            expected = self.live.pop(0)
        elif not self.begun and not self.rest and not self.live and self.backlog:
            expected = self.backlog.pop(0)
        else:
            assert ticket is None
            return
        assert ticket is expected
        if not self.begun and not self.rest:
            self.since_ns = self.now_ns
        self.begun.append(ticket)

    @precondition(lambda self: self.begun)
    @rule()
    def the_first_replies(self) -> None:
        ticket = self.begun.pop(0)
        self.reply(ticket)
        (self.rest if ticket.awaited else self.left).append(ticket)

    @precondition(lambda self: self.rest)
    @rule(data=st.data())
    def another_replies(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(self.rest))
        self.reply(ticket)
        if not ticket.awaited:
            self.rest.remove(ticket)
            self.left.append(ticket)

    def reply(self, ticket: Ticket) -> None:
        self.now_ns += 1
        awaited = len(ticket.awaited)
        assert self.queue.reply(ticket.sequence, ticket.awaited[0], self.now_ns) == (
            ticket,
            self.now_ns - self.since_ns,
        )
        assert len(ticket.awaited) == awaited - 1
        self.since_ns = self.now_ns

    @rule(sequence=st.integers(-1, 20), contestant=st.sampled_from([*NAMES, "stranger"]))
    def something_replies_that_was_not_asked(self, sequence: int, contestant: str) -> None:
        owed = [*self.begun[:1], *self.rest]
        if (sequence, contestant) not in [(ticket.sequence, ticket.awaited[0]) for ticket in owed]:
            assert self.queue.reply(sequence, contestant, self.now_ns) is None

    @precondition(lambda self: len(self.put_in) % 8 == 7)  # seldom, or the queue would never fill
    @rule()
    def drain(self) -> None:
        drained = self.queue.drain()
        assert drained == self.rest + self.begun + self.live + self.backlog
        self.left += drained
        self.live, self.backlog, self.begun, self.rest = [], [], [], []

    @invariant()
    def the_account_balances(self) -> None:
        here = self.rest + self.begun + self.live + self.backlog
        assert sorted(ticket.sequence for ticket in here + self.left) == list(range(len(self.put_in)))
        assert len(self.queue) == len(self.live) + len(self.backlog) <= CAPACITY
        assert self.queue.idle == (not here)
        assert self.queue.unfinished == len(self.rest)
        assert self.queue.busy_since_ns == (self.since_ns if self.begun or self.rest else None)


TestJobQueue = JobQueueMachine.TestCase
TestJobQueue.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
