"""`roost drift`, `roost alarm` and `roost hook`, against a real HTTP server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from roost_cloud.__main__ import app
from tests.support.cloud import ManualClock
from tests.support.drifting import PLAIN, DriftingFleet, Look, monitor_of
from tests.support.served_cloud import ServedCloud, serve_cloud

BLURRED = Look(**{**vars(PLAIN), "phi": (0, -4, 0, 0, 0, 0, -9, -9)})


@pytest.fixture(scope="module")
def cloud(newest_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedCloud]:
    """One device of eight has drifted."""
    folder = tmp_path_factory.mktemp("drifted")
    (folder / "roost.db").write_bytes(newest_sqlite.read_bytes())
    # The server's log would come where the command's output is read.
    with capture_logs(), serve_cloud(folder / "cloud", f"sqlite:///{folder / 'roost.db'}") as served:
        clock = served.clock
        assert isinstance(clock, ManualClock)
        fleet = DriftingFleet(served.services, clock, devices=8, with_baseline=False)
        for minutes, looks in ((12, {}), (5, {"cam-03": BLURRED})):
            fleet.live(minutes, looks)
            monitor_of(served.services).work()
        yield served


def run(cloud: ServedCloud, *arguments: str, role: Any = "operator", fails: str | None = None) -> str:
    env = {"ROOST_URL": cloud.url, "ROOST_TOKEN": cloud.token(role=role), "COLUMNS": "200"}
    result = CliRunner().invoke(app, arguments, env=env)
    if fails is not None:
        assert result.exit_code != 0
        assert fails in f"{result.output}{result.exception!r}"
        return result.output
    assert result.exit_code == 0, f"{result.output}{result.exception!r}"
    return result.output


def test_an_alarm_is_found_explained_seen_to_and_its_device_begun_anew(cloud: ServedCloud) -> None:
    status = [line.split() for line in run(cloud, "drift", "status", "--task", "meter").splitlines()]
    alarmed = [line for line in status if "alarmed" in line]
    assert [line[:4] for line in alarmed if line[2] == "input"] == [["cam-03", "meter", "input", "primary"]]
    assert "cannot be promised yet" in run(cloud, "drift", "status")
    (alarm,) = json.loads(run(cloud, "alarm", "list", "--kind", "input", "--json"))
    explained = run(cloud, "drift", "explain", alarm["id"])
    for words in ("cam-03", "sharpness of edges", "deviations", "the inputs changed", "beyond the threshold"):
        assert words in explained
    assert json.loads(run(cloud, "drift", "explain", alarm["id"], "--json"))["device"] == "cam-03"
    assert "cam-03" in run(cloud, "drift", "inputs", alarm["id"])
    stretch = ("--device", "cam-04", "--task", "meter", "--since", "2026-11-24T12:00Z", "--until", "2026-11-24T13:00Z")
    assert json.loads(run(cloud, "drift", "inputs", *stretch, "--json"))[0]["waiting"] == 0
    run(cloud, "drift", "inputs", "--device", "cam-04", fails="--since")
    asked = json.loads(run(cloud, "drift", "inputs", "--json"))
    assert {one["device"] for one in asked} == {"cam-03", "cam-04"}
    assert "acknowledged" in run(cloud, "alarm", "ack", alarm["id"], "--note", "on my way")
    assert "muted until" in run(cloud, "alarm", "mute", alarm["id"], "--until", "2026-11-25T12:00Z")
    assert run(cloud, "alarm", "mute", alarm["id"], "--off").endswith(": acknowledged\n")
    run(cloud, "alarm", "mute", alarm["id"], fails="--until")
    assert "cam-03" in run(cloud, "drift", "alarms")
    assert "begun anew on cam-03" in run(cloud, "drift", "rebaseline", "meter", "--device", "cam-03")
    run(cloud, "drift", "rebaseline", "meter", fails="--device")
    assert "resolved" in run(cloud, "alarm", "list", "--all", "--device", "cam-03")
    run(cloud, "alarm", "ack", alarm["id"], fails="alarm.resolved")


def test_other_budgets_are_simulated_and_set(cloud: ServedCloud) -> None:
    found = json.loads(run(cloud, "drift", "simulate", "--budget", "0.1", "--budget", "900", "--json"))
    assert {(one["alarms_a_week_allowed"], one["kind"]) for one in found} == {
        (budget, kind) for budget in (0.1, 900) for kind in ("input", "label_mix", "model", "event_rate")
    }
    assert "ALARMS A WEEK" in run(cloud, "drift", "simulate", "--budget", "2", "--since", "2026-11-24")
    assert "alarms_a_week = 3" in run(cloud, "drift", "settings", "--budget", "3")
    assert json.loads(run(cloud, "drift", "settings", "--json"))["decision_seconds"] == 60


def test_too_few_devices_have_no_place_among_each_other(cloud: ServedCloud) -> None:
    run(cloud, "drift", "fleet", "meter", fails="drift.fleet_small")
    run(cloud, "drift", "reference", "meter", fails="drift.fleet_small")
    run(cloud, "drift", "reference", "light", fails="no device of task light is commissioned")
    assert json.loads(run(cloud, "drift", "fleet", "light", "--label", "hall=2", "--json")) == []


def test_hooks_are_added_listed_and_deleted(cloud: ServedCloud) -> None:
    added = json.loads(run(cloud, "hook", "add", "https://example.com/x", "--event", "alarm", "--json", role="admin"))
    assert added["secret"].startswith("roosthook_")
    assert "MQTT" in run(cloud, "hook", "add", "mqtt", role="admin")
    listed = json.loads(run(cloud, "hook", "list", "--json", role="admin"))
    assert {(one["way"], one["url"], one["secret"]) for one in listed} == {
        ("webhook", "https://example.com/x", None),
        ("mqtt", None, None),
    }
    run(cloud, "hook", "add", "http://example.com/", role="admin", fails="hook.url")
    run(cloud, "hook", "list", fails="auth.forbidden")
    assert "deleted" in run(cloud, "hook", "delete", added["id"], role="admin")
    run(cloud, "hook", "delete", "0" * 16, role="admin", fails="not_found")
