"""DESIGN.md section 4's own example, as a table of timelines."""

import pytest

from roost_shared.rendezvous import Contestant, Rule, TaskPolicy
from tests.support.timeline import FAILS, NO_LINK, Happening, play

POLICY = TaskPolicy(
    task="meter",
    contestants=(Contestant(name="primary"), Contestant(name="backup"), Contestant(name="cloud", where="cloud")),
    rules=(
        Rule(accept="primary", min_confidence=0.80),
        Rule(accept="cloud"),
        Rule(accept="backup", after_ms=80, min_confidence=0.60),
        Rule(accept="primary", after_ms=250),
    ),
    deadline_ms=300,
)
# Time is up at 295 ms; with a round trip of 60 ms, and 2 ms for the timer, the last moment to ask is 233 ms.

TIMELINES: dict[str, tuple[list[Happening], list[tuple[float, str]]]] = {
    "a confident primary answers at once and the cloud is never asked": (
        [(20, "primary", 0.90)],
        [(20, "answer preferred primary")],
    ),
    "a primary exactly at its bar is confident": (
        [(20, "primary", 0.80)],
        [(20, "answer preferred primary")],
    ),
    "an early backup waits for a confident primary": (
        [(10, "backup", 0.99), (70, "primary", 0.90)],
        [(70, "answer preferred primary")],
    ),
    "an unsure primary has the cloud asked, which then answers": (
        [(20, "primary", 0.79), (75, "cloud", 0.10)],
        [(20, "ask cloud"), (75, "answer preferred cloud")],
    ),
    "while the cloud is out, a confident backup answers from 80 ms": (
        [(20, "primary", 0.5), (30, "backup", 0.6)],
        [(20, "ask cloud"), (80, "answer fallback backup")],
    ),
    "a backup that comes after 80 ms answers at once": (
        [(20, "primary", 0.5), (90, "backup", 0.6)],
        [(20, "ask cloud"), (90, "answer fallback backup")],
    ),
    "the cloud wins over the backup when both may answer": (
        [(20, "primary", 0.5), (79, "cloud", 0.5), (79, "backup", 0.9)],
        [(20, "ask cloud"), (79, "answer preferred cloud"), (79, "late backup differs")],
    ),
    "a hung primary keeps the cloud unasked, and the backup answers at 80 ms": (
        [(30, "backup", 0.9)],
        [(80, "answer fallback backup")],
    ),
    "a crashed primary has the cloud asked": (
        [(5, "primary", FAILS), (60, "cloud", 0.9)],
        [(5, "ask cloud"), (60, "answer preferred cloud")],
    ),
    "the cloud failing opens the backup's rule early": (
        [(20, "primary", 0.5), (30, "backup", 0.7), (40, "cloud", FAILS)],
        [(20, "ask cloud"), (40, "answer fallback backup")],
    ),
    "the cloud failing opens even the last rule early": (
        [(20, "primary", 0.5), (30, "backup", 0.5), (40, "cloud", FAILS)],
        [(20, "ask cloud"), (40, "answer fallback primary")],
    ),
    "any primary will do from 250 ms": (
        [(20, "primary", 0.5), (30, "backup", 0.5)],
        [(20, "ask cloud"), (250, "answer fallback primary")],
    ),
    "a primary that comes after 250 ms answers at once whatever its confidence": (
        [(260, "primary", 0.1)],
        [(233, "ask cloud"), (260, "answer fallback primary")],
    ),
    "everything fails: the default, at once": (
        [(10, "primary", FAILS), (20, "backup", FAILS), (60, "cloud", FAILS)],
        [(10, "ask cloud"), (60, "answer default")],
    ),
    "only a backup below its bar is left: it answers at once, since nothing is outstanding": (
        [(10, "primary", FAILS), (20, "backup", 0.1), (60, "cloud", FAILS)],
        [(10, "ask cloud"), (60, "answer fallback backup")],
    ),
    "nobody says anything: the cloud asked at the last moment, the default when time is up": (
        [],
        [(233, "ask cloud"), (295, "answer default")],
    ),
    "time is up: a backup below its bar is better than none": (
        [(10, "backup", 0.1)],
        [(233, "ask cloud"), (295, "answer deadline backup")],
    ),
}


@pytest.mark.parametrize(("story", "expected"), TIMELINES.values(), ids=TIMELINES.keys())
def test_the_worked_example(story: list[Happening], expected: list[tuple[float, str]]) -> None:
    assert play(POLICY, story) == expected


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ([(20, "primary", 0.9)], [(20, "answer preferred primary")]),
        ([(20, "primary", 0.5), (50, "backup", 0.7)], [(50, "answer fallback backup")]),
        ([(20, "backup", 0.7), (50, "primary", 0.5)], [(50, "answer fallback backup")]),
        ([(20, "backup", 0.5), (50, "primary", 0.5)], [(50, "answer fallback primary")]),
        ([(20, "backup", FAILS), (50, "primary", FAILS)], [(50, "answer default")]),
        ([], [(295, "answer default")]),
    ],
    ids=["confident", "backup opens at once", "backup was there", "any primary", "all failed", "time up"],
)
def test_the_worked_example_with_the_cloud_down(story: list[Happening], expected: list[tuple[float, str]]) -> None:
    assert play(POLICY, story, link=NO_LINK) == expected
