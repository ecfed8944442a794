"""TUF's network over real HTTP: what is too much, too slow, elsewhere or not there."""

import gzip
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import urllib3
from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    SlowRetrievalError,
)

from roost_shared.trust import HttpFetcher


class Site:
    """Answers as the test says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: Callable[[BaseHTTPRequestHandler], None] = lambda handler: handler.send_error(404)
        self.headers: list[dict[str, str]] = []
        self.ended = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.headers.append(dict(self.headers))
                try:
                    site.answer(self)
                except OSError:
                    site.ended.set()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/metadata/timestamp.json"

    def send(self, data: bytes, **headers: str) -> None:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            handler.wfile.write(data)

        self.answer = answer


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.ended.set()
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def pool() -> Iterator[urllib3.PoolManager]:
    made = urllib3.PoolManager()
    yield made
    made.clear()


def test_a_file_comes_as_it_is_and_what_is_to_be_shown_is_shown(site: Site, pool: urllib3.PoolManager) -> None:
    site.send(b"{}")
    fetcher = HttpFetcher(pool, lambda: {"Authorization": "Bearer token"})
    assert [fetcher.download_bytes(site.url, 2) for _ in range(2)] == [b"{}", b"{}"]
    assert site.headers[0]["Authorization"] == "Bearer token"
    assert site.headers[0]["Accept-Encoding"] == "identity"


def test_what_never_ends_is_left_at_its_limit(site: Site, pool: urllib3.PoolManager) -> None:
    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        while True:
            handler.wfile.write(bytes(1 << 16))

    site.answer = flood
    with pytest.raises(DownloadLengthMismatchError):
        HttpFetcher(pool).download_bytes(site.url, 16 << 10)
    assert site.ended.wait(60), "the connection was closed, not read on"


def test_a_trickle_is_left_when_its_time_is_up(site: Site, pool: urllib3.PoolManager) -> None:
    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not site.ended.wait(0.02):
            handler.wfile.write(b" ")

    site.answer = trickle
    with pytest.raises(SlowRetrievalError, match=r"not whole after 0\.3 s"):
        HttpFetcher(pool, whole_s=0.3).download_bytes(site.url, 100_000)


def test_a_bomb_stays_packed(site: Site, pool: urllib3.PoolManager) -> None:
    bomb = gzip.compress(bytes(50 << 20))
    site.send(bomb, Content_Encoding="gzip")
    assert HttpFetcher(pool).download_bytes(site.url, 1 << 20) == bomb


def test_nobody_is_sent_elsewhere(site: Site, pool: urllib3.PoolManager) -> None:
    def redirect(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "http://127.0.0.1:1/")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    site.answer = redirect
    with pytest.raises(DownloadHTTPError) as caught:
        HttpFetcher(pool).download_bytes(site.url, 10)
    assert caught.value.status_code == 302


def test_half_an_answer_is_none(site: Site, pool: urllib3.PoolManager) -> None:
    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"{")
        handler.close_connection = True

    site.answer = cut
    with pytest.raises(DownloadError):
        HttpFetcher(pool).download_bytes(site.url, 100)


def test_nobody_there_is_said(site: Site, pool: urllib3.PoolManager) -> None:
    with pytest.raises(DownloadHTTPError) as caught:
        HttpFetcher(pool).download_bytes(site.url, 10)
    assert caught.value.status_code == 404
    with pytest.raises(DownloadError, match=r"http://127\.0\.0\.1:1/a: "):
        HttpFetcher(pool).download_bytes("http://127.0.0.1:1/a?nonce=secret", 10)
