"""External state: the latest value of a topic, stamped on each request once and seen alike by all contestants."""

from collections.abc import Iterable
from typing import Final

import msgspec

from roost_edge.complaints import Complaints
from roost_edge.desk import Task

__all__ = ["Injection"]

VALUE_LIMIT_BYTES: Final = 16_384  # a value rides along with every question to a worker


class Injection:
    """Keeps the tasks' external state up to date.

    Args:
        complaints: where unusable values are counted.
    """

    def __init__(self, complaints: Complaints) -> None:
        self._complaints = complaints
        self._wanted: dict[str, list[tuple[Task, str]]] = {}

    def want(self, task: Task, name: str, topic: str) -> None:
        """Stamp the latest value of `topic` as `name` on requests of `task`."""
        self._wanted.setdefault(topic, []).append((task, name))

    @property
    def topics(self) -> Iterable[str]:
        """The topics to subscribe to."""
        return self._wanted.keys()

    def receive(self, topic: str, payload: bytes) -> bool:
        """Take a message; False if no task wants its topic. Values are JSON, or plain text where they are none."""
        wanted = self._wanted.get(topic)
        if wanted is None:
            return False
        if len(payload) > VALUE_LIMIT_BYTES:
            self._complaints.note("inject.too_large", f"{topic}: {len(payload)} bytes; at most {VALUE_LIMIT_BYTES}")
            return True
        try:
            value = msgspec.json.decode(payload)
        except msgspec.DecodeError:
            try:
                value = payload.decode()
            except UnicodeDecodeError:
                self._complaints.note("inject.invalid", f"{topic}: neither JSON nor text")
                return True
        for task, name in wanted:
            task.inject[name] = value
        return True
