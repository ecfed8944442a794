"""The queue's rules one by one; that no job is ever lost is shown in tests/property."""

from collections import deque
from collections.abc import Iterator

import pytest

from roost_edge.workers.job_queue import Job, JobQueue, Ticket
from roost_edge.workers.payload import SharedPayload


@pytest.fixture(scope="module")
def payload() -> Iterator[SharedPayload]:
    with SharedPayload(b"x") as payload:
        yield payload


class Desk:
    """Puts jobs in by key and takes them out by key."""

    def __init__(self, payload: SharedPayload, capacity: int = 8) -> None:
        self.queue = JobQueue(capacity)
        self._payload = payload
        self._sequence = 0

    def put(self, key: str, *, backlog: bool = False, contestants: tuple[str, ...] = ("primary",)) -> str | None:
        job = Job(key=key, payload=self._payload, backlog=backlog)
        refused = self.queue.put(Ticket(self._sequence, job, b"", deque(contestants)))
        self._sequence += 1
        return None if refused is None else str(refused.job.key)

    def begin(self, now_ns: int = 0) -> str | None:
        ticket = self.queue.begin(now_ns)
        return None if ticket is None else str(ticket.job.key)


def test_two_live_jobs_are_with_the_subprocess_at_most(payload: SharedPayload) -> None:
    desk = Desk(payload)
    for key in "abc":
        desk.put(key)
    assert [desk.begin() for _ in range(3)] == ["a", "b", None]


def test_backlog_is_never_sent_ahead(payload: SharedPayload) -> None:
    desk = Desk(payload)
    desk.put("old", backlog=True)
    desk.put("older", backlog=True)
    assert [desk.begin(), desk.begin()] == ["old", None]
    desk.put("live")
    assert desk.begin() == "live"


def test_backlog_waits_for_the_other_heads_of_what_went_before(payload: SharedPayload) -> None:
    desk = Desk(payload)
    desk.put("old", backlog=True, contestants=("primary", "shadow"))
    desk.put("older", backlog=True)
    desk.begin()
    desk.queue.reply(0, "primary", now_ns=0)
    assert desk.begin() is None
    desk.queue.reply(0, "shadow", now_ns=0)
    assert desk.begin() == "older"


def test_a_live_job_does_not_wait_for_the_other_heads(payload: SharedPayload) -> None:
    desk = Desk(payload)
    for key in "abc":
        desk.put(key, contestants=("primary", "shadow"))
    assert [desk.begin(), desk.begin(), desk.begin()] == ["a", "b", None]
    desk.queue.reply(0, "primary", now_ns=0)
    assert desk.begin() == "c"


def test_a_head_that_hangs_is_not_excused_by_jobs_sent_meanwhile(payload: SharedPayload) -> None:
    desk = Desk(payload)
    desk.put("a", contestants=("primary", "shadow"))
    desk.put("b")
    desk.begin(now_ns=10)
    desk.queue.reply(0, "primary", now_ns=20)
    desk.begin(now_ns=400)
    assert desk.queue.busy_since_ns == 20


def test_a_job_sent_ahead_runs_from_when_the_one_before_it_ended(payload: SharedPayload) -> None:
    desk = Desk(payload)
    desk.put("a")
    desk.put("b")
    desk.begin(now_ns=10)
    desk.begin(now_ns=11)
    desk.queue.reply(0, "primary", now_ns=500)
    assert desk.queue.busy_since_ns == 500


def test_only_the_job_that_runs_can_be_replied_to(payload: SharedPayload) -> None:
    desk = Desk(payload)
    desk.put("a")
    desk.put("b")
    desk.begin()
    desk.begin()
    assert desk.queue.reply(1, "primary", now_ns=0) is None
    assert desk.queue.reply(7, "primary", now_ns=0) is None
    assert desk.queue.reply(0, "shadow", now_ns=0) is None
    assert desk.queue.reply(0, "primary", now_ns=0) is not None
    assert desk.queue.reply(0, "primary", now_ns=0) is None


def test_a_full_queue_gives_up_its_youngest_backlog_for_a_live_job(payload: SharedPayload) -> None:
    desk = Desk(payload, capacity=3)
    desk.put("live")
    desk.put("old", backlog=True)
    desk.put("young", backlog=True)
    assert desk.put("backlog", backlog=True) == "backlog"
    assert desk.put("urgent") == "young"
    assert desk.put("more urgent") == "old"
    assert desk.put("too many") == "too many"


@pytest.mark.parametrize("backlog", [False, True])
def test_a_key_that_waits_already_is_refused(payload: SharedPayload, *, backlog: bool) -> None:
    desk = Desk(payload)
    desk.put("a", backlog=True)
    assert desk.put("a", backlog=backlog) == "a"
    assert len(desk.queue) == 1
