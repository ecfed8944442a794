"""A role for tests: takes what a link receives, in a thread."""

import threading
from collections.abc import Callable
from typing import Any

from roost_cloud.broker.link import BrokerLink
from roost_cloud.broker.message import Message
from roost_cloud.broker.settings import LinkSettings
from tests.support.waiting import until

__all__ = ["LinkReader"]


class LinkReader:
    """Started by the constructor.

    Args:
        acknowledge: whether to.
        hold: take nothing until released.
    """

    def __init__(self, url: str, *, acknowledge: bool = True, hold: bool = False, **settings: Any) -> None:
        self.messages: list[Message] = []
        self.link = BrokerLink(
            LinkSettings(**{"url": url, "client_id": "roost-cloud-test", **settings}), draw=lambda: 0.1
        )
        self._acknowledge = acknowledge
        self._released = threading.Event()
        if not hold:
            self._released.set()
        self._thread = threading.Thread(target=self._read, name="link-reader")
        self._thread.start()
        self.link.start()

    def release(self) -> None:
        self._released.set()

    def connected(self) -> None:
        self.until(lambda: self.link.connected, "connected")

    def disconnected(self) -> None:
        self.until(lambda: not self.link.connected, "disconnected")

    def wait_for(self, count: int) -> list[Message]:
        """Wait until that many messages were taken."""
        self.until(lambda: len(self.messages) >= count, f"{count} messages")
        return self.messages

    def until(self, condition: Callable[[], object], what: str) -> None:
        until(condition, what, otherwise=lambda: self.link.problem)

    def close(self) -> None:
        self.link.finish()
        self._released.set()
        self._thread.join(10)
        self.link.stop()

    def _read(self) -> None:
        self._released.wait()
        for batch in self.link.batches(100):
            self.messages.extend(batch)
            if self._acknowledge:
                self.link.acknowledge(batch)
