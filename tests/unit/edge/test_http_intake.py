"""What the HTTP intake makes of a request: an input, a joined one, or a refusal. No socket."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, cast

import pytest

from roost_edge.http import Head, HttpConnection, Request, Response
from roost_edge.http.connection import Sent
from roost_edge.intake.http import HttpIntake
from roost_edge.intake.inputs import Delivery, Input
from roost_edge.intake.oip_paths import Route, find_route
from roost_edge.settings.config import AgentConfig, HttpConfig, Limits
from roost_edge.tasks.task import Task
from roost_shared.clock import MS, SystemClock
from roost_shared.complaints import Complaints
from roost_shared.messages import Answer
from roost_shared.rendezvous import Contestant, Rule, TaskPolicy
from tests.support.http_site import bytes_request
from tests.support.virtual_reactor import VirtualReactor

TOKEN = "let me in"
OPERATOR = "let me choose"
INFER = "/v2/models/light/infer"


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def task() -> Task:
    policy = TaskPolicy(
        task="light",
        contestants=[Contestant(name="primary"), Contestant(name="shadow", role="shadow")],
        rules=[Rule(accept="primary")],
        deadline_ms=100,
        default="unknown",
    )
    return Task(policy, workers={}, refused={}, bundles={}, unsigned=False)


class FakeConnection:
    """Keeps what is responded."""

    def __init__(self, sent: Sent = "handed") -> None:
        self.sent = sent
        self.responses: list[Response] = []

    def respond(self, response: Response) -> Sent:
        self.responses.append(response)
        return self.sent

    def can_send(self) -> bool:
        return self.sent == "handed"

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.responses[-1].body)
        return found


class Rig:
    """An intake that takes inputs, of an agent with one task."""

    def __init__(self, **http: Any) -> None:
        self.taken: list[Input] = []
        self.complaints = Complaints(SystemClock())
        config = AgentConfig(
            tenant="acme",
            device="cam-01",
            operator_token_sha256=digest(OPERATOR),
            http=HttpConfig(**http),
            limits=Limits(payload_bytes=1000),
        )
        assert config.http is not None
        self.intake = HttpIntake(
            config,
            config.http,
            {"light": task()},
            VirtualReactor().as_reactor(),
            SystemClock(),
            self.complaints,
            boot="b",
            take=self.taken.append,
        )
        self.intake.begin()

    def admit(self, method: str, target: str, **headers: str) -> Response | None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.intake._admit(Head(method, target, named, "10.0.0.9"))

    def infer(
        self, payload: bytes = b"x", *, host: str = "10.0.0.9", sent: Sent = "handed", **more: Any
    ) -> FakeConnection:
        body, headers = bytes_request(payload, **more)
        lower: Mapping[str, str] = {name.lower(): value for name, value in headers.items()}
        connection = FakeConnection(sent)
        request = Request(Head("POST", INFER, lower, host), bytearray(body))
        self.intake._handle(request, cast("HttpConnection", connection))
        return connection


def answer(request: Input) -> Answer:
    return Answer(
        id=request.id,
        task=request.task,
        label="7",
        confidence=0.9,
        top=[],
        output=None,
        contestant="primary",
        bundle=None,
        reason="preferred",
        deadline_met=True,
        elapsed_ms=1.0,
        candidates=[],
        received_at="2026-01-01T00:00:00Z",
    )


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_request_becomes_an_input_with_its_wishes(rig: Rig) -> None:
    rig.infer(b"photo", id="42", parameters={"deadline_ms": 50})
    (request,) = rig.taken
    assert (bytes(request.payload), request.id, request.task) == (b"photo", "42", "light")
    assert (request.deadline_ns, request.force, request.repeatable, request.backlog) == (50 * MS, None, True, False)


def test_without_an_id_each_request_is_its_own(rig: Rig) -> None:
    rig.infer()
    rig.infer()
    assert [(request.id, request.repeatable) for request in rig.taken] == [("b-h1", False), ("b-h2", False)]


def test_a_repeated_id_is_the_same_request_if_host_and_input_are_the_same(rig: Rig) -> None:
    rig.infer(id="7")
    rig.infer(id="7", host="10.0.0.8")
    rig.infer(b"y", id="7")
    rig.infer(id="8")
    keys = [request.key for request in rig.taken]
    assert len(set(keys)) == 4
    for request in rig.taken:
        request.reply.deliver(answer(request))
    rig.infer(id="7")
    assert rig.taken[-1].key == keys[0]


def test_a_request_repeated_before_its_answer_shares_it(rig: Rig) -> None:
    first, again = rig.infer(id="7", sent="gone"), rig.infer(id="7")
    (request,) = rig.taken
    assert request.reply.can_deliver()
    assert request.reply.deliver(answer(request)) is Delivery.HANDED
    assert first.document["id"] == again.document["id"] == "7"
    assert rig.intake.describe()["joined"] == 1


@pytest.mark.parametrize(
    ("sent", "delivery"), [("handed", Delivery.HANDED), ("queued", Delivery.QUEUED), ("gone", Delivery.AWAY)]
)
def test_the_delivery_tells_what_became_of_the_answer(rig: Rig, sent: Sent, delivery: Delivery) -> None:
    rig.infer(sent=sent)
    assert rig.taken[0].reply.deliver(answer(rig.taken[0])) is delivery


def test_the_operator_may_force_a_contestant_that_may_be(rig: Rig) -> None:
    rig.infer(parameters={"policy": "force:primary", "operator_token": OPERATOR})
    assert rig.taken[0].force == "primary"
    for parameters in (
        {"policy": "force:primary"},
        {"policy": "force:primary", "operator_token": "x"},
        {"policy": "force:nobody", "operator_token": OPERATOR},
    ):
        connection = rig.infer(parameters=parameters)
        assert (connection.responses[0].status, connection.document["code"]) == (403, "force.refused")
    assert len(rig.taken) == 1


def test_a_request_that_makes_no_sense_is_refused_and_counted(rig: Rig) -> None:
    connection = rig.infer(parameters={"deadline_ms": -1})
    assert (connection.responses[0].status, connection.document["code"]) == (400, "oip.bad_parameter")
    assert rig.complaints.counts == {"oip.bad_parameter": 1}
    assert not rig.taken


@pytest.mark.parametrize(
    ("method", "target", "headers", "status", "code"),
    [
        ("GET", "/", {}, 404, "http.not_found"),
        ("GET", "/v2/models", {}, 404, "http.not_found"),
        ("GET", "/v2/models/dark", {}, 404, "oip.unknown_model"),
        ("POST", "/v2/models/dark/infer", {"content_length": "2"}, 404, "oip.unknown_model"),
        ("POST", "/v2/models/light/versions/2/infer", {"content_length": "2"}, 404, "oip.unknown_version"),
        ("GET", INFER, {}, 405, "http.method"),
        ("POST", "/v2", {"content_length": "2"}, 405, "http.method"),
        ("GET", "/v2", {"content_length": "2"}, 400, "http.unexpected_body"),
        ("POST", INFER, {}, 411, "http.length_required"),
        ("POST", INFER, {"content_length": "2", "content_encoding": "gzip"}, 415, "http.encoding"),
        ("POST", INFER, {"content_length": str(2 << 20)}, 413, "oip.too_large"),
        (
            "POST",
            INFER,
            {"content_length": str(2 << 20), "inference_header_content_length": "100"},
            413,
            "oip.too_large",
        ),
        (
            "POST",
            INFER,
            {"content_length": "9", "inference_header_content_length": "x"},
            400,
            "oip.bad_header_length",
        ),
    ],
)
def test_a_head_is_judged_before_its_body(
    rig: Rig, method: str, target: str, headers: dict[str, str], status: int, code: str
) -> None:
    response = rig.admit(method, target, **headers)
    assert response is not None
    assert (response.status, json.loads(response.body)["code"]) == (status, code)
    assert rig.complaints.counts[code] == 1


def test_a_405_says_what_is_allowed(rig: Rig) -> None:
    response = rig.admit("PUT", "/v2/health/live")
    assert response is not None
    assert response.headers["allow"] == "GET, HEAD"


def test_while_inputs_are_not_taken_a_caller_is_told_to_come_again(rig: Rig) -> None:
    rig.intake.stop()
    response = rig.admit("POST", INFER, content_length="2")
    assert response is not None
    assert (response.status, response.headers["retry-after"]) == (503, "1")
    assert rig.admit("GET", "/v2/health/live") is None


@pytest.mark.parametrize(
    ("authorization", "known"),
    [
        ("", False),
        ("Bearer", False),
        ("Bearer wrong", False),
        (f"Basic {TOKEN}", False),
        (f"Bearer {TOKEN}", True),
        (f"bearer  {TOKEN}", True),
    ],
)
def test_where_a_token_is_set_it_is_asked_for_by_all_but_probes(authorization: str, known: bool) -> None:  # noqa: FBT001 - a case
    rig = Rig(listen="0.0.0.0:8000", token_sha256=digest(TOKEN).upper())
    for target in ("/v2", "/nowhere", "/v2/models/light"):
        response = rig.admit("GET", target, authorization=authorization)
        if known:
            assert response is None or response.status == 404
        else:
            assert response is not None
            assert (response.status, response.headers["www-authenticate"]) == (401, "Bearer")
    assert rig.admit("GET", "/v2/health/ready") is None


@pytest.mark.parametrize(
    ("target", "route"),
    [
        ("/v2", Route("server")),
        ("/v2/", Route("server")),
        ("/v2?verbose=1", Route("server")),
        ("http://cam-01:8000/v2/health/live", Route("live")),
        ("/v2/health/ready", Route("ready")),
        ("/v2/models/a.b", Route("model", "a.b")),
        ("/v2/models/a%2eb/ready", Route("model_ready", "a.b")),
        ("/v2/models/a/versions/1", Route("model", "a", "1")),
        ("/v2/models/a/versions/1/ready/", Route("model_ready", "a", "1")),
        ("/v2/models/infer", Route("model", "infer")),
        ("/v2/models//infer", None),
        ("/v2/models/a/b/infer", None),
        ("/v2/health/dead", None),
        ("/v1/models/a", None),
        ("*", None),
    ],
)
def test_paths(target: str, route: Route | None) -> None:
    assert find_route(target) == route
