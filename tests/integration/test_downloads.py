"""One blob, from servers that cut, lie, trickle and never end."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from roost_edge.installer.bundle_cloud import BlobPlace, BundleCloud
from roost_edge.installer.download import Downloads
from roost_edge.installer.errors import LyingServerError, SlowDownloadError, StoreUnwritableError, UrlExpiredError
from roost_edge.installer.store import BundleStore
from roost_edge.uplink.errors import CloudAnswerError, CloudFailedError, CloudRefusedError, CloudUnreachableError
from roost_edge.uplink.http import CloudHttp
from roost_edge.upload.token_bucket import TokenBucket
from roost_shared.clock import SystemClock
from roost_shared.digest import digest_of
from roost_shared.errors import RoostError

BLOB = bytes(range(256)) * 400
DIGEST = digest_of(BLOB)
Serve = Callable[[BaseHTTPRequestHandler, int], None]


class ObjectServer:
    """Serves one object; `serve` is how, given where the request asks to begin."""

    def __init__(self) -> None:
        self.serve: list[Serve] = []
        self.asked: list[int] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-"))
                assert found is not None
                server.asked.append(int(found[1]))
                self.close_connection = True
                serve = server.serve.pop(0) if len(server.serve) > 1 else server.serve[0]
                serve(self, int(found[1]))

            def log_message(self, *_: Any) -> None:
                """Be quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign] # clients leave in the middle
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def answer(
    body: bytes = BLOB, *, ranges: bool = True, says: int | None = None, whole: int | None = None, shift: int = 0
) -> Serve:
    """A server that gives `body` or the rest of it.

    Args:
        body: of the object.
        ranges: honour Range.
        says: how long it says that what comes is, if not what it is.
        whole: how long it says that the object is.
        shift: by how much what comes is beside what was asked for.
    """

    def serve(handler: BaseHTTPRequestHandler, offset: int) -> None:
        offset = offset + shift if ranges else 0
        part = body[offset:]
        handler.send_response_only(206 if ranges and (offset or shift) else 200)
        handler.send_header("Connection", "close")
        handler.send_header("Content-Length", str(len(part) if says is None else says))
        if ranges and (offset or shift):
            size = len(body) if whole is None else whole
            handler.send_header("Content-Range", f"bytes {offset}-{offset + len(part) - 1}/{size}")
        handler.end_headers()
        handler.wfile.write(part)

    return serve


def status(code: int, **headers: str) -> Serve:
    def serve(handler: BaseHTTPRequestHandler, _: int) -> None:
        handler.send_response_only(code)
        handler.send_header("Connection", "close")
        handler.send_header("Content-Length", "0")
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()

    return serve


def unending(handler: BaseHTTPRequestHandler, _: int) -> None:
    """Bytes without an end, and without a word on how many."""
    handler.send_response_only(200)
    handler.end_headers()
    for _ in range(10_000):
        handler.wfile.write(BLOB)


def trickling(handler: BaseHTTPRequestHandler, _: int) -> None:
    handler.send_response_only(200)
    handler.send_header("Content-Length", str(len(BLOB)))
    handler.end_headers()
    for position in range(200):
        handler.wfile.write(BLOB[position : position + 1])
        handler.wfile.flush()
        time.sleep(0.02)


class FastClock(SystemClock):
    """Time goes a thousand times as fast."""

    def now_ns(self) -> int:
        return super().now_ns() * 1000


class FixedCloud(BundleCloud):
    """Says where the blob is, and asks nobody."""

    def __init__(self, url: str) -> None:
        self._place = BlobPlace(size_bytes=len(BLOB), url=url)

        class Api:
            http = CloudHttp(url, None)

        super().__init__(Api())  # type: ignore[arg-type] # all that is used of it

    def blob(self, digest: str) -> BlobPlace:
        assert digest == DIGEST
        return self._place


@pytest.fixture
def server() -> Iterator[ObjectServer]:
    made = ObjectServer()
    yield made
    made.close()


@pytest.fixture
def store(tmp_path: Path) -> BundleStore:
    made = BundleStore(tmp_path)
    made.prepare()
    return made


class Bringing:
    def __init__(self, server: ObjectServer, store: BundleStore, clock: SystemClock | None = None) -> None:
        self.moved: list[int] = []
        self.waited: list[float] = []
        self.downloads = Downloads(
            FixedCloud(server.url),
            store,
            bucket=TokenBucket(None),
            clock=clock or SystemClock(),
            wait=self.waited.append,
            moved=self.moved.append,
        )

    def bring(self) -> None:
        self.downloads.bring(DIGEST, len(BLOB))


def test_a_blob_comes_once_and_whole(server: ObjectServer, store: BundleStore) -> None:
    server.serve = [answer()]
    bringing = Bringing(server, store)
    bringing.bring()
    assert store.holds(DIGEST, len(BLOB))
    assert sum(bringing.moved) == len(BLOB)
    assert not store.partial(DIGEST).exists()


@pytest.mark.parametrize("there", [1, 1000, len(BLOB) - 1, len(BLOB)])
def test_what_is_there_is_not_fetched_again(server: ObjectServer, store: BundleStore, there: int) -> None:
    store.partial(DIGEST).write_bytes(BLOB[:there])
    server.serve = [answer()]
    bringing = Bringing(server, store)
    bringing.bring()
    assert store.holds(DIGEST, len(BLOB))
    assert sum(bringing.moved) == len(BLOB) - there
    assert server.asked == ([there] if there < len(BLOB) else [])


@pytest.mark.parametrize("rot", [b"\x00" * 5000, BLOB + b"more", b"x" * len(BLOB)])
def test_what_was_spoilt_there_is_fetched_anew(server: ObjectServer, store: BundleStore, rot: bytes) -> None:
    store.partial(DIGEST).write_bytes(rot)
    server.serve = [answer()]
    Bringing(server, store).bring()
    assert store.holds(DIGEST, len(BLOB))


def test_a_server_that_knows_no_ranges_gives_the_whole(server: ObjectServer, store: BundleStore) -> None:
    store.partial(DIGEST).write_bytes(BLOB[:1000])
    server.serve = [answer(ranges=False)]
    bringing = Bringing(server, store)
    bringing.bring()
    assert store.holds(DIGEST, len(BLOB))
    assert sum(bringing.moved) == len(BLOB) - 1000


def test_after_a_cut_the_rest_comes(server: ObjectServer, store: BundleStore) -> None:
    server.serve = [answer(BLOB[:40_000], says=len(BLOB)), answer()]
    bringing = Bringing(server, store)
    with pytest.raises(CloudUnreachableError):
        bringing.bring()
    bringing.bring()
    assert server.asked == [0, 40_000]
    assert sum(bringing.moved) == len(BLOB)
    assert store.holds(DIGEST, len(BLOB))


LIES: dict[str, tuple[Serve, type[RoostError]]] = {
    "other bytes": (answer(b"x" * len(BLOB)), LyingServerError),
    "more": (answer(BLOB + b"x"), LyingServerError),
    "more than it says": (unending, LyingServerError),
    "fewer": (answer(BLOB[:-1]), LyingServerError),
    "another part": (answer(shift=7), LyingServerError),
    "a part of another": (answer(shift=0, whole=5), LyingServerError),
    "a redirect": (status(302, Location="http://127.0.0.1:9/"), CloudAnswerError),
    "a part without a word": (status(206), CloudAnswerError),
    "nothing": (status(204), CloudAnswerError),
    "no such thing": (status(404), CloudRefusedError),
    "an expired URL": (status(403), UrlExpiredError),
    "shorter than that": (status(416), LyingServerError),
    "not now": (status(503, Retry_After="7"), CloudFailedError),
}


# The whole is no part: that lie takes something to go on from.
@pytest.mark.parametrize(
    ("lie", "there"), [(lie, there) for lie in LIES for there in (0, 1000) if there or lie != "a part of another"]
)
def test_no_lie_becomes_a_blob(server: ObjectServer, store: BundleStore, lie: str, there: int) -> None:
    if there:
        store.partial(DIGEST).write_bytes(BLOB[:there])
    serve, error = LIES[lie]
    server.serve = [serve]
    with pytest.raises(error) as caught:
        Bringing(server, store).bring()
    assert not store.holds(DIGEST, len(BLOB))
    partial = store.partial(DIGEST)
    assert not partial.exists() or partial.stat().st_size <= len(BLOB), "no more is kept than was asked for"
    assert "127.0.0.1:9" not in str(caught.value)
    server.serve = [answer()]
    Bringing(server, store).bring()
    assert store.holds(DIGEST, len(BLOB)), "the truth comes after it"


def test_retry_after_is_told(server: ObjectServer, store: BundleStore) -> None:
    server.serve = [status(503, Retry_After="7")]
    with pytest.raises(CloudFailedError) as caught:
        Bringing(server, store).bring()
    assert caught.value.retry_after_s == 7


def test_a_trickle_is_given_up(server: ObjectServer, store: BundleStore) -> None:
    server.serve = [trickling]
    with pytest.raises(SlowDownloadError):
        Bringing(server, store, FastClock()).bring()
    assert store.partial(DIGEST).stat().st_size < 200, "before its end"


def test_nothing_is_waited_for_longer_than_asked(server: ObjectServer, store: BundleStore) -> None:
    server.serve = [answer()]
    bringing = Bringing(server, store)
    bringing.downloads._bucket = TokenBucket(10_000)
    bringing.bring()
    assert max(bringing.waited) <= len(BLOB) / 10_000 + 1
    assert sum(one > 0 for one in bringing.waited) > 50


def test_whoever_is_not_wanted_any_more_stops(server: ObjectServer, store: BundleStore) -> None:
    server.serve = [answer()]
    bringing = Bringing(server, store)

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    bringing.downloads._wait = stop
    with pytest.raises(KeyboardInterrupt):
        bringing.bring()
    assert 0 < store.partial(DIGEST).stat().st_size <= len(BLOB), "what came stays"


def test_a_disk_that_refuses_is_named(server: ObjectServer, store: BundleStore) -> None:
    server.serve = [answer()]
    store.partial(DIGEST).mkdir()
    with pytest.raises(StoreUnwritableError, match="partial"):
        Bringing(server, store).bring()
