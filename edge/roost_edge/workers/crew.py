"""The heads on one base in a worker's process: who scores when.

- The first contestant a `Work` names scores at once, and its reply is on its way before any other head runs.
- Then the input is measured, if that is wanted and can be afforded: see `gauge`.
- The others score when no `Work` waits, one head at a time: a new input waits for one such head at most.
- At most `LATER_INPUTS` inputs wait for their other heads. Beyond that the oldest is given up, each of its heads
  failing with `worker.overloaded`: a device that cannot keep up drops what nobody waits for.

While a head runs, the mark says whose: see `running_mark`.
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from roost_edge.workers import protocol
from roost_edge.workers.describing import describe
from roost_edge.workers.gauge import Gauge
from roost_edge.workers.running_mark import NOBODY
from roost_shared.limits import InputLimits
from roost_shared.messages import ErrorInfo
from roost_shared.scored import Scored

__all__ = ["LATER_INPUTS", "Base", "Crew", "Head", "Mark", "Seat"]

LATER_INPUTS: Final = 16


class Base(Protocol):
    """A `pipeline.Base`, as far as it is used here: this module is imported before numpy and the runtime are."""

    def prepare(
        self, payload: memoryview, *, content_type: str | None, inject: Mapping[str, Any], limits: InputLimits
    ) -> list[Any]:
        """The tensors that models see, of one payload."""
        ...

    def run(self, prepared: list[Any]) -> list[Any]:
        """What the heads take, of these tensors."""
        ...


class Head(Protocol):
    """A `pipeline.Head`, as far as it is used here."""

    def score(self, features: list[Any]) -> Scored:
        """Score the features of one input."""
        ...


class Mark(Protocol):
    """Where it is said whose head runs."""

    def set(self, number: int) -> None:
        """Say that head `number`, counted from 1, runs from now on, or `NOBODY`."""
        ...


class Seat(NamedTuple):
    """A contestant's head, and the number the mark knows it by."""

    number: int
    head: Head


@dataclass(slots=True)
class _Later:
    """An input whose base has run and whose other heads have not."""

    sequence: int
    features: list[Any]
    contestants: deque[str]


class Crew:
    """Heads that share a base.

    Args:
        base: runs once for each input.
        seats: by contestant.
        mark: is told whose head runs.
        limits: of a payload.
        gauge: measures inputs; None: nobody wants to know.
    """

    def __init__(
        self, base: Base, seats: Mapping[str, Seat], mark: Mark, limits: InputLimits, gauge: Gauge | None = None
    ) -> None:
        self._base = base
        self._seats = seats
        self._mark = mark
        self._limits = limits
        self._gauge = gauge
        self._later: deque[_Later] = deque()

    @property
    def owes(self) -> bool:
        """Whether a head has yet to score; `catch_up` lets it."""
        return bool(self._later)

    def take(self, work: protocol.Work, payload: memoryview) -> Iterator[bytes]:
        """Run the base and the first head for one input; gives packets, each to be sent before the next is made."""
        started_ns = time.monotonic_ns()
        first, *others = work.contestants
        try:
            prepared = self._base.prepare(
                payload, content_type=work.content_type, inject=work.inject, limits=self._limits
            )
            prepared_ns = time.monotonic_ns()
            features = self._base.run(prepared)
        except Exception as error:  # noqa: BLE001 - the boundary of a job: the agent hears and counts it, we go on
            failure = describe(error)
            yield from (_failed(work.sequence, contestant, failure) for contestant in work.contestants)
            return
        packet = self._score(work.sequence, first, features, started_ns)
        scored_ns = time.monotonic_ns()
        yield packet
        if self._gauge is not None and self._gauge.budget.earn(scored_ns - prepared_ns, scored_ns):
            yield self._gauge.look(prepared, features)
        if not others:
            return
        self._later.append(_Later(work.sequence, features, deque(others)))
        if len(self._later) > LATER_INPUTS:
            given_up = self._later.popleft()
            overload = ErrorInfo(protocol.OVERLOADED, f"{LATER_INPUTS} newer inputs wait for this head")
            yield from (_failed(given_up.sequence, contestant, overload) for contestant in given_up.contestants)

    def catch_up(self) -> bytes:
        """Run the next head that is owed; gives its packet."""
        oldest = self._later[0]
        contestant = oldest.contestants.popleft()
        if not oldest.contestants:
            self._later.popleft()
        return self._score(oldest.sequence, contestant, oldest.features, time.monotonic_ns())

    def _score(self, sequence: int, contestant: str, features: list[Any], started_ns: int) -> bytes:
        try:
            seat = self._seats[contestant]
            self._mark.set(seat.number)
            scored = seat.head.score(features)
            took_us = (time.monotonic_ns() - started_ns) // 1000
            return protocol.encode(protocol.Done(sequence, contestant, scored, took_us))
        except Exception as error:  # noqa: BLE001 - the boundary of a job: the agent hears and counts it, we go on
            return _failed(sequence, contestant, describe(error))
        finally:
            self._mark.set(NOBODY)


def _failed(sequence: int, contestant: str, error: ErrorInfo) -> bytes:
    return protocol.encode(protocol.Failed(sequence, contestant, error))
