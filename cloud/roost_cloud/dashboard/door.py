"""Where the application meets the dashboard, which is loaded when the first page is asked for.

NiceGUI takes a second and 60 MB to load: no process pays for it that nobody looks at. It is one a process, whatever
the number of applications; each application's gate says whose pages it serves.
"""

import asyncio
from contextlib import AsyncExitStack

from starlette.types import ASGIApp, Receive, Scope, Send

from roost_cloud.services import Services

__all__ = ["Door"]


class Door:
    """An ASGI application.

    Args:
        services: of the process.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._behind: ASGIApp | None = None
        self._opening = asyncio.Lock()
        self._running = AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if self._behind is None:
            async with self._opening:
                if self._behind is None:
                    self._behind = await self._open()
        await self._behind(scope, receive, send)

    async def _open(self) -> ASGIApp:
        gate, house = await asyncio.to_thread(_load)
        await self._running.enter_async_context(house.router.lifespan_context(house))
        return gate(house, self._services)  # type: ignore[no-any-return]  # imported late

    async def close(self) -> None:
        """End what runs behind it, if it was ever opened."""
        await self._running.aclose()
        self._behind = None


def _load():  # type: ignore[no-untyped-def]  # noqa: ANN202 - what it gives is imported here
    from roost_cloud.dashboard.gate import Gate  # noqa: PLC0415 - see above
    from roost_cloud.dashboard.house import make_house  # noqa: PLC0415 - see above

    return Gate, make_house()
