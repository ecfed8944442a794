from typing import Any

import pytest

from roost_edge.mqtt import Counters, describe_connection
from roost_edge.status.summary import summarise


def status(
    rejected: int = 0,
    *,
    cloud_broker: bool = False,
    capture: dict[str, Any] | None = None,
    assignment: dict[str, Any] | None = None,
) -> dict[str, Any]:
    broker = describe_connection(5, Counters(publishes_rejected=rejected), connected=True)
    return {
        "tenant": "acme",
        "device": "cam-01",
        "uptime_s": 7.0,
        "problem": None,
        "broker": broker,
        "cloud": {
            "broker": describe_connection(None, Counters()) if cloud_broker else None,
            "link": None,
            "shrinking": {"shrunken": 0},
            "identity": {"expires_at": None, "problem": None},
        },
        "assignment": assignment,
        "capture": capture,
        "tasks": {},
        "folders": {},
        "http": None,
        "complaints": {"input.empty": 2},
    }


@pytest.mark.parametrize(
    ("rejected", "line"),
    [
        (0, "acme/cam-01: up 7 s, broker connected"),
        (3, "acme/cam-01: up 7 s, broker connected, which refused 3 of our messages"),
    ],
)
def test_a_broker_that_refuses_messages_is_named(rejected: int, line: str) -> None:
    assert summarise(status(rejected)).splitlines() == [line, "  2 x input.empty"]


def test_the_cloud_s_broker_is_told_of_where_it_is_another() -> None:
    assert "  cloud: broker away" in summarise(status(cloud_broker=True)).splitlines()


def test_what_is_kept_and_what_is_not_is_told() -> None:
    spool = {
        "entries": {"0": 3, "2": 1},
        "entry_bytes": 4096,
        "dropped": {"thinned": 2},
        "upload": {"inputs": 7, "problem": {"code": "cloud.unreachable", "message": "no route"}},
    }
    capture = {"durable": 13, "not_kept": 1, "unsettled": 0, "spool": spool}
    assert (
        "  capture: 13 inputs kept, 4 wait for their upload, 4096 bytes, 7 uploaded, 2 dropped (thinned), 1 not kept,"
        " problem cloud.unreachable: no route"
    ) in summarise(status(capture=capture)).splitlines()
    watching = {"unsettled": 0, "spool": {}, "monitor": {"windows": 12, "waiting": 0}}
    assert "  capture: 0 inputs kept, 12 windows told of" in summarise(status(capture=watching)).splitlines()
    assert "  capture: 0 inputs kept" in summarise(status(capture={"unsettled": 0, "spool": {}})).splitlines()


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({}, "  assignment: none in force"),
        ({"version": 4, "confirmed": True, "desired": 4}, "  assignment: version 4"),
        (
            {
                "version": 4,
                "confirmed": True,
                "desired": 5,
                "phase": "shadowing",
                "installs": [{"phase": "shadowing"}],
            },
            "  assignment: version 4, version 5 desired, shadowing, bundles shadowing",
        ),
        (
            {"version": 5, "desired": 5, "phase": "watching", "installs": [{"phase": "active"}], "trust": "stale"},
            "  assignment: version 5, not confirmed yet, watching, bundles active, trust stale",
        ),
        (
            {
                "version": 4,
                "confirmed": True,
                "desired": 5,
                "problem": {"code": "install.slow", "message": "a took too long"},
                "installs": [{"phase": "failed"}],
            },
            "  assignment: version 4, version 5 desired, problem install.slow: a took too long",
        ),
    ],
)
def test_how_far_an_assignment_is_takes_one_line(said: dict[str, Any], line: str) -> None:
    nothing = {"version": 0, "confirmed": False, "desired": 0, "phase": "idle", "trust": "fresh", "problem": None}
    assert line in summarise(status(assignment={**nothing, "installs": [], **said})).splitlines()
