"""Connections that send no request, or none to its end, are let go."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from roost_cloud.impatient_protocol import ImpatientProtocol
from tests.support.agent import until

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
Connect = Callable[[], socket.socket]


class Hurried(ImpatientProtocol):
    """As the real one, in the time of a test."""

    head_timeout_s = 1.0  # a client that gets no turn for a while is in no fault


@contextmanager
def serving(app: ASGIApp) -> Iterator[int]:
    """A server of `app`; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, http=Hurried, lifespan="off", ws="none", log_level="critical")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), name="uvicorn")
        thread.start()
        yield int(listener.getsockname()[1])
        server.should_exit = True
        thread.join(60)


@pytest.fixture
def connect() -> Iterator[Connect]:
    with serving(PlainTextResponse("done")) as port, ExitStack() as opened:
        yield lambda: opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n", REQUEST + b"GET / H"], ids=["silent", "half", "second-half"]
)
def test_who_sends_no_head_is_let_go(connect: Connect, begun: bytes) -> None:
    client = connect()
    client.sendall(begun)
    if begun.startswith(REQUEST):
        response = b""
        while not response.endswith(b"done"):
            response += client.recv(65536) or pytest.fail("it was let go before it had its answer")
        assert response.startswith(b"HTTP/1.1 200")
    assert client.recv(65536) == b""


def test_who_sends_it_byte_by_byte_is_let_go(connect: Connect) -> None:
    client = connect()
    client.settimeout(0.05)
    until(lambda: said_goodbye(client), "it is let go")


def said_goodbye(client: socket.socket) -> bool:
    """Send one byte more; whether the server has ended the connection."""
    try:
        client.sendall(b"x")
        return client.recv(65536) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer after longer than a head may take."""
    await asyncio.sleep(2 * Hurried.head_timeout_s)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"done"})


def test_an_answer_may_take_its_time_and_the_connection_is_kept() -> None:
    with serving(slow) as port, closing(HTTPConnection("127.0.0.1", port, timeout=60)) as client:
        for _ in range(2):
            client.request("GET", "/")
            sock = client.sock
            assert client.getresponse().read() == b"done"
            assert client.sock is sock is not None
