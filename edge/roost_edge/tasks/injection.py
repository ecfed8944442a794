"""External state: the latest value of a topic, stamped on each request once and seen alike by all contestants."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from roost_edge.tasks.task import Task
from roost_shared.complaints import Complaints

__all__ = ["Injection"]

VALUE_LIMIT_BYTES: Final = 16_384  # a value rides along with every question to a worker
MAX_DEPTH: Final = 8  # of lists and objects in each other
TOO_DEEP: Final = f"lists and objects are nested more than {MAX_DEPTH} deep"
INTEGERS: Final = range(-(2**63), 2**64)  # what JSON's readers, and MessagePack, take


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
        if not payload:  # a retained value was cleared
            for task, name in wanted:
                task.inject.pop(name, None)
            return True
        try:
            value = _read_value(payload)
        except ValueError as error:
            self._complaints.note("inject.invalid", f"{topic}: {error}")
            return True
        for task, name in wanted:
            task.inject[name] = value
        return True


def _read_value(payload: bytes) -> Any:
    """What a payload says, such that it can be sent on.

    Raises:
        ValueError: it says nothing, or what an answer or a worker could not be told.
    """
    try:
        value = msgspec.json.decode(payload)
    except msgspec.DecodeError:
        return payload.decode()  # UnicodeDecodeError is a ValueError
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    _check_sendable(value, MAX_DEPTH)
    return value


def _check_sendable(value: Any, depth: int) -> None:
    if isinstance(value, int) and value not in INTEGERS:
        raise ValueError("an integer has more than 64 bits")
    if isinstance(value, list | dict):
        if not depth:
            raise ValueError(TOO_DEEP)
        for part in value.values() if isinstance(value, dict) else value:
            _check_sendable(part, depth - 1)
