"""What is refused before anybody knows whose it is: bodies too large, too slow, or too many at once."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from roost_cloud.api.traffic import BodyLimit, BodyLimits

LIMITS = BodyLimits(
    named_bytes=100,
    nameless_bytes=10,
    nameless_paths=("/enrol",),
    exempt_paths=("/objects/",),
    large_at_once=2,
    timeout_s=0.05,
)


class Route:
    """Takes bodies, and answers when it may."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.arrivals: asyncio.Queue[None] = asyncio.Queue()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        self.bodies.append((await receive())["body"])
        self.arrivals.put_nowait(None)
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


async def ask(
    limit: BodyLimit, path: str, parts: Iterable[bytes], *, named: bool = False, ends: bool = True
) -> tuple[int, str, dict[bytes, bytes]]:
    """Send a body by parts; status, code and headers of the answer."""
    parts = list(parts)
    messages: list[Message] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages[-1]["more_body"] = not ends
    answers: list[Any] = []

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    async def send(message: Message) -> None:
        answers.append(message)

    headers = [(b"authorization", b"Bearer made-up")] if named else []
    await limit({"type": "http", "path": path, "headers": headers}, receive, send)
    body = json.loads(answers[1]["body"])
    return answers[0]["status"], body.get("error", {}).get("code", ""), dict(answers[0]["headers"])


@pytest.mark.parametrize(
    ("path", "named", "size_bytes", "status"),
    [
        pytest.param("/tokens", False, 10, 200, id="nameless"),
        pytest.param("/tokens", False, 11, 413, id="nameless-too-large"),
        pytest.param("/tokens", True, 100, 200, id="named"),
        pytest.param("/tokens", True, 101, 413, id="named-too-large"),
        pytest.param("/enrol", True, 11, 413, id="named-where-nobody-is"),
        pytest.param("/objects/x", False, 1000, 200, id="exempt"),
    ],
)
def test_a_body_may_be_as_large_as_its_sender_deserves(
    path: str, *, named: bool, size_bytes: int, status: int
) -> None:
    async def check() -> None:
        route = Route()
        found, code, headers = await ask(BodyLimit(route, LIMITS), path, [bytes(size_bytes)], named=named)
        assert (found, code) == (status, "" if status == 200 else "request.too_large")
        assert route.bodies == ([bytes(size_bytes)] if status == 200 else [])
        assert (headers.get(b"connection") == b"close") == (status != 200)

    asyncio.run(check())


def test_a_body_that_does_not_end_is_given_up() -> None:
    async def check() -> None:
        route = Route()
        status, code, headers = await ask(BodyLimit(route, LIMITS), "/enrol", [b"{"], ends=False)
        assert (status, code, headers[b"connection"]) == (408, "request.too_slow", b"close")
        assert route.bodies == []

    asyncio.run(check())


def test_a_route_may_take_longer_than_its_body() -> None:
    async def check() -> None:
        route = Route()
        route.may_answer.clear()
        asyncio.get_running_loop().call_later(2 * LIMITS.timeout_s, route.may_answer.set)
        assert (await ask(BodyLimit(route, LIMITS), "/tokens", [b"{}"]))[0] == 200

    asyncio.run(check())


def test_large_bodies_are_held_a_few_at_a_time() -> None:
    async def check() -> None:
        route = Route()
        route.may_answer.clear()
        limit = BodyLimit(route, LIMITS)
        held = [asyncio.create_task(ask(limit, "/bundles", [bytes(11)], named=True)) for _ in range(2)]
        for _ in held:
            await route.arrivals.get()
        status, code, headers = await ask(limit, "/bundles", [bytes(9), bytes(2)], named=True)
        assert (status, code, headers[b"retry-after"]) == (503, "request.busy", b"2")
        route.may_answer.set()
        assert (await ask(limit, "/bundles", [bytes(10)], named=True))[0] == 200
        assert [answer[0] for answer in await asyncio.gather(*held)] == [200, 200]
        assert (await ask(limit, "/bundles", [bytes(11)], named=True))[0] == 200

    asyncio.run(check())
