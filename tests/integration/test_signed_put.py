"""How the device PUTs bytes to signed URLs, and what it makes of what it is told there."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from fastapi import FastAPI, Request, Response

from roost_edge.uplink.http import (
    CloudAnswerError,
    CloudFailedError,
    CloudHttp,
    CloudRefusedError,
    CloudUnreachableError,
)
from tests.support.mosquitto import free_port
from tests.support.served import Served

DATES = {"date": timedelta(seconds=90), "past": timedelta(days=-1)}  # from when it is asked
ANSWERS = {
    "plain": (503, {"Retry-After": "7"}, b"{}"),
    "odd": (503, {"Retry-After": "soon"}, b""),
    "ours": (403, {}, b'{"error": {"code": "objects.url_expired", "message": "too late"}}'),
    "s3": (400, {}, b'<?xml version="1.0"?>\n<Error><Code>RequestTimeout</Code><Message>idle</Message></Error>'),
    "elsewhere": (307, {"Location": "/s/fine"}, b""),
}


class Store:
    """Where signed URLs lead."""

    def __init__(self) -> None:
        self.connections: set[int] = set()  # their ports
        self.served = Served()
        self.served.app = app = FastAPI()
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []

        @app.put("/s/{name}")
        async def put(name: str, request: Request) -> Response:
            self.headers.append(dict(request.headers))
            self.bodies.append(await request.body())
            assert request.client is not None
            self.connections.add(request.client.port)
            if name in DATES:
                date = format_datetime(datetime.now(UTC) + DATES[name], usegmt=True)
                return Response(b"", 503, {"Retry-After": date})
            status, headers, body = ANSWERS.get(name, (200, {}, b""))
            return Response(body, status, headers)

    def url(self, name: str) -> str:
        return f"{self.served.url}/s/{name}?signature=secret"


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    made = Store()
    with made.served:
        yield made


def put(store: Store, name: str) -> None:
    CloudHttp(store.served.url, None).put_signed(store.url(name), 6, [b"abc", b"def"])


def test_bytes_are_sent_as_they_are_made_under_their_length_and_without_a_token(store: Store) -> None:
    put(store, "fine")
    assert store.bodies[-1] == b"abcdef"
    assert store.headers[-1]["content-length"] == "6"
    assert {"authorization", "transfer-encoding"}.isdisjoint(store.headers[-1])


def test_one_connection_carries_part_after_part(store: Store) -> None:
    http = CloudHttp(store.served.url, None)
    store.connections.clear()
    for _ in range(3):
        http.put_signed(store.url("fine"), 3, [b"abc"])
    assert len(store.connections) == 1


@pytest.mark.parametrize(("name", "wait_s"), [("plain", 7), ("date", 90), ("past", 0), ("odd", None), ("ours", None)])
def test_when_to_come_back_is_heard(store: Store, name: str, wait_s: float | None) -> None:
    with pytest.raises(CloudRefusedError) as caught:
        put(store, name)
    assert caught.value.retry_after_s == (None if wait_s is None else pytest.approx(wait_s, abs=30))
    assert isinstance(caught.value, CloudFailedError) == (name != "ours")


@pytest.mark.parametrize(
    ("name", "status", "reason"), [("ours", 403, "objects.url_expired"), ("s3", 400, "RequestTimeout")]
)
def test_reason_is_heard_in_our_words_and_in_s3s(store: Store, name: str, status: int, reason: str) -> None:
    with pytest.raises(CloudRefusedError) as caught:
        put(store, name)
    assert (caught.value.status, caught.value.reason) == (status, reason)


def test_redirection_is_not_followed(store: Store) -> None:
    before = len(store.bodies)
    with pytest.raises(CloudAnswerError, match="307"):
        put(store, "elsewhere")
    assert len(store.bodies) == before + 1


def test_fault_while_the_bytes_are_made_comes_out_as_it_is(store: Store) -> None:
    def broken() -> Iterator[bytes]:
        yield b"abc"
        raise ZeroDivisionError

    http = CloudHttp(store.served.url, None)
    with pytest.raises(ZeroDivisionError):
        http.put_signed(store.url("fine"), 6, broken())
    http.put_signed(store.url("fine"), 3, [b"abc"])
    assert store.bodies[-1] == b"abc"


def test_signature_is_in_no_message() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(CloudUnreachableError) as caught:
        CloudHttp(url, None).put_signed(f"{url}/s/x?signature=secret", 3, [b"abc"])
    assert "secret" not in str(caught.value)
