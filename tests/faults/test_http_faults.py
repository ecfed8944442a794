"""Clients that are slow, broken, gone, or too many, and workers that die: the agent answers all others in time."""

import contextlib
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from roost_edge.http import HttpConnection, Request, Response
from roost_edge.http.connection import HEAD_NS, IDLE_NS, LINGER_NS, SEND_NS
from roost_edge.http.talk import HttpTalk
from tests.support.agent import AgentProcess, task_toml, until
from tests.support.bundles import Bundles, picture
from tests.support.http_site import HTTP, HttpCaller, RawClient, address_of, bytes_request
from tests.support.virtual_reactor import VirtualReactor

BROKERLESS = "mqtt://127.0.0.1:1"
INFER = "/v2/models/light/infer"
HEAD = b"POST /v2/models/light/infer HTTP/1.1\r\nHost: x\r\n"
CONNECTIONS = 20


@pytest.fixture(scope="module")
def agent(bundles: Bundles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
    tasks = f"{HTTP}connections = {CONNECTIONS}\n" + task_toml("light", {"primary": bundles.sure})
    with AgentProcess(tmp_path_factory.mktemp("http"), BROKERLESS, tasks, limits="payload_bytes = 2000000") as process:
        process.start(wait=False)
        address_of(process)
        process.until_ready("light", "primary")
        with HttpCaller(address_of(process)) as caller:
            until(lambda: caller.ask("GET", "/v2/health/ready")[0] == 200, "ready")
        yield process


@pytest.fixture
def address(agent: AgentProcess) -> Iterator[tuple[str, int]]:
    """Whatever a test did, another client is answered after it, and nothing of it stays."""
    found = address_of(agent)
    yield found
    with HttpCaller(found) as caller:
        status, document = caller.infer("light", picture())
        assert (status, document["outputs"][0]["data"]) == (200, ["bright"])
    until(lambda: agent.status["http"]["connections"] == 0, "no connection is left")
    assert agent.status["unanswered"] == 0


def counted(agent: AgentProcess, code: str) -> int:
    found: int = agent.status["complaints"].get(code, 0)
    return found


# ---- what clients send


NO_TEXT = b'{"inputs": [{"name": "input", "datatype": "BYTES", "shape": [1], "data": ["\xff"]}]}'


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"\x00\x01\x02\x03garbage\r\n\r\n", 400, id="garbage"),
        pytest.param(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", 400, id="TLS"),
        pytest.param(b"GET / HTTP/9.9\r\n\r\n", 505, id="another version"),
        pytest.param(b"GET /v2 HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000, 431, id="huge header"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 411, id="chunks"),
        pytest.param(HEAD + b"Content-Length: 99999999999\r\n\r\n", 413, id="huge body"),
        pytest.param(
            HEAD + b"Content-Length: 5\r\nInference-Header-Content-Length: 9\r\n\r\n12345", 400, id="header length"
        ),
        pytest.param(HEAD + b"Content-Length: %d\r\n\r\n" % len(NO_TEXT) + NO_TEXT, 400, id="text that is none"),
        pytest.param(HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345", 400, id="two lengths"),
    ],
)
def test_what_is_wrong_is_said_and_counted(
    agent: AgentProcess, address: tuple[str, int], data: bytes, status: int
) -> None:
    before = sum(agent.status["complaints"].values())
    with RawClient(address) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.send(data)
        assert client.status() == status
    assert sum(agent.status["complaints"].values()) > before


def test_a_refused_body_may_go_on_coming_and_the_refusal_is_read(address: tuple[str, int]) -> None:
    with RawClient(address) as client:
        client.send(HEAD + b"Content-Length: 3000000\r\n\r\n")
        assert client.status() == 413
        for _ in range(5):
            client.send(bytes(65536))  # a connection that was just closed would be reset by this


def test_a_request_that_breaks_off_is_no_input(agent: AgentProcess, address: tuple[str, int]) -> None:
    inputs = agent.status["http"]["inputs"]
    body, _ = bytes_request(picture())
    for cut in (10, len(HEAD), len(HEAD) + 30):
        with RawClient(address) as client:
            client.send((HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)[:cut])
            client.socket.shutdown(socket.SHUT_WR)
            assert client.status() == 400
    for part in (b"", body[:20]):
        client = RawClient(address)
        client.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + part)
        client.reset()
    assert agent.status["http"]["inputs"] == inputs


def test_pipelined_requests_are_answered_in_their_order(address: tuple[str, int]) -> None:
    with RawClient(address) as client:
        asks = [b"GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"]
        client.send(b"".join(asks * 200) + b"GET /v2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        statuses = [int(line[:3]) for line in client.rest().split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 404] * 200 + [200]


@pytest.mark.parametrize("leave", [RawClient.reset, lambda client: client.socket.close()], ids=["reset", "closed"])
def test_a_client_that_is_gone_before_its_answer_is_counted_and_may_ask_again(
    agent: AgentProcess, address: tuple[str, int], leave: Callable[[RawClient], None]
) -> None:
    agent.signal_worker("light", "primary", signal.SIGSTOP)
    before = agent.status["tasks"]["light"]["unsent"]
    body, headers = bytes_request(picture(0), id=f"lost {before}", parameters={"deadline_ms": 300})
    named = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    request = HEAD + named + b"Content-Length: %d\r\n\r\n" % len(body) + body
    try:
        client = RawClient(address)
        client.send(request)
        until(lambda: agent.status["unanswered"] == 1, "it was taken")
        leave(client)
        until(lambda: agent.status["unanswered"] == 0, "its deadline has passed")
    finally:
        agent.signal_worker("light", "primary", signal.SIGCONT)
    status = agent.status
    assert status["tasks"]["light"]["unsent"] == before + 1
    assert status["complaints"]["answer.unsent"] >= 1
    with RawClient(address) as client:
        client.send(request)
        assert client.status() == 200, "the answer it had missed"
    agent.until_ready("light", "primary")


def test_a_client_that_repeats_its_request_on_another_connection_gets_the_one_answer(
    agent: AgentProcess, address: tuple[str, int]
) -> None:
    agent.signal_worker("light", "primary", signal.SIGSTOP)
    answers = agent.status["tasks"]["light"]["answers"]
    joined = agent.status["http"]["joined"]
    found: list[tuple[int, str]] = []

    def ask() -> None:
        with HttpCaller(address) as caller:
            status, document = caller.infer("light", picture(0), id="twice", parameters={"deadline_ms": 4000})
            found.append((status, document["outputs"][0]["data"][0]))

    callers = [threading.Thread(target=ask) for _ in range(3)]
    try:
        for thread in callers:
            thread.start()
        until(lambda: agent.status["http"]["joined"] == joined + 2, "the repeats are there")
    finally:
        agent.signal_worker("light", "primary", signal.SIGCONT)
    for thread in callers:
        thread.join()
    assert len(set(found)) == 1
    assert found[0][0] == 200
    assert agent.status["tasks"]["light"]["answers"] == answers + 1
    agent.until_ready("light", "primary")


# ---- workers that die


def test_a_worker_that_is_killed_costs_no_answer(agent: AgentProcess, address: tuple[str, int]) -> None:
    with HttpCaller(address) as caller:
        for number in range(30):
            if number % 10 == 5:
                agent.signal_worker("light", "primary", signal.SIGKILL)
            began = time.monotonic()
            status, document = caller.infer("light", picture(), parameters={"deadline_ms": 2000})
            assert time.monotonic() - began < 10, "generous: the deadline is 2 s"
            assert status == 200
            assert document["outputs"][0]["data"][0] in ("bright", "unknown")
    agent.until_ready("light", "primary")


# ---- too many


def test_of_too_many_clients_each_is_told_and_the_others_served(agent: AgentProcess, address: tuple[str, int]) -> None:
    """Each has sent half a request, so none may be ended for another."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(RawClient(address)) for _ in range(CONNECTIONS)]
        for client in clients:
            client.send(b"GET /v2 HTTP/1.1\r\n")
        until(lambda: agent.status["http"]["connections"] == CONNECTIONS, "all are connected")
        more = [stack.enter_context(RawClient(address)) for _ in range(180)]
        told = [client.status() for client in more]
        assert set(told) <= {503, None}
        assert told[0] == 503
        for client in clients:
            client.send(b"Host: x\r\n\r\n")
            assert client.status() == 200
    assert counted(agent, "http.too_many_connections") == 180


def test_idle_clients_give_way_to_new_ones(agent: AgentProcess, address: tuple[str, int]) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(RawClient(address)) for _ in range(200)]
        clients[-1].send(b"GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert clients[-1].status() == 200
        assert clients[0].status() is None
        assert agent.status["http"]["connections"] <= CONNECTIONS


def test_large_bodies_together_are_bounded(agent: AgentProcess, address: tuple[str, int]) -> None:
    """Four of the largest may be coming in; the rest are told to come again."""
    size = 2_900_000
    head = HEAD + b"Inference-Header-Content-Length: 100\r\nContent-Length: %d\r\n\r\n" % size
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(RawClient(address)) for _ in range(6)]
        for client in clients:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.send(head + bytes(size - 1))
        until(lambda: counted(agent, "http.busy"), "some are told")
        with HttpCaller(address) as caller:
            assert caller.ask("GET", "/v2/health/live")[0] == 200


# ---- too slow: on a clock of ours


class OneSocketReactor(VirtualReactor):
    """Time moved by a test, and one socket that the test says can be read or written."""

    def __init__(self) -> None:
        super().__init__()
        self._on_readable: Callable[[], object] | None = None
        self._on_writable: Callable[[], object] | None = None

    def watch(
        self,
        _sock: socket.socket,
        on_readable: Callable[[], object] | None,
        on_writable: Callable[[], object] | None = None,
    ) -> None:
        self._on_readable, self._on_writable = on_readable, on_writable

    def unwatch(self, _sock: socket.socket) -> None:
        self._on_readable = self._on_writable = None

    def readable(self) -> None:
        assert self._on_readable is not None
        self._on_readable()

    def writable(self) -> None:
        assert self._on_writable is not None
        self._on_writable()


class SlowClient:
    """A connection whose time only moves when a test moves it."""

    def __init__(self, send_bytes: int | None = None) -> None:
        self.reactor = OneSocketReactor()
        self.requests: list[Request] = []
        self.ended: list[HttpConnection] = []
        self.noted: list[str] = []
        ours, self.theirs = socket.socketpair()
        if send_bytes is not None:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_bytes)
        ours.setblocking(False)
        self.theirs.settimeout(5)
        talk = HttpTalk(
            "10.0.0.9", admit=lambda _: None, room=lambda _: True, note=lambda code, _: self.noted.append(code)
        )
        self.connection = HttpConnection(
            ours,
            talk,
            self.reactor.as_reactor(),
            handle=lambda request, _: self.requests.append(request),
            ended=self.ended.append,
        )

    def send(self, data: bytes) -> None:
        self.theirs.sendall(data)
        self.reactor.readable()

    def later(self, after_ns: int) -> None:
        self.reactor.advance(self.reactor.now + after_ns)

    def close(self) -> None:
        self.connection.close()
        self.theirs.close()


@pytest.fixture
def slow() -> Iterator[SlowClient]:
    with contextlib.closing(SlowClient()) as client:
        yield client


@pytest.fixture
def clogged() -> Iterator[SlowClient]:
    """One whose socket takes little at a time."""
    with contextlib.closing(SlowClient(send_bytes=4096)) as client:
        yield client


def test_a_head_that_dribbles_in_is_given_up(slow: SlowClient) -> None:
    for _ in range(9):
        slow.send(b"G")
        slow.later(HEAD_NS // 10)
    assert not slow.noted
    slow.later(HEAD_NS // 5)
    assert slow.noted == ["http.too_slow"]
    assert slow.theirs.recv(100).startswith(b"HTTP/1.1 408 ")
    slow.later(LINGER_NS)
    assert slow.ended


def test_a_body_has_the_time_that_it_takes_at_the_slowest_rate(slow: SlowClient) -> None:
    slow.send(HEAD + b"Content-Length: 163840\r\n\r\n")
    slow.later(HEAD_NS + 9_900_000_000)
    assert not slow.noted
    slow.later(200_000_000)
    assert slow.noted == ["http.too_slow"]


def test_an_idle_connection_is_ended_without_a_word(slow: SlowClient) -> None:
    slow.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    slow.later(10 * IDLE_NS)
    assert not slow.ended, "the answer takes what its deadline allows"
    slow.connection.respond(Response(200, {}, b""))
    slow.later(IDLE_NS - 1)
    assert not slow.ended
    slow.later(1)
    assert slow.ended
    assert b"408" not in slow.theirs.recv(1000)


def test_a_client_that_does_not_read_its_response_is_given_up(clogged: SlowClient) -> None:
    clogged.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert clogged.connection.respond(Response(200, {}, bytes(1 << 20))) == "queued"
    assert not clogged.connection.can_send()
    clogged.later(SEND_NS)
    assert clogged.ended
    assert clogged.connection.respond(Response(200, {}, b"")) == "gone"


def test_a_response_goes_on_while_the_next_request_is_at_work_and_another_waits(clogged: SlowClient) -> None:
    clogged.send(3 * b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert clogged.connection.respond(Response(200, {}, bytes(1 << 20))) == "queued"
    clogged.later(0)
    assert len(clogged.requests) == 2
    while not clogged.connection.can_send():
        assert clogged.theirs.recv(1 << 16)
        clogged.reactor.writable()
    assert not clogged.ended


def test_errors_are_documents(address: tuple[str, int]) -> None:
    with RawClient(address) as client:
        client.send(b"nonsense\r\n\r\n")
        head, _, body = client.rest().partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head
    assert set(json.loads(body)) == {"error", "code"}
