"""Who takes part changes while requests are open: each request keeps those it came to, and none is lost."""

from typing import cast

import pytest

from roost_edge.desk import Desk
from roost_edge.intake.inputs import Input
from roost_edge.monitor.monitor import Monitor
from roost_edge.tasks.task import Task
from roost_edge.workers import WorkerHandle
from roost_shared.clock import MS, SystemClock
from roost_shared.complaints import Complaints
from roost_shared.messages import ErrorInfo
from roost_shared.phi.vector import PhiVector
from roost_shared.rendezvous import Contestant, Rule, Score, TaskPolicy
from roost_shared.scored import Scored
from tests.support.virtual_reactor import VirtualReactor
from tests.unit.edge.desk.test_desk import FakeReply, FakeWorker

OLD, NEW = "primary@1", "primary@2"


class Notes:
    """Observes a task."""

    def __init__(self) -> None:
        self.scores: list[tuple[str, str, float | None]] = []
        self.failures: list[tuple[str, str]] = []
        self.answers: list[tuple[str, str | None]] = []

    def scored(self, key: str, score: Score, took_ns: int | None) -> None:
        self.scores.append((key, score.contestant, None if took_ns is None else took_ns / MS))

    def failed(self, contestant: str, error: ErrorInfo) -> None:
        self.failures.append((contestant, error.code))

    def answered(self, key: str, score: Score | None) -> None:
        self.answers.append((key, None if score is None else score.contestant))


class Site:
    """Version 1 answers, version 2 has a worker of its own."""

    def __init__(self) -> None:
        self.reactor = VirtualReactor()
        self.desk = Desk(self.reactor.as_reactor(), Complaints(SystemClock()), in_flight=8, payload_limit_bytes=100)
        self.old, self.new = FakeWorker(), FakeWorker()
        self.notes = Notes()

    def put(self, deferred: tuple[str, ...] = (), **seats: str) -> Task:
        """Have a task of these contestants, on these seats, in place."""
        contestants = [
            Contestant(name=name, role="answer" if name == "primary" else "shadow")
            for name in (one.replace("_", ".") for one in seats)
        ]
        named = {name.replace("_", "."): seat for name, seat in seats.items()}
        workers = {name: self.new if seat == NEW else self.old for name, seat in named.items()}
        task = Task(
            TaskPolicy(task="meter", contestants=contestants, rules=[Rule(accept="primary")], deadline_ms=300),
            workers=cast("dict[str, WorkerHandle]", workers),
            refused={},
            bundles={name: f"meter:{seat[-1]}" for name, seat in named.items()},
            unsigned=False,
            seats=named,
            deferred=frozenset(one for one in named if one in deferred),
            observer=self.notes,
        )
        before = self.desk.tasks.get("meter")
        if before is not None:
            task.succeed(before)
        self.desk.tasks["meter"] = task
        return task

    def ask(self, key: str, *, backlog: bool = False) -> FakeReply:
        reply = FakeReply()
        self.desk.take(
            Input(
                key=key,
                id=key,
                task="meter",
                payload=b"image",
                content_type=None,
                received_ns=self.reactor.now,
                received_at="2026-01-01T00:00:00+00:00",
                reply=reply,
                backlog=backlog,
            )
        )
        return reply

    def say(self, key: str, seat: str, label: str = "7") -> None:
        self.desk.on_score(key, seat, Scored(label, 0.9, [(label, 0.9)]))


@pytest.fixture
def site() -> Site:
    return Site()


def test_workers_are_asked_by_seats_and_answers_name_contestants(site: Site) -> None:
    site.put(primary=OLD)
    reply = site.ask("a")
    assert [job.contestants for job in site.old.jobs] == [(OLD,)]
    site.say("a", OLD)
    assert (reply.answers[0].contestant, reply.answers[0].bundle) == ("primary", "meter:1")


def test_one_seat_is_a_shadow_of_requests_from_before_and_answers_those_from_after(site: Site) -> None:
    site.put(primary=OLD, primary_next=NEW)
    before = site.ask("before")
    site.put(primary=NEW, primary_prev=OLD)
    after = site.ask("after")
    site.say("before", NEW, "1")
    site.say("after", OLD, "1")
    assert before.answers == after.answers == []
    site.say("before", OLD)
    site.say("after", NEW)
    assert [(one.contestant, one.bundle) for one in before.answers] == [("primary", "meter:1")]
    assert [(one.contestant, one.bundle) for one in after.answers] == [("primary", "meter:2")]
    assert [seen.contestant for seen in before.answers[0].candidates] == ["primary.next", "primary"]
    assert [seen.contestant for seen in after.answers[0].candidates] == ["primary.prev", "primary"]


def test_a_request_whose_task_is_gone_is_answered_all_the_same(site: Site) -> None:
    site.put(primary=OLD)
    reply = site.ask("a")
    del site.desk.tasks["meter"]
    site.say("a", OLD)
    assert reply.answers[0].contestant == "primary"
    assert site.ask("b").answers[0].error == ErrorInfo("task.unknown", "no task 'meter' here; there are: none")


def test_counts_and_external_state_go_on(site: Site) -> None:
    site.put(primary=OLD).inject["season"] = "winter"
    site.ask("a")
    site.say("a", OLD)
    task = site.put(primary=NEW)
    site.ask("b")
    site.say("b", NEW)
    assert (task.tally.answers, task.inject) == (2, {"season": "winter"})


def test_whoever_observes_hears_of_contestants_with_the_time_since_receipt(site: Site) -> None:
    site.put(primary=OLD, primary_next=NEW)
    site.ask("a")
    site.reactor.advance(20 * MS)
    site.say("a", OLD)
    site.desk.on_failure("a", NEW, ErrorInfo("model.bad_output", "no number"))
    site.ask("b", backlog=True)
    site.say("b", OLD)
    assert site.notes.scores == [("a", "primary", 20), ("b", "primary", None)]
    assert site.notes.failures == [("primary.next", "model.bad_output")]
    assert site.notes.answers == [("a", "primary"), ("b", "primary")]


def test_who_is_deferred_is_asked_once_there_is_an_answer_and_its_time_counts_from_then(site: Site) -> None:
    site.put(("primary.next",), primary=OLD, primary_next=NEW)
    reply = site.ask("a")
    assert (len(site.old.jobs), len(site.new.jobs)) == (1, 0)
    site.reactor.advance(20 * MS)
    site.say("a", OLD)
    assert len(reply.answers) == 1
    assert [job.contestants for job in site.new.jobs] == [(NEW,)]
    site.reactor.advance(35 * MS)
    site.say("a", NEW)
    assert site.notes.scores == [("a", "primary", 20), ("a", "primary.next", 15)]


def test_who_is_deferred_is_asked_at_once_where_the_answer_is_there_already(site: Site) -> None:
    site.put(("primary.next",), primary=OLD, primary_next=NEW)
    site.old.unavailability = ErrorInfo("worker.restarting", "it died")
    reply = site.ask("a")
    assert reply.answers[0].reason == "default"
    assert [job.contestants for job in site.new.jobs] == [(NEW,)]


def test_who_is_deferred_and_shed_is_not_asked_at_all(site: Site) -> None:
    site.put(("primary.next",), primary=OLD, primary_next=NEW)
    replies = [site.ask(f"{number}") for number in range(8)]
    for number in range(8):
        site.say(f"{number}", OLD)
    assert all(len(reply.answers) == 1 for reply in replies)
    assert len(site.new.jobs) == 4, "half of what may be in flight"


class Measurements:
    """A monitor that remembers whose φ it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, tuple[str, ...], PhiVector | ErrorInfo]] = []

    def measured(self, task: Task, contestants: tuple[str, ...], phi: PhiVector | ErrorInfo) -> None:
        self.told.append((task.name, contestants, phi))


def test_phi_of_a_bundle_on_its_way_out_says_nothing_of_the_one_that_came_after(site: Site) -> None:
    measured = Measurements()
    site.desk.monitor = cast("Monitor", measured)
    site.put(primary=OLD)
    phi = PhiVector(1, 7, [0.0])
    site.desk.on_phi("meter", {OLD: "meter:1"}, phi)
    site.put(primary=NEW)
    site.desk.on_phi("meter", {OLD: "meter:1"}, phi)  # the seat is not of this task
    site.put(primary=OLD)
    site.desk.on_phi("meter", {OLD: "meter:0"}, phi)  # it is, with another bundle
    site.desk.on_phi("meter", {OLD: "meter:1", NEW: "meter:2"}, phi)
    assert measured.told == [("meter", contestants, phi) for contestants in (("primary",), (), (), ("primary",))]
