"""The desk: inputs in, one answer each, whatever workers and brokers do. Virtual time, no process, no socket."""

from collections import deque
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest

from roost_edge.asking.interface import Inquiry
from roost_edge.desk import Desk
from roost_edge.intake.inputs import Delivery, Input
from roost_edge.tasks.task import Task
from roost_edge.workers import Job, WorkerHandle
from roost_edge.workers.job_queue import JobQueue, Ticket
from roost_shared.clock import MS, SystemClock
from roost_shared.complaints import Complaints
from roost_shared.messages import Answer, ErrorInfo
from roost_shared.rendezvous import AskMode, Contestant, Link, Rule, TaskPolicy
from roost_shared.scored import Scored
from tests.support.virtual_reactor import VirtualReactor

CRASHED = ErrorInfo("worker.crashed", "it crashed")


class FakeWorker:
    """Takes jobs and says nothing."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.unavailability: ErrorInfo | None = None

    def unavailable(self, _contestant: str) -> ErrorInfo | None:
        return self.unavailability

    def submit(self, job: Job) -> None:
        job.payload.fileno()  # raises if it was released too early
        self.jobs.append(job)


class FakeReply:
    """A way back that can be cut."""

    def __init__(self, delivery: Delivery = Delivery.HANDED) -> None:
        self.delivery = delivery
        self.is_answered = False
        self.answers: list[Answer] = []
        self.settlements = 0

    def answered(self) -> bool:
        return self.is_answered

    def can_deliver(self) -> bool:
        return self.delivery is Delivery.HANDED

    def deliver(self, answer: Answer) -> Delivery:
        self.answers.append(answer)
        return self.delivery

    def settled(self) -> None:
        self.settlements += 1


class Bench:
    """A desk with one task `meter` of three contestants: primary, backup and a shadow."""

    def __init__(self, in_flight: int = 4) -> None:
        self.reactor = VirtualReactor()
        self.complaints = Complaints(SystemClock())
        self.desk = Desk(self.reactor.as_reactor(), self.complaints, in_flight=in_flight, payload_limit_bytes=100)
        self.workers = {name: FakeWorker() for name in ("primary", "backup", "shadow")}
        policy = TaskPolicy(
            task="meter",
            contestants=[
                Contestant(name="primary"),
                Contestant(name="backup"),
                Contestant(name="shadow", role="shadow"),
            ],
            rules=[Rule(accept="primary", min_confidence=0.8), Rule(accept="backup", after_ms=80)],
            deadline_ms=300,
            default="unknown",
        )
        self.task = Task(
            policy,
            workers=cast("dict[str, WorkerHandle]", self.workers),
            refused={},
            bundles={name: f"{name}:1@sha256:00" for name in self.workers},
            unsigned=True,
        )
        self.desk.tasks["meter"] = self.task

    def put(self, key: str, reply: FakeReply, **more: Any) -> None:
        fields: dict[str, Any] = {
            "key": key,
            "id": key,
            "task": "meter",
            "payload": b"image",
            "content_type": None,
            "received_ns": self.reactor.now,
            "received_at": "2026-01-01T00:00:00+00:00",
            "reply": reply,
        }
        self.desk.take(Input(**(fields | more)))

    def score(self, key: str, contestant: str, label: str = "7", confidence: float = 0.9) -> None:
        self.desk.on_score(key, contestant, Scored(label, confidence, [(label, confidence)]))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_confident_primary_answers_and_the_input_is_settled(bench: Bench) -> None:
    reply = FakeReply()
    bench.put("a", reply)
    bench.reactor.advance(12 * MS)
    bench.score("a", "primary")
    (answer,) = reply.answers
    assert (answer.label, answer.contestant, answer.reason, answer.deadline_met) == ("7", "primary", "preferred", True)
    assert answer.elapsed_ms == 12
    assert answer.bundle == "primary:1@sha256:00"
    assert answer.unsigned
    assert answer.error is None
    assert reply.settlements == 1


def test_with_everybody_silent_the_default_leaves_before_the_deadline(bench: Bench) -> None:
    reply = FakeReply()
    bench.put("a", reply)
    bench.reactor.advance(295 * MS)
    (answer,) = reply.answers
    assert (answer.label, answer.reason, answer.deadline_met) == ("unknown", "default", True)
    assert answer.error == ErrorInfo("deadline.no_score", "no contestant scored in time")


def test_a_crashed_primary_costs_its_scores_and_no_answer(bench: Bench) -> None:
    reply = FakeReply()
    bench.put("a", reply)
    bench.desk.on_failure("a", "primary", CRASHED)
    bench.score("a", "backup", "3", 0.5)
    (answer,) = reply.answers
    assert (answer.label, answer.contestant, answer.reason) == ("3", "backup", "fallback")
    assert [(one.contestant, one.error) for one in answer.candidates] == [("primary", CRASHED), ("backup", None)]
    assert bench.task.tally.failures == {"primary: worker.crashed": 1}


def test_a_worker_gets_one_job_for_all_it_serves_but_those_that_are_shed() -> None:
    bench = Bench()
    shared = bench.workers["primary"]
    workers = {"primary": shared, "backup": bench.workers["backup"], "shadow": shared}
    bench.desk.tasks["meter"] = Task(
        bench.task.policy, workers=cast("dict[str, WorkerHandle]", workers), refused={}, bundles={}, unsigned=True
    )
    for number in range(4):
        bench.put(f"r{number}", FakeReply())
    asked = [("primary", "shadow"), ("primary", "shadow"), ("primary",), ("primary",)]
    assert [job.contestants for job in shared.jobs] == asked
    assert [job.contestants for job in bench.workers["backup"].jobs] == [("backup",)] * 4


def test_a_restarting_primary_is_not_waited_for(bench: Bench) -> None:
    bench.workers["primary"].unavailability = ErrorInfo("worker.restarting", "it restarts")
    reply = FakeReply()
    bench.put("a", reply)
    assert not bench.workers["primary"].jobs
    bench.score("a", "backup", "3", 0.5)
    assert reply.answers[0].contestant == "backup"
    assert bench.reactor.now == 0


def test_an_input_fault_explains_the_default(bench: Bench) -> None:
    reply = FakeReply()
    bench.put("a", reply)
    for contestant in ("primary", "backup", "shadow"):
        bench.desk.on_failure("a", contestant, ErrorInfo("input.truncated", "the JPEG ends early"))
    assert reply.answers[0].error == ErrorInfo("input.truncated", "the JPEG ends early")
    assert bench.complaints.counts["input.truncated"] == 3


@pytest.mark.parametrize(
    ("more", "code"),
    [
        pytest.param({"task": "other"}, "task.unknown", id="task"),
        pytest.param({"payload": b""}, "input.empty", id="empty"),
        pytest.param({"payload": bytes(101)}, "input.too_large", id="large"),
        pytest.param({"force": "shadow"}, "force.refused", id="force-shadow"),
        pytest.param({"force": "nobody"}, "force.refused", id="force-nobody"),
    ],
)
def test_what_cannot_be_asked_about_gets_the_default_at_once(bench: Bench, more: dict[str, Any], code: str) -> None:
    reply = FakeReply()
    bench.put("a", reply, **more)
    (answer,) = reply.answers
    assert answer.error is not None
    assert (answer.error.code, answer.reason, answer.contestant) == (code, "default", None)
    assert reply.settlements == 1
    assert bench.complaints.counts[code] == 1
    assert not bench.desk.unanswered


def test_a_repeated_id_gets_the_answer_it_already_got(bench: Bench) -> None:
    first, second = FakeReply(), FakeReply()
    bench.put("a", first, repeatable=True)
    bench.score("a", "primary")
    for contestant in ("backup", "shadow"):
        bench.score("a", contestant)
    bench.put("a", second, repeatable=True)
    assert (second.answers[0].label, second.answers[0].contestant) == ("7", "primary")
    assert second.settlements == 1
    assert len(bench.workers["primary"].jobs) == 1
    assert bench.task.tally.repeated == 1


def test_an_id_repeated_while_open_is_answered_once_and_both_inputs_settled(bench: Bench) -> None:
    first, second = FakeReply(), FakeReply()
    bench.put("a", first, repeatable=True)
    bench.put("a", second, repeatable=True)
    assert (first.settlements, second.settlements) == (0, 0)
    bench.score("a", "primary")
    assert (len(first.answers), len(second.answers)) == (1, 0)
    assert (first.settlements, second.settlements) == (1, 1)


def test_without_a_broker_the_answer_is_counted_unsent_and_the_input_stays_unsettled(bench: Bench) -> None:
    reply = FakeReply(Delivery.AWAY)
    bench.put("a", reply, repeatable=True)
    bench.score("a", "primary")
    assert not reply.answers[0].deadline_met
    assert reply.settlements == 0
    assert (bench.task.tally.unsent, bench.task.tally.by_deadline) == (1, 0)
    redelivered = FakeReply()
    bench.put("a", redelivered, repeatable=True)
    assert redelivered.answers[0].label == "7"
    assert redelivered.settlements == 1


def test_an_input_answered_while_its_redelivery_waited_for_its_turn_is_not_answered_again(bench: Bench) -> None:
    first, again = FakeReply(), FakeReply()
    bench.put("a", first, repeatable=True)
    bench.put("b", FakeReply())
    bench.put("a", again, repeatable=True, backlog=True, expires_ns=1)
    again.is_answered = True
    bench.score("a", "primary")
    assert (len(first.answers), first.settlements) == (1, 1)
    assert (len(again.answers), again.settlements) == (0, 1)
    assert not bench.complaints.counts


def test_beyond_the_in_flight_limit_inputs_are_answered_overloaded(bench: Bench) -> None:
    replies = [FakeReply() for _ in range(5)]
    for number, reply in enumerate(replies):
        bench.put(f"r{number}", reply)
    assert [len(reply.answers) for reply in replies] == [0, 0, 0, 0, 1]
    assert replies[4].answers[0].reason == "overloaded"
    assert replies[4].answers[0].error is not None


def test_shadows_are_shed_before_the_limit_is_reached(bench: Bench) -> None:
    for number in range(4):
        bench.put(f"r{number}", FakeReply())
    assert len(bench.workers["primary"].jobs) == 4
    assert len(bench.workers["shadow"].jobs) == 2


def test_a_backlog_leaves_room_for_live_inputs_and_is_answered_after(bench: Bench) -> None:
    backlog = [FakeReply() for _ in range(4)]
    for number, reply in enumerate(backlog):
        bench.put(f"b{number}", reply, backlog=True)
    assert [job.key for job in bench.workers["primary"].jobs] == ["b0", "b1"]
    live = FakeReply()
    bench.put("live", live)
    assert bench.workers["primary"].jobs[-1].key == "live"
    for key in ("b0", "live", "b1"):
        bench.score(key, "primary")
    assert [job.key for job in bench.workers["primary"].jobs] == ["b0", "b1", "live", "b2", "b3"]
    for key in ("b2", "b3"):
        bench.score(key, "primary")
    assert all(len(reply.answers) == 1 for reply in [*backlog, live])


def test_a_long_backlog_of_hopeless_inputs_is_answered_without_recursion(bench: Bench) -> None:
    bench.put("first", FakeReply())
    bench.put("second", FakeReply())
    replies = [FakeReply() for _ in range(3000)]
    for number, reply in enumerate(replies):
        bench.put(f"b{number}", reply, backlog=True)
    assert bench.desk.unanswered == 3002
    for worker in bench.workers.values():
        worker.unavailability = CRASHED
    bench.score("first", "primary")
    assert all(len(reply.answers) == 1 for reply in replies)


def test_a_backlog_is_not_starved_by_live_inputs_that_leave_no_gap(bench: Bench) -> None:
    waiting = [FakeReply() for _ in range(3)]
    for number in range(3):
        bench.put(f"live{number}", FakeReply())
    for number, reply in enumerate(waiting):
        bench.put(f"b{number}", reply, backlog=True)
    for turn in range(1, 40):  # three live requests are open at any time
        bench.reactor.advance(turn * 100 * MS)
        bench.put(f"live{turn + 2}", FakeReply())
    assert [len(reply.answers) for reply in waiting] == [1, 1, 1]


def test_what_waited_at_the_broker_is_scored_however_late_its_turn_and_says_so(bench: Bench) -> None:
    for number in range(2):
        bench.put(f"live{number}", FakeReply())
    reply = FakeReply()
    bench.put("b", reply, backlog=True)
    bench.reactor.advance(400 * MS)
    bench.score("b", "primary")
    (answer,) = reply.answers
    assert (answer.reason, answer.elapsed_ms, answer.deadline_met) == ("preferred", 400, False)


class OneModel(FakeWorker):
    """A worker of one model that takes its time, with the real queue before it."""

    def __init__(self, bench: Bench, took_ns: int) -> None:
        super().__init__()
        self._bench = bench
        self._took_ns = took_ns
        self._queue = JobQueue(20)
        self._numbers = count()

    def submit(self, job: Job) -> None:
        job.payload.hold()
        refused = self._queue.put(Ticket(next(self._numbers), job, b"", deque(["primary"])))
        self._fail([refused] if refused else [])
        self._feed()

    def _feed(self) -> None:
        now_ns = self._bench.reactor.now
        self._fail(self._queue.give_way(now_ns, self._took_ns))
        idle = self._queue.busy_since_ns is None
        while self._queue.begin(now_ns) is not None:
            continue
        if idle and self._queue.busy_since_ns is not None:
            self._bench.reactor.call_after(self._took_ns, self._done)

    def _done(self) -> None:
        ticket = self._queue._begun[0]
        self._queue.reply(ticket.sequence, "primary", self._bench.reactor.now)
        ticket.release()
        if self._queue.busy_since_ns is not None:
            self._bench.reactor.call_after(self._took_ns, self._done)
        self._feed()
        self._bench.score(str(ticket.job.key), "primary")

    def _fail(self, tickets: list[Ticket]) -> None:
        for ticket in tickets:
            ticket.release()
            failed = partial(self._bench.desk.on_failure, ticket.job.key, "primary", CRASHED)
            self._bench.reactor.call_after(0, failed)


def test_three_times_more_inputs_than_a_model_can_score_cost_none_of_those_it_can() -> None:
    bench = Bench(in_flight=20)
    model = OneModel(bench, took_ns=50 * MS)
    bench.task.workers = cast("dict[str, WorkerHandle]", {"primary": model})
    bench.task.by_worker = cast("dict[WorkerHandle, list[str]]", {model: ["primary"]})
    replies = []
    for number in range(600):  # 60 a second for ten seconds, of which it can score 20
        bench.reactor.advance(number * 1000 * MS // 60)
        replies.append(FakeReply())
        bench.put(f"r{number}", replies[-1])
    bench.reactor.advance(11_000 * MS)
    answers = [answer for reply in replies for answer in reply.answers]
    assert len(answers) == 600
    assert all(answer.deadline_met for answer in answers)
    assert sum(answer.contestant == "primary" for answer in answers) >= 0.9 * 200


def test_an_answer_that_only_waits_for_room_does_not_claim_its_deadline(bench: Bench) -> None:
    reply = FakeReply(Delivery.QUEUED)
    bench.put("a", reply)
    bench.score("a", "primary")
    assert not reply.answers[0].deadline_met
    assert bench.task.tally.by_deadline == 0


def test_a_refusal_later_than_the_caller_s_own_deadline_does_not_claim_it(bench: Bench) -> None:
    reply = FakeReply()
    bench.reactor.advance(50 * MS)
    bench.put("a", reply, payload=b"", received_ns=0, deadline_ns=1 * MS)
    assert not reply.answers[0].deadline_met


def test_an_id_reused_for_another_payload_is_named(bench: Bench) -> None:
    bench.put("a", FakeReply(), repeatable=True, payload=b"one")
    bench.put("a", FakeReply(), repeatable=True, payload=b"one")
    assert bench.complaints.counts["id.reused"] == 0
    bench.put("a", FakeReply(), repeatable=True, payload=b"two")
    for contestant in ("primary", "backup", "shadow"):
        bench.score("a", contestant)
    bench.put("a", FakeReply(), repeatable=True, payload=b"two")
    assert bench.complaints.counts["id.reused"] == 2


def test_a_repeated_answer_says_the_state_it_was_given_under(bench: Bench) -> None:
    bench.task.inject["temp"] = 1
    bench.put("a", FakeReply(), repeatable=True)
    bench.score("a", "primary")
    bench.task.inject["temp"] = 2
    again = FakeReply()
    bench.put("a", again, repeatable=True)
    assert again.answers[0].inject == {"temp": 1}


def test_late_scores_are_counted_and_compared(bench: Bench) -> None:
    bench.put("a", FakeReply())
    bench.score("a", "primary", "7")
    bench.score("a", "backup", "7")
    bench.score("a", "shadow", "1")
    assert bench.task.tally.late == {"backup": 1, "shadow": 1}
    assert bench.task.tally.late_differing == {"shadow": 1}


def test_what_others_said_is_compared_with_the_answer_whenever_they_said_it(bench: Bench) -> None:
    for key, before, after in (("a", "7", "7"), ("b", "1", "7"), ("c", "7", "1")):
        bench.put(key, FakeReply())
        bench.score(key, "shadow", before)
        bench.score(key, "primary", "7")
        bench.score(key, "backup", after)
    bench.put("unanswered", FakeReply())
    bench.reactor.advance(295 * MS)
    bench.score("unanswered", "shadow")
    assert bench.task.tally.to_dict()["agreement"] == {
        "backup": {"compared": 3, "agreeing": 2},
        "shadow": {"compared": 3, "agreeing": 2},
    }


def test_injected_state_is_stamped_once_and_travels_with_job_and_answer(bench: Bench) -> None:
    bench.task.inject["temp"] = 21.5
    reply = FakeReply()
    bench.put("a", reply)
    bench.task.inject["temp"] = 99
    bench.score("a", "primary")
    assert bench.workers["primary"].jobs[0].inject == {"temp": 21.5}
    assert reply.answers[0].inject == {"temp": 21.5}


def test_a_caller_s_deadline_is_kept(bench: Bench) -> None:
    reply = FakeReply()
    bench.put("a", reply, deadline_ns=50 * MS)
    bench.reactor.advance(45 * MS)
    assert reply.answers[0].reason == "default"
    assert reply.answers[0].deadline_met


def test_workers_and_rendezvous_agree_on_when_time_is_up(bench: Bench) -> None:
    bench.put("a", FakeReply(), deadline_ns=100 * MS)
    bench.put("b", FakeReply(), deadline_ns=2 * MS)  # less than the guard
    assert [job.until_ns for job in bench.workers["primary"].jobs] == [95 * MS, 0]
    assert [job.until_ns for job in bench.workers["shadow"].jobs] == [None, None], "it does not answer: never late"


def test_forcing_lets_only_the_named_contestant_answer(bench: Bench) -> None:
    reply = FakeReply()
    bench.put("a", reply, force="backup")
    bench.score("a", "primary")
    assert not reply.answers
    bench.score("a", "backup", "3", 0.1)
    assert (reply.answers[0].contestant, reply.answers[0].reason) == ("backup", "forced")


def test_the_last_answer_is_announced(bench: Bench) -> None:
    calls = []
    bench.put("a", FakeReply())
    bench.desk.on_idle = lambda: calls.append(bench.reactor.now)
    bench.score("a", "primary")
    assert calls == [0]


def test_scores_for_requests_nobody_knows_are_counted(bench: Bench) -> None:
    bench.score("ghost", "primary")
    assert bench.desk.ignored == {"unknown_request": 1}


def test_a_held_back_input_that_expires_before_its_turn_is_settled_unanswered_and_counted(bench: Bench) -> None:
    for key in ("first", "second"):
        bench.put(key, FakeReply())
    expiring, lasting = FakeReply(), FakeReply()
    bench.put("expiring", expiring, backlog=True, expires_ns=20 * MS)
    bench.put("lasting", lasting, backlog=True, expires_ns=21 * MS)
    bench.reactor.advance(20 * MS)
    for key in ("first", "second", "lasting"):
        bench.score(key, "primary")
    assert (len(expiring.answers), expiring.settlements) == (0, 1)
    assert (len(lasting.answers), lasting.settlements) == (1, 1)
    assert bench.complaints.counts["input.expired"] == 1
    assert not bench.desk.unanswered


# ---- cloud contestants


class FakeAsker:
    """Takes questions, or refuses them."""

    def __init__(self) -> None:
        self.inquiries: list[Inquiry] = []
        self.answers: list[str] = []
        self.refusal: ErrorInfo | None = None

    def ask(self, inquiry: Inquiry) -> ErrorInfo | None:
        self.inquiries.append(inquiry)
        assert inquiry.payload.read() == b"image"
        return self.refusal

    def answered(self, key: str, task: str, decision: object) -> None:
        del decision
        assert task == "meter"
        self.answers.append(key)


class AskingBench(Bench):
    """A task of a local primary and the cloud contestants `big` and `huge`, over a link that is up."""

    def __init__(self, ask: AskMode = "unsure", *, link: bool = True) -> None:
        super().__init__()
        policy = TaskPolicy(
            task="meter",
            contestants=[
                Contestant(name="primary"),
                Contestant(name="big", where="cloud", ask=ask),
                Contestant(name="huge", where="cloud", ask=ask, role="shadow"),
            ],
            rules=[
                Rule(accept="primary", min_confidence=0.8),
                Rule(accept="big"),
                Rule(accept="primary", after_ms=200),
            ],
            deadline_ms=300,
            default="unknown",
        )
        workers = cast("dict[str, WorkerHandle]", {"primary": self.workers["primary"]})
        self.task = Task(policy, workers=workers, refused={}, bundles={}, unsigned=True)
        self.desk.tasks["meter"] = self.task
        self.asker = FakeAsker()
        self.desk.asker = self.asker
        if link:
            self.desk.on_link("meter", Link(up=True, round_trip_ns=20 * MS))


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_all_cloud_contestants_of_a_request_are_asked_in_one_question() -> None:
    bench = AskingBench()
    reply = FakeReply()
    bench.put("a", reply)
    assert not bench.asker.inquiries
    bench.score("a", "primary", confidence=0.5)
    (inquiry,) = bench.asker.inquiries
    assert (inquiry.contestants, inquiry.time_up_ns) == (("big", "huge"), 295 * MS)
    bench.desk.on_score("a", "big", Scored("3", 0.6, []), "big:2@sha256:11")
    assert (reply.answers[0].contestant, reply.answers[0].bundle) == ("big", "big:2@sha256:11")
    assert bench.asker.answers == ["a"]


def test_a_refused_question_fails_them_in_the_same_breath_and_the_rules_go_on() -> None:
    bench = AskingBench()
    bench.asker.refusal = ErrorInfo("link.full", "too much waits")
    reply = FakeReply()
    bench.put("a", reply)
    bench.score("a", "primary", "3", confidence=0.5)
    (answer,) = reply.answers
    assert (answer.contestant, answer.reason, answer.elapsed_ms) == ("primary", "fallback", 0)
    assert [one.error and one.error.code for one in answer.candidates] == [None, "link.full", "link.full"]


def test_a_question_refused_as_a_request_opens_is_dealt_with_before_its_workers_speak() -> None:
    bench = AskingBench("always")
    bench.asker.refusal = ErrorInfo("link.full", "too much waits")
    bench.workers["primary"].unavailability = CRASHED
    reply = FakeReply()
    bench.put("a", reply)
    assert [answer.reason for answer in reply.answers] == ["default"]
    assert reply.settlements == 1
    assert not bench.desk.unanswered


def test_with_nobody_to_ask_the_link_is_down() -> None:
    bench = AskingBench()
    bench.desk.asker = None
    reply = FakeReply()
    bench.put("a", reply)
    bench.score("a", "primary", confidence=0.5)
    assert reply.answers[0].candidates[1].error == ErrorInfo("link.down", "this device has no link to the cloud")


def test_an_input_is_kept_until_nobody_can_be_asked_about_it() -> None:
    bench = AskingBench()
    before = descriptors()
    for key in ("sure", "unsure", "timeless"):
        bench.put(key, FakeReply())
    assert descriptors() == before + 3
    bench.score("sure", "primary")
    assert descriptors() == before + 2
    bench.score("unsure", "primary", confidence=0.5)
    bench.desk.on_failure("unsure", "big", CRASHED)
    assert descriptors() == before + 1
    bench.reactor.advance(1000 * MS)
    assert descriptors() == before


def test_a_repeated_id_keeps_no_second_input() -> None:
    bench = AskingBench()
    before = descriptors()
    for _ in range(3):
        bench.put("a", FakeReply(), repeatable=True)
    assert descriptors() == before + 1
    bench.score("a", "primary")
    bench.desk.on_failure("a", "huge", CRASHED)
    bench.put("a", FakeReply(), repeatable=True)
    assert descriptors() == before


def test_a_task_of_local_contestants_keeps_no_input(bench: Bench) -> None:
    before = descriptors()
    bench.put("a", FakeReply())
    assert descriptors() == before


def test_a_score_after_the_wait_for_it_is_over_still_answers() -> None:
    bench = AskingBench()
    reply = FakeReply()
    bench.put("a", reply)
    bench.score("a", "primary", confidence=0.5)
    bench.desk.on_failure("a", "huge", CRASHED, final=False)
    assert not reply.answers
    bench.desk.on_link("meter", Link())
    bench.desk.on_score("a", "big", Scored("3", 0.6, []), "big:2@sha256:11")
    bench.desk.on_score("a", "huge", Scored("9", 0.6, []), "huge:2@sha256:22")
    assert reply.answers[0].label == "3"
    assert [one["label"] for one in bench.task.tally.late_scores.to_list()] == ["9"]


def test_a_link_that_goes_down_fails_the_question_that_is_still_to_come() -> None:
    bench = AskingBench()
    reply = FakeReply()
    bench.put("a", reply)
    bench.desk.on_link("meter", Link())
    bench.score("a", "primary", "3", confidence=0.5)
    assert (reply.answers[0].label, reply.answers[0].elapsed_ms) == ("3", 0)
    assert not bench.asker.inquiries
