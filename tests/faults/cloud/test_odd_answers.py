"""Answers that are too long, too slow, or lost: the cloud's clients come to an end with each."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from roost_cloud.client import ApiAnswerError, ApiClient, ApiUnreachableError, RemoteError
from roost_cloud.credentials import Credentials
from roost_cloud.fence import source
from roost_cloud.fence.source import Source
from roost_shared.messages import State
from tests.support.unreadable import NO_JSON

Answer = Callable[[socket.socket], object]
HUGE_BYTES = 128 << 20
NOT_FOUND = b'HTTP/1.1 404 Not Found\r\nContent-Length: 43\r\n\r\n{"error":{"code":"not_found","message":"x"}}'


@contextmanager
def answering(*answers: Answer) -> Iterator[str]:
    """A server that answers one request on each connection, as told; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                connection, _ = listener.accept()
                with connection, suppress(ConnectionError):
                    connection.recv(65536)
                    answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(30)
        assert not thread.is_alive()


def lost(_connection: socket.socket) -> None:
    """End without a word."""


def not_found(connection: socket.socket) -> None:
    connection.sendall(NOT_FOUND)


def test_the_end_of_an_answer_that_is_too_long_is_not_waited_for() -> None:
    sent_bytes = 0

    def huge(connection: socket.socket) -> None:
        nonlocal sent_bytes
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {HUGE_BYTES}\r\n\r\n".encode())
        while sent_bytes < HUGE_BYTES:
            connection.sendall(bytes(1 << 20))
            sent_bytes += 1 << 20

    with answering(huge) as url, ApiClient(Credentials(url=url, token="t")) as api, pytest.raises(ApiAnswerError):
        api.send("GET", "/devices")
    assert sent_bytes < HUGE_BYTES


@pytest.mark.parametrize("wrong", NO_JSON)
def test_an_answer_that_is_no_json_is_said(wrong: str) -> None:
    def say(connection: socket.socket) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(NO_JSON[wrong])}\r\n\r\n"
        connection.sendall(head.encode() + NO_JSON[wrong])

    with (
        answering(say) as url,
        ApiClient(Credentials(url=url, token="t")) as api,
        pytest.raises(ApiAnswerError, match="cannot be read"),
    ):
        api.call("GET", "/devices", State)


@pytest.mark.parametrize("wrong", NO_JSON)
def test_a_refusal_that_is_no_json_is_one_all_the_same(wrong: str) -> None:
    def refuse(connection: socket.socket) -> None:
        head = f"HTTP/1.1 400 Bad Request\r\nContent-Length: {len(NO_JSON[wrong])}\r\n\r\n"
        connection.sendall(head.encode() + NO_JSON[wrong])

    with (
        answering(refuse) as url,
        ApiClient(Credentials(url=url, token="t")) as api,
        pytest.raises(RemoteError, match="400"),
    ):
        api.call("GET", "/devices", State)


def test_what_a_second_delete_does_not_find_is_gone() -> None:
    with answering(lost, not_found) as url, ApiClient(Credentials(url=url, token="t")) as api:
        api.call("DELETE", "/tokens/x", type(None))


@pytest.mark.parametrize(("method", "answers"), [("DELETE", (not_found,)), ("GET", (lost, not_found))])
def test_what_was_never_there_is_said(method: str, answers: tuple[Answer, ...]) -> None:
    with (
        answering(*answers) as url,
        ApiClient(Credentials(url=url, token="t")) as api,
        pytest.raises(RemoteError, match="404"),
    ):
        api.call(method, "/tokens/x", type(None))


def test_a_document_that_comes_by_drops_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_WHOLE_S", 0.3)
    (tmp_path / "token").write_text("t")
    given_up = threading.Event()

    def drops(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n")
        for _ in range(200):
            connection.sendall(b"x")
            if given_up.wait(0.05):
                return

    with answering(drops) as url:
        document = Source.open(url, tmp_path / "token", None)
        try:
            with pytest.raises(ApiUnreachableError, match=r"takes longer than 0\.3 s"):
                document.fetch()
        finally:
            given_up.set()
            document.pool.clear()
