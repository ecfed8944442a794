"""Whatever a client sends, an HTTP connection answers in HTTP, goes on or ends."""

import re

from hypothesis import given
from hypothesis import strategies as st

from roost_edge.http import Response
from roost_edge.http.talk import HttpTalk

OK = Response(200, {"content-type": "text/plain"}, b"fine")
GET = b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"

garbage = st.binary(max_size=80) | st.sampled_from([b"\r\n", b"", POST[:30], b"GET / HTTP/1.0\r\n\r\n"])


def serve(pieces: list[bytes]) -> tuple[list[bytes], list[int]]:
    """Feed a talk that answers all; the targets it served, and the statuses it sent."""
    talk = HttpTalk("10.0.0.9", admit=lambda _: None, room=lambda _: True, note=lambda *_: None)
    bodies, sent = [], b""
    for piece in pieces:
        request = talk.receive(piece)
        while request is not None:
            bodies.append(bytes(request.body))
            talk.respond(OK)
            request = talk.resume()
        sent += talk.outgoing()
        if talk.stage == "closing" or not piece:
            break
    return bodies, [int(status) for status in re.findall(rb"HTTP/1.1 (\d+) ", sent)]


@given(st.lists(garbage | st.sampled_from([GET, POST]), max_size=8))
def test_whatever_comes_is_answered_in_http(pieces: list[bytes]) -> None:
    bodies, statuses = serve(pieces)
    assert statuses.count(200) == len(bodies)
    assert set(statuses[len(bodies) :]) <= {400, 411, 431, 501, 505}


@given(st.lists(st.sampled_from([GET, POST]), min_size=1, max_size=6), st.data())
def test_requests_are_the_same_however_the_stream_is_cut(requests: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(requests)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream) - 1), max_size=10)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    bodies, statuses = serve(pieces)
    assert bodies == [b"" if request == GET else b"body" for request in requests]
    assert statuses == [200] * len(requests)
