"""Whatever arrives, the intake makes exactly one input of it, and the desk exactly one answer by its deadline."""

import json
from typing import Any, cast

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from roost_edge.desk import Desk
from roost_edge.intake.inputs import Input
from roost_edge.intake.mqtt import MqttIntake
from roost_edge.mqtt import BrokerConnection, Outcome, Properties, Published, Received
from roost_edge.tasks.injection import Injection
from roost_edge.tasks.task import Task
from roost_edge.workers import Job, Worker
from roost_shared.clock import MS, SECOND, SystemClock
from roost_shared.complaints import Complaints
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import Contestant, Rule, TaskPolicy
from roost_shared.scored import Scored
from roost_shared.topics import DeviceTopics, parse_task_topic
from tests.support.virtual_reactor import VirtualReactor

TOPICS = DeviceTopics("acme", "cam-01")
BOOT = "0123456789abcdef"
DIGEST = "44" * 32

# As paho hands it over: a topic and properties are UTF-8, so they hold no lone surrogates; numbers have their width.
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
reply_topics = st.one_of(
    text,
    st.sampled_from(
        [
            "replies/me",
            TOPICS.state,
            TOPICS.desired,
            TOPICS.input("meter"),
            TOPICS.output("meter"),
            TOPICS.output("+"),
            "roost/1/acme/d/other/out/meter",
            "roost/1/acme/d/cam-01/ask/meter",
            "$SYS/broker",
            "a/#",
            "/" * 300,
        ]
    ),
)
user_properties = st.lists(
    st.one_of(
        st.tuples(text, text),
        st.tuples(st.just("deadline-ms"), st.one_of(text, st.floats().map(str), st.integers().map(str))),
        st.tuples(st.just("force"), st.sampled_from(["primary", "shadow", "nobody", ""])),
        st.tuples(st.just("operator-token"), text),
    ),
    max_size=4,
).map(tuple)


@st.composite
def arrivals(draw: st.DrawFn) -> Received:
    qos = draw(st.sampled_from([0, 1]))
    receipt = draw(st.integers(1, 20)) if qos else None
    dup = bool(qos) and draw(st.booleans())
    return Received(
        topic=TOPICS.input("meter"),
        payload=draw(st.binary(max_size=200)),
        qos=qos,
        retain=draw(st.booleans()),
        dup=dup,
        mid=draw(st.integers(1, 65535)) if qos else 0,
        receipt=receipt,
        redelivery_of=receipt if dup and draw(st.booleans()) else None,
        backlog=draw(st.booleans()),
        connection_number=1,
        received_ns=0,
        content_type=draw(st.none() | text),
        response_topic=draw(st.none() | reply_topics),
        correlation_data=draw(st.none() | st.binary(max_size=300)),
        user_properties=draw(user_properties),
        expiry_s=draw(st.none() | st.integers(0, 2**32 - 1)),
    )


class FakeConnection:
    """Takes everything and sends nothing."""

    connected = True

    def __init__(self) -> None:
        self.published: list[tuple[str, dict[str, Any], Properties]] = []
        self.settled: list[int] = []

    def publish(self, topic: str, payload: bytes, *, qos: int, properties: Properties) -> Published:
        assert qos in (0, 1)
        self.published.append((topic, json.loads(payload), properties))
        return Published(Outcome.HANDED)

    def can_hand(self, _qos: int) -> bool:
        return True

    def settle(self, receipt: int) -> None:
        self.settled.append(receipt)


class FakeWorker:
    """Takes jobs and says nothing."""

    def unavailable(self, _contestant: str) -> ErrorInfo | None:
        return None

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def submit(self, job: Job) -> None:
        job.payload.fileno()  # raises if it was released too early
        self.jobs.append(job)


class Site:
    """An intake before a desk with one task."""

    def __init__(self) -> None:
        self.reactor = VirtualReactor()
        self.connection = FakeConnection()
        self.complaints = Complaints(SystemClock())
        self.worker = FakeWorker()
        self.desk = Desk(self.reactor.as_reactor(), self.complaints, in_flight=3, payload_limit_bytes=150)
        self.desk.tasks["meter"] = Task(
            TaskPolicy(
                task="meter",
                contestants=[Contestant(name="primary")],
                rules=[Rule(accept="primary")],
                deadline_ms=300,
                max_deadline_ms=1000,
                default="unknown",
            ),
            workers={"primary": cast("Worker", self.worker)},
            refused={},
            bundles={"primary": "digits:1@sha256:00"},
            unsigned=True,
        )

    def intake(self, take: Any, refuse: Any) -> MqttIntake:
        return MqttIntake(
            TOPICS,
            cast("BrokerConnection", self.connection),
            SystemClock(),
            boot=BOOT,
            operator_token_sha256=DIGEST,
            take=take,
            refuse=refuse,
        )


@given(arrivals(), text)
def test_a_message_is_taken_or_refused_once_and_a_retained_one_only_settled(message: Received, task: str) -> None:
    site = Site()
    taken: list[Input] = []
    refused: list[tuple[Input, ErrorInfo]] = []
    intake = site.intake(taken.append, lambda request, error: refused.append((request, error)))
    intake.receive(message, task)
    if message.retain:
        assert (taken, refused, intake.ignored_retained) == ([], [], 1)
        assert site.connection.settled == ([] if message.receipt is None else [message.receipt])
        return
    assert len(taken) + len(refused) == 1
    request = taken[0] if taken else refused[0][0]
    assert request.payload == message.payload
    assert request.task == task
    assert len(request.key) < 64, "keys are remembered by the thousand"
    assert all(error.code.partition(".")[0] in ("reply", "deadline", "force") for _, error in refused)
    assert request.force is None, "the operator's token cannot be guessed"
    assert not site.connection.settled


@given(st.lists(arrivals(), max_size=8))
@settings(deadline=None)
def test_every_input_gets_one_answer_in_time_and_where_its_caller_may_have_it(messages: list[Received]) -> None:
    site = Site()
    intake = site.intake(site.desk.take, site.desk.refuse)
    for number, message in enumerate(messages):
        intake.receive(distinct(message, number), "meter")
    for job in site.worker.jobs[::2]:
        site.desk.on_score(job.key, "primary", Scored("7", 0.5, []))
    site.reactor.advance(10 * SECOND)
    asked = [number for number, message in enumerate(messages) if not message.retain]
    assert not site.desk.unanswered
    assert len(site.connection.published) == len(asked) - site.complaints.counts["input.expired"]
    assert {number + 1 for number in asked if messages[number].qos} <= set(site.connection.settled)
    for topic, answer, properties in site.connection.published:
        assert_a_caller_may_have_it(topic)
        assert properties.content_type == "application/json"
        assert answer["elapsed_ms"] <= 1000 or any(message.backlog for message in messages)


def distinct(message: Received, number: int) -> Received:
    """The same message, but no repetition of another."""
    correlation = message.correlation_data
    return msgspec.structs.replace(
        message,
        receipt=None if message.receipt is None else number + 1,
        redelivery_of=None if message.redelivery_of is None else number + 1,
        correlation_data=None if correlation is None else correlation + bytes([number]),
    )


def assert_a_caller_may_have_it(topic: str) -> None:
    assert topic
    assert not set("+#\0") & set(topic)
    assert not topic.startswith("$")
    if topic.startswith("roost/"):
        parsed = parse_task_topic(topic)
        assert parsed is not None
        assert parsed.kind == "out"


nested = st.integers(0, 2000).map(lambda depth: b"[" * depth + b"]" * depth)
numbers = st.integers().map(lambda number: str(number).encode())


@given(st.one_of(st.binary(), nested, numbers, st.just(b"1e999"), st.just(b'{"a": [18446744073709551616]}')))
def test_external_state_is_kept_only_if_answers_can_carry_it(payload: bytes) -> None:
    site = Site()
    injection = Injection(site.complaints)
    injection.want(site.desk.tasks["meter"], "weather", "site/weather")
    assert injection.receive("site/weather", payload)
    intake = site.intake(site.desk.take, site.desk.refuse)
    intake.receive(
        Received(
            topic=TOPICS.input("meter"),
            payload=b"x",
            qos=0,
            retain=False,
            dup=False,
            mid=0,
            receipt=None,
            redelivery_of=None,
            backlog=False,
            connection_number=1,
            received_ns=0,
        ),
        "meter",
    )
    site.reactor.advance(300 * MS)
    ((_, answer, _),) = site.connection.published
    refused = sum(site.complaints.counts[code] for code in ("inject.invalid", "inject.too_large"))
    assert (answer["inject"] is None) == bool(refused or not payload)  # an empty payload clears a retained value
