"""The embedded broker in a loop of its own, as the cloud runs it: with devices and the cloud fenced in."""

import asyncio
import threading
from collections.abc import Coroutine
from hashlib import sha256
from types import TracebackType
from typing import Any, Self

from roost_cloud.broker.access import CLOUD_USERNAME, Access, FleetAccess
from roost_cloud.broker.embedded import EmbeddedBroker
from roost_shared.errors import TransportError

__all__ = ["CLOUD_PASSWORD", "FleetBroker", "LookupFailedError"]

CLOUD_PASSWORD = "cloud-secret"


class LookupFailedError(TransportError):
    """The directory of passwords cannot be read just now."""

    code = "test.lookup"


class FleetBroker:
    """Started by the constructor, and a context manager that ends it; everybody's password is `secret of {username}`.

    Args:
        revoked: usernames that are let in no more; tests add to it.
        port: 0 for any free one.
    """

    def __init__(self, *, access: Access | None = None, port: int = 0) -> None:
        self.revoked: set[str] = set()
        self.lookup_fails = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fleet-broker")
        self._thread.start()
        self.broker = EmbeddedBroker(port, access or FleetAccess(self._lookup, CLOUD_PASSWORD))
        self.run(self.broker.start())
        self.port = self.broker.port

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return self.broker.url

    @property
    def cloud_url(self) -> str:
        """Its address with the cloud's credentials in it."""
        return self.url.replace("mqtt://", f"mqtt://{CLOUD_USERNAME}:{CLOUD_PASSWORD}@")

    @property
    def cloud(self) -> dict[str, Any]:
        """The cloud's credentials, for `MqttPeer` and `LinkSettings` alike."""
        return {"username": CLOUD_USERNAME, "password": CLOUD_PASSWORD}

    @staticmethod
    def password(username: str) -> str:
        return f"secret of {username}"

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run something in the broker's loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def retain(self, topic: str, payload: bytes) -> None:
        """Have a message retained, as if somebody had published it."""
        assert self.broker._broker is not None
        await self.broker._broker.retain_message(None, topic, payload, 1)

    @property
    def retained(self) -> set[str]:
        """Topics on which it keeps a message."""
        assert self.broker._broker is not None
        return set(self.broker._broker.retained_messages)

    def stop(self) -> None:
        """End it, and its loop."""
        if self._loop.is_closed():
            return
        self.run(self.broker.stop())
        self.run(self._cancel_rest())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _cancel_rest(self) -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        # A client that comes at the last moment has a transport, and may have no task yet; one that was cut is closed
        # by a callback that the loop shall still run.
        for transport in list(self._loop._transports.values()):  # type: ignore[attr-defined]  # a selector loop's
            transport.abort()
        for _ in range(3):
            await asyncio.sleep(0)

    def _lookup(self, username: str) -> str | None:
        if self.lookup_fails:
            raise LookupFailedError("no directory")
        return None if username in self.revoked else sha256(self.password(username).encode()).hexdigest()
