"""One connection's HTTP as bytes in and bytes out."""

import re

import pytest

from roost_edge.http import Head, Request, Response, refusal
from roost_edge.http.talk import HEAD_BYTES, HttpTalk

OK = Response(200, {"content-type": "text/plain"}, b"fine")
POST = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
GET = b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n"


class Rig:
    """A talk, and what it noted."""

    def __init__(self, refused: Response | None = None, room_bytes: int = 1 << 20) -> None:
        self.heads: list[Head] = []
        self.noted: list[str] = []
        self.refused = refused
        self.talk = HttpTalk(
            "10.0.0.9",
            admit=self._admit,
            room=lambda more: self.talk.kept_bytes + more <= room_bytes,
            note=lambda code, _: self.noted.append(code),
        )

    def _admit(self, head: Head) -> Response | None:
        self.heads.append(head)
        return self.refused

    def statuses(self) -> list[int]:
        return [int(status) for status in re.findall(rb"HTTP/1.1 (\d+) ", self.talk.outgoing())]


def test_a_request_is_whole_however_it_is_cut() -> None:
    rig = Rig()
    whole = [rig.talk.receive(POST[place : place + 1]) for place in range(len(POST))]
    assert whole[:-1] == [None] * (len(POST) - 1)
    request = whole[-1]
    assert isinstance(request, Request)
    assert (request.head.method, request.head.target, request.head.host) == ("POST", "/a", "10.0.0.9")
    assert bytes(request.body) == b"body"


def test_stages_follow_what_is_waited_for() -> None:
    rig = Rig()
    stages = [rig.talk.stage]
    for piece in (POST[:10], POST[10:-2], POST[-2:]):
        rig.talk.receive(piece)
        stages.append(rig.talk.stage)
    rig.talk.respond(OK)
    assert [*stages, rig.talk.stage] == ["idle", "head", "body", "answering", "idle"]


def test_a_connection_serves_one_request_after_the_other_and_pipelined_ones_wait() -> None:
    rig = Rig()
    assert rig.talk.receive(POST + GET + GET[:5]) is not None
    assert rig.talk.has_more
    assert rig.talk.receive(GET[5:]) is None, "the first is not answered yet"
    for _ in range(2):
        rig.talk.respond(OK)
        request = rig.talk.resume()
        assert request is not None
        assert request.head.target == "/b"
    rig.talk.respond(OK)
    assert rig.statuses() == [200, 200, 200]
    assert not rig.talk.has_more


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"GET / HTTP/1.0\r\n\r\n", id="1.0"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", id="close"),
    ],
)
def test_a_client_that_wants_one_response_gets_one(request_bytes: bytes) -> None:
    rig = Rig()
    assert rig.talk.receive(request_bytes) is not None
    rig.talk.respond(OK)
    assert rig.talk.stage == "closing"
    assert b"connection: close" in rig.talk.outgoing().lower()


def test_a_head_request_gets_the_head_of_the_response() -> None:
    rig = Rig()
    rig.talk.receive(b"HEAD /b HTTP/1.1\r\nHost: x\r\n\r\n")
    rig.talk.respond(OK)
    sent = rig.talk.outgoing()
    assert b"content-length: 4" in sent
    assert sent.endswith(b"\r\n\r\n")
    assert rig.talk.stage == "idle"


def test_a_client_that_asks_first_is_told_to_go_on_or_not() -> None:
    asking = POST[:-4].replace(b"Host: x", b"Host: x\r\nExpect: 100-continue")
    willing = Rig()
    willing.talk.receive(asking)
    assert willing.statuses() == [100]
    unwilling = Rig(refusal(413, "a.b", "no"))
    unwilling.talk.receive(asking)
    assert unwilling.statuses() == [413]
    assert unwilling.talk.stage == "closing"


def test_a_refused_request_without_a_body_leaves_the_connection_and_one_with_a_body_ends_it() -> None:
    rig = Rig(refusal(404, "a.b", "no"))
    rig.talk.receive(GET)
    assert (rig.statuses(), rig.talk.stage) == ([404], "idle")
    rig.talk.receive(POST)
    assert (rig.statuses(), rig.talk.stage) == ([404], "closing")
    assert rig.talk.kept_bytes == 0


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        pytest.param(b"\x16\x03\x01\x02\x00", 400, "http.malformed", id="TLS"),
        pytest.param(GET.replace(b"1.1", b"2.0"), 505, "http.version", id="HTTP/2"),
        pytest.param(b"GET\r\n\r\n", 400, "http.malformed", id="no target"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, "http.malformed", id="no host"),
        pytest.param(GET.replace(b"Host: x", b"Host: x\r\nA b: c"), 400, "http.malformed", id="header name"),
        pytest.param(POST.replace(b": 4", b": four"), 400, "http.malformed", id="length in words"),
        pytest.param(POST.replace(b": 4", b": -4"), 400, "http.malformed", id="length below 0"),
        pytest.param(POST.replace(b": 4", b": 4\r\nContent-Length: 5"), 400, "http.malformed", id="two lengths"),
        pytest.param(POST.replace(b": 4", b": " + b"9" * 30), 400, "http.malformed", id="length beyond all"),
        pytest.param(
            GET.replace(b"Host: x", b"Host: x\r\nTransfer-Encoding: chunked"), 411, "http.length_required", id="chunks"
        ),
        pytest.param(
            GET.replace(b"Host: x", b"Host: x\r\nTransfer-Encoding: gzip"), 501, "http.malformed", id="encoded"
        ),
        pytest.param(b"GET / HTTP/1.1\r\nA: " + b"x" * HEAD_BYTES, 431, "http.head_too_large", id="huge header"),
        pytest.param(b"GET /" + b"x" * HEAD_BYTES, 431, "http.head_too_large", id="huge target"),
    ],
)
def test_what_is_no_http_is_refused_by_name(data: bytes, status: int, code: str) -> None:
    rig = Rig()
    assert rig.talk.receive(data) is None
    assert (rig.statuses(), rig.noted, rig.talk.stage) == ([status], [code], "closing")


@pytest.mark.parametrize("sent", [b"", POST[:10], POST[:-1], POST])
def test_the_end_of_the_stream_ends_the_connection(sent: bytes) -> None:
    rig = Rig()
    rig.talk.receive(sent) if sent else None
    if rig.talk.stage != "answering":
        rig.talk.receive(b"")
        assert rig.talk.stage == "closing"
        assert rig.statuses() == ([400] if sent else [])


def test_bodies_beyond_the_room_there_is_are_refused() -> None:
    rig = Rig(room_bytes=100)
    rig.talk.receive(POST.replace(b": 4", b": 200") + bytes(80))
    assert rig.talk.kept_bytes == 84
    rig.talk.receive(bytes(50))
    assert (rig.statuses(), rig.noted, rig.talk.kept_bytes) == ([503], ["http.busy"], 0)
