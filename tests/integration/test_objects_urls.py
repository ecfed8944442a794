"""The signed URLs of the `file://` store: who alters one or comes late gets nothing, who keeps to it all it says."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from fastapi import FastAPI

from roost_cloud.api.objects import objects_router
from roost_cloud.objects import PART_BYTES, StoredPart
from roost_cloud.objects.signing import Grant, UrlSigner
from tests.support.objects import FileObjects

KEY = "acme/blobs/sha256/0a1b"


def code_of(body: bytes) -> str:
    code: str = msgspec.json.decode(body)["error"]["code"]
    return code


def test_an_expired_url_is_refused(file_objects: FileObjects) -> None:
    file_objects.store.put(KEY, b"x")
    get = file_objects.store.get_url(KEY, expires_s=60)
    put = file_objects.store.put_url(KEY, 1, expires_s=60)
    file_objects.clock.ahead = timedelta(seconds=58)
    assert file_objects.fetch(get).status == 200
    file_objects.clock.ahead = timedelta(seconds=61)
    for method, url in (("GET", get), ("PUT", put)):
        response = file_objects.http.request(method, url, body=b"y" if method == "PUT" else None)
        assert (response.status, code_of(response.data)) == (403, "objects.url_expired")
    assert file_objects.read(KEY) == b"x"


@pytest.mark.parametrize(
    "alter",
    [
        lambda url: url.replace("/acme/", "/zeta/"),
        lambda url: url.replace("0a1b", "0a1c"),
        lambda url: url.replace("/acme/", "/acme/../zeta/"),
        lambda url: url.replace("expires=", "expires=9"),
        lambda url: url.replace("size=5", "size=6"),
        lambda url: url.replace("part=1", "part=2"),
        lambda url: url.replace("&part=1", ""),
        lambda url: url.replace("upload=", "upload=0"),
        lambda url: url[: url.index("&upload=")] + url[url.index("&signature=") :],
        lambda url: url[:-1] + ("0" if url[-1] != "0" else "1"),
        lambda url: url[: url.index("signature=")] + "signature=",
        lambda url: url[:-1] + "é",
    ],
)
def test_an_altered_url_is_refused_and_nothing_is_kept(file_objects: FileObjects, alter: Callable[[str], str]) -> None:
    upload = file_objects.store.begin_upload(KEY, 5)
    url = file_objects.store.part_url(upload, 1, expires_s=60)
    altered = alter(url)
    assert altered != url
    for size_bytes in (5, 6):
        response = file_objects.http.request("PUT", altered, body=b"x" * size_bytes)
        assert (response.status, code_of(response.data)) == (403, "objects.url_forged")
    assert file_objects.store.list_parts(upload) == []
    assert file_objects.keys() == []
    assert file_objects.send(url, b"x" * 5) == 200


def test_a_url_is_for_its_method(file_objects: FileObjects) -> None:
    file_objects.store.put(KEY, b"x")
    get = file_objects.store.get_url(KEY, expires_s=60)
    assert file_objects.http.request("PUT", get + "&size=1", body=b"y").status == 403
    put = file_objects.store.put_url(KEY, 1, expires_s=60)
    assert file_objects.fetch(put).status == 403
    for method in ("POST", "DELETE", "HEAD", "PATCH"):
        assert file_objects.http.request(method, get).status == 405
    assert file_objects.read(KEY) == b"x"


def test_a_signature_is_ours_only_with_our_secret(file_objects: FileObjects) -> None:
    file_objects.store.put(KEY, b"x")
    url = urlsplit(file_objects.store.get_url(KEY, expires_s=60))
    grant = Grant("GET", KEY, int(parse_qs(url.query)["expires"][0]))
    assert UrlSigner(b"s" * 32, f"{url.scheme}://{url.netloc}").url(grant) == url.geturl()
    other = UrlSigner(b"t" * 32, f"{url.scheme}://{url.netloc}").url(grant)
    assert file_objects.fetch(other).status == 403


@pytest.mark.parametrize(
    "query", ["", "?expires=1", "?signature=x", "?expires=x&signature=x", "?expires=-1&signature=x"]
)
def test_a_url_without_its_parameters_is_refused(file_objects: FileObjects, query: str) -> None:
    url = file_objects.store.get_url(KEY, expires_s=60).partition("?")[0] + query
    assert file_objects.fetch(url).status == 422


@pytest.mark.parametrize("size_bytes", [0, 4, 6])
def test_a_body_of_another_size_is_refused_and_nothing_is_kept(file_objects: FileObjects, size_bytes: int) -> None:
    upload = file_objects.store.begin_upload(KEY, 5)
    for url in (
        file_objects.store.part_url(upload, 1, expires_s=60),
        file_objects.store.put_url(KEY, 5, expires_s=60),
    ):
        response = file_objects.http.request("PUT", url, body=b"x" * size_bytes)
        assert (response.status, code_of(response.data)) == (422, "objects.size_mismatch")
    assert file_objects.store.list_parts(upload) == []
    assert file_objects.keys() == []


@pytest.mark.parametrize("size_bytes", [0, 4, 6, 3 << 20])
def test_a_body_of_unknown_length_is_measured_as_it_comes(file_objects: FileObjects, size_bytes: int) -> None:
    upload = file_objects.store.begin_upload(KEY, 5)
    url = file_objects.store.part_url(upload, 1, expires_s=60)
    pieces = iter([b"x" * min(1000, size_bytes - start) for start in range(0, size_bytes, 1000)])
    response = file_objects.http.request("PUT", url, body=pieces)
    assert (response.status, code_of(response.data)) == (422, "objects.size_mismatch")
    assert file_objects.store.list_parts(upload) == []
    assert file_objects.http.request("PUT", url, body=iter([b"pa", b"rts"])).status == 200
    assert file_objects.store.list_parts(upload) == [StoredPart(1, 5)]


def test_what_is_fetched_is_no_page_of_ours(file_objects: FileObjects) -> None:
    """Else an uploaded page would run in the dashboard's name."""
    file_objects.store.put(KEY, b"<script>")
    headers = file_objects.fetch(file_objects.store.get_url(KEY, expires_s=60)).headers
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"] == "attachment"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "bytes=5-4", "bytes=-", "lines=1-2", "bytes=x-"])
def test_a_range_we_do_not_understand_is_the_whole(file_objects: FileObjects, asked: str) -> None:
    file_objects.store.put(KEY, b"0123456789")
    response = file_objects.fetch(file_objects.store.get_url(KEY, expires_s=60), asked)
    assert (response.status, response.data) == (200, b"0123456789")


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-20", "bytes=-0", f"bytes={'9' * 19}-"])
def test_a_range_that_has_no_bytes_says_how_many_there_are(file_objects: FileObjects, asked: str) -> None:
    file_objects.store.put(KEY, b"0123456789")
    response = file_objects.fetch(file_objects.store.get_url(KEY, expires_s=60), asked)
    assert (response.status, code_of(response.data)) == (416, "objects.range")
    assert response.headers["Content-Range"] == "bytes */10"


def test_a_range_under_a_condition_is_the_whole(file_objects: FileObjects) -> None:
    """We give no validators, so nobody can know that it is still the same object."""
    file_objects.store.put(KEY, b"0123456789")
    headers = {"Range": "bytes=2-3", "If-Range": '"something"'}
    response = file_objects.http.request("GET", file_objects.store.get_url(KEY, expires_s=60), headers=headers)
    assert (response.status, response.data) == (200, b"0123456789")


def test_an_object_replaced_while_it_is_sent_is_sent_as_it_was(file_objects: FileObjects) -> None:
    old, new = b"a" * (4 * PART_BYTES), b"b" * (4 * PART_BYTES)
    file_objects.store.put(KEY, old)
    url = file_objects.store.get_url(KEY, expires_s=60)
    response = file_objects.http.request("GET", url, preload_content=False)
    first = response.read(1000)
    file_objects.store.put(KEY, new)
    assert first + response.read() == old
    response.release_conn()
    assert file_objects.fetch(url, "bytes=0-3").data == b"bbbb"


def test_the_routes_say_what_they_take_and_answer(file_objects: FileObjects) -> None:
    app = FastAPI()
    app.include_router(objects_router(lambda: file_objects.store))
    routes = app.openapi()["paths"]["/api/v1/objects/{key}"]
    assert {"200", "206", "403", "404", "416", "422", "507"} <= set(routes["get"]["responses"])
    assert {"200", "403", "404", "422", "507"} <= set(routes["put"]["responses"])
    assert "application/octet-stream" in routes["put"]["requestBody"]["content"]
    assert {"store"}.isdisjoint(parameter["name"] for parameter in routes["put"]["parameters"])
