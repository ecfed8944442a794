"""A base, heads and a mark without models, for a crew that a test drives."""

from collections.abc import Mapping
from typing import Any

from roost_shared.limits import InputLimits
from roost_shared.scored import Scored

__all__ = ["FakeBase", "FakeHead", "FakeMark"]


class FakeMark:
    """Remembers what was said."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def set(self, number: int) -> None:
        self.numbers.append(number)


class FakeBase:
    """Counts its runs; its tensors and features are the payload. Raises `error`, if there is one."""

    def __init__(self, error: Exception | None = None) -> None:
        self.runs = 0
        self._error = error

    def prepare(
        self, payload: memoryview, *, content_type: str | None, inject: Mapping[str, Any], limits: InputLimits
    ) -> list[Any]:
        del content_type, inject, limits
        return [bytes(payload)]

    def run(self, prepared: list[Any]) -> list[Any]:
        self.runs += 1
        if self._error is not None:
            raise self._error
        return prepared


class FakeHead:
    """Says its name of the features, and `seen` remembers them in order over all heads that share it."""

    def __init__(self, name: str, seen: list[tuple[str, bytes]], error: Exception | None = None) -> None:
        self._name = name
        self._seen = seen
        self._error = error

    def score(self, features: list[Any]) -> Scored:
        self._seen.append((self._name, features[0]))
        if self._error is not None:
            raise self._error
        return Scored(self._name, 1.0, [])
