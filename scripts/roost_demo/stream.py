"""Sends pictures to the devices at a steady rate, one under way on each, and hands on what became of them."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from roost_shared.messages import Answer
from scripts.roost_demo.outcomes import Outcome
from scripts.roost_demo.pictures import Picture
from scripts.roost_demo.sensor import Sensor

__all__ = ["Stream"]

_TICK_S: Final = 0.004  # answers are clocked where they are read, not here


class Stream:
    """One lane of pictures for each device.

    A picture unanswered after `patience_s` is lost, and its lane ends there: without answers to count on, nothing
    would tell which input a later answer belongs to.

    Args:
        sensors: one for each device.
        pictures: what to send, without end.
        patience_s: how long to wait for an answer.
        on_outcome: called with each outcome, in the order of their ends.
    """

    def __init__(
        self,
        sensors: Sequence[Sensor],
        pictures: Iterator[Picture],
        patience_s: float,
        on_outcome: Callable[[Outcome], None],
    ) -> None:
        self._lanes = [_Lane(sensor, pictures, patience_s, on_outcome) for sensor in sensors]

    def run(
        self,
        act: int,
        seconds: float,
        rate: float,
        meanwhile: Callable[[], None],
        *,
        is_enough: Callable[[], bool] | None = None,
        longer_s: float = 0.0,
    ) -> None:
        """Send pictures for `seconds`, then wait until the last is answered or lost.

        Args:
            act: number that the outcomes carry.
            seconds: how long to send.
            rate: pictures a second on each device; fewer are sent where answers take longer.
            meanwhile: called every few milliseconds; must return soon.
            is_enough: while it does not hold, sending goes on, but not
            longer_s: for more than so many seconds.
        """
        end_s = time.monotonic() + seconds
        sends = True
        while sends or any(lane.is_busy for lane in self._lanes):
            now_s = time.monotonic()
            waits = is_enough is not None and now_s < end_s + longer_s and not is_enough()
            sends = sends and (now_s < end_s or waits)
            for lane in self._lanes:
                lane.step(act, now_s, 1 / rate, may_send=sends)
            meanwhile()
            time.sleep(_TICK_S)


class _Lane:
    def __init__(
        self,
        sensor: Sensor,
        pictures: Iterator[Picture],
        patience_s: float,
        on_outcome: Callable[[Outcome], None],
    ) -> None:
        self._sensor = sensor
        self._pictures = pictures
        self._patience_s = patience_s
        self._on_outcome = on_outcome
        self._under_way: tuple[int, Picture] | None = None
        self._next_s = 0.0
        self._is_over = False

    @property
    def is_busy(self) -> bool:
        return self._under_way is not None

    def step(self, act: int, now_s: float, interval_s: float, *, may_send: bool) -> None:
        answered = self._sensor.poll()
        if self._under_way is None:
            if may_send and not self._is_over and now_s >= self._next_s:
                self._send(act, now_s, interval_s)
        elif answered is not None:
            self._end(*self._under_way, *answered)
        elif self._sensor.waited_s() > self._patience_s:
            self._is_over = True
            self._end(*self._under_way, None, None)

    def _send(self, act: int, now_s: float, interval_s: float) -> None:
        # Keep to the beat, but never make up for time lost.
        self._next_s = max(self._next_s + interval_s, now_s)
        self._under_way = (act, self._sensor.look(next(self._pictures)))
        self._sensor.send(self._under_way[1])

    def _end(self, act: int, picture: Picture, answer: Answer | None, round_trip_ms: float | None) -> None:
        self._under_way = None
        self._on_outcome(Outcome(self._sensor.device, act, picture, answer, round_trip_ms, time.monotonic()))
