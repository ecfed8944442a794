"""An application whose answers go wrong where a test says so."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fastapi import FastAPI, Response
from starlette.types import Message, Receive, Scope, Send

__all__ = ["Fault", "FaultyApp"]


@dataclass
class Fault:
    """What goes wrong with the next requests that match.

    Args:
        what: of a request's method and path, a regular expression.
        status: answer with that instead of asking the application; None: carry it out, and then lose the answer.
        headers: of that answer.
        body: of that answer.
        times: so often.
    """

    what: str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    times: int = 1


class FaultyApp:
    """Passes requests on to `app`, and notes them.

    Args:
        app: the application.
        cut: ends all connections, for an answer to be lost.

    Attributes:
        faults: that are still to happen.
        seen: method and path of every request that reached the application.
    """

    def __init__(self, app: FastAPI, cut: Callable[[], None]) -> None:
        self._app = app
        self._cut = cut
        self.faults: list[Fault] = []
        self.seen: list[str] = []

    def count(self, what: str) -> int:
        """How many requests that match reached the application."""
        return sum(re.search(what, one) is not None for one in self.seen)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = f"{scope['method']} {scope['path']}"
        fault = next((one for one in self.faults if one.times and re.search(one.what, asked)), None)
        if fault is not None:
            fault.times -= 1
        if fault is not None and fault.status is not None:
            await Response(fault.body, fault.status, dict(fault.headers))(scope, receive, send)
            return
        self.seen.append(asked)
        if fault is None:
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []

        async def hold(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, hold)
        self._cut()
        for message in messages:  # to nobody
            await send(message)
