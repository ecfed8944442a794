"""The stream: one picture under way on each device, and none forgotten."""

import itertools
from collections.abc import Iterator
from typing import Any, cast

from roost_shared.messages import Answer
from scripts.roost_demo.outcomes import Outcome
from scripts.roost_demo.pictures import Picture
from scripts.roost_demo.sensor import Sensor
from scripts.roost_demo.stream import Stream


class FakeSensor:
    """Answers each picture at the second look; the `deaf_from`-th and later ones never."""

    def __init__(self, deaf_from: int = 1_000) -> None:
        self.device = "cam-01"
        self.sent: list[Picture] = []
        self._deaf_from = deaf_from
        self._looks = 0

    def look(self, picture: Picture) -> Picture:
        return picture

    def send(self, picture: Picture) -> None:
        self.sent.append(picture)
        self._looks = 0

    def poll(self) -> tuple[Any, float] | None:
        self._looks += 1
        answered = self._looks == 2 and 0 < len(self.sent) < self._deaf_from
        return (cast("Answer", object()), 1.0) if answered else None

    def waited_s(self) -> float:
        return self._looks / 100


def play(sensor: FakeSensor, *, seconds: float) -> list[Outcome]:
    outcomes: list[Outcome] = []
    stream = Stream([cast("Sensor", sensor)], numbered(), 0.05, outcomes.append)
    stream.run(1, seconds, 1e6, lambda: None)
    return outcomes


def numbered() -> Iterator[Picture]:
    return (Picture(b"", str(number)) for number in itertools.count())


def test_every_picture_sent_has_one_outcome_in_order() -> None:
    sensor = FakeSensor()
    outcomes = play(sensor, seconds=0.1)
    assert outcomes
    assert [one.picture for one in outcomes] == sensor.sent
    assert all(one.answer is not None and one.act == 1 for one in outcomes)


def test_after_a_lost_picture_the_lane_ends() -> None:
    sensor = FakeSensor(deaf_from=3)
    outcomes = play(sensor, seconds=0.2)
    assert [one.answer is None for one in outcomes] == [False, False, True]
    assert len(sensor.sent) == 3
