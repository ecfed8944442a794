"""`roost drift` and `/windows`, against a real cloud with windows that devices have told of."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from roost_cloud.__main__ import app
from roost_cloud.db.tables import Window
from roost_shared.phi import IMAGE
from roost_shared.records import encode_record
from roost_shared.sketches import Moments
from tests.support.cloud import Cloud
from tests.support.fleet import API, code_of, enrolled_device
from tests.support.served_cloud import ServedCloud, serve_cloud
from tests.support.telling import batch, window

HOURS, COMMISSIONING = 60, 48
BLURRED = "cam-3"
ASKED = ("--task", "meter", "--inputs", "1", "--commissioning-days", "2")


@pytest.fixture(scope="module")
def cloud(newest_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedCloud]:
    """Six cameras, of which one is blurred for the last eight hours; what cannot be read, and another's."""
    folder = tmp_path_factory.mktemp("drift")
    file = folder / "roost.db"
    file.write_bytes(newest_sqlite.read_bytes())
    with capture_logs(), serve_cloud(folder / "cloud", f"sqlite:///{file}") as served:
        random = np.random.default_rng(5)
        rows = [row for number in range(6) for row in camera(f"cam-{number}", random)]
        unreadable = row_of("cam-0", 999, moments_of(np.zeros(8)))
        unreadable.record = b"\xc1"
        elsewhere = row_of("cam-9", 1, moments_of(np.zeros(8)), task="other")
        with served.services.database.begin() as session:
            session.add_all([*rows, unreadable, elsewhere])
        yield served


def camera(device: str, random: np.random.Generator) -> list[Window]:
    values = random.uniform(0.3, 0.7) + random.normal(0, 0.01, (HOURS, 8))
    if device == BLURRED:
        values[-8:, 6:] -= 0.09
    return [row_of(device, hour, moments_of(row)) for hour, row in enumerate(values, start=1)]


def moments_of(values: Any) -> Moments:
    moments = Moments(IMAGE.number, 7, 8)
    moments.update(values.tolist())
    return moments


def row_of(device: str, hour: int, phi: Moments, task: str = "meter") -> Window:
    record = window(1, task=task, contestant="primary", seconds=3600.0, sketches={"phi": phi.to_bytes()})
    return Window(
        tenant="acme",
        device=device,
        boot="b",
        sequence=hour,
        task=task,
        contestant="primary",
        started_at=record.started_at,
        seconds=record.seconds,
        count=record.count,
        received_at=datetime.now(UTC) - timedelta(hours=max(HOURS - hour, 0)),
        record=encode_record(record),
    )


def run(cloud: ServedCloud, *arguments: str, tenant: str = "acme") -> Any:
    environment = {"ROOST_URL": cloud.url, "ROOST_TOKEN": cloud.token(tenant, "viewer"), "COLUMNS": "200"}
    return CliRunner().invoke(app, ["drift", *arguments], env=environment)


def test_status_names_the_device_that_drifted_and_what_moved(cloud: ServedCloud) -> None:
    shown = run(cloud, "status", *ASKED)
    assert shown.exit_code == 0, shown.output
    lines = {line.split()[0]: line for line in shown.stdout.splitlines() if line.startswith("cam-")}
    assert len(lines) == 6
    assert [name for name, line in lines.items() if " alarm " in line] == [BLURRED]
    assert "sharpness of edges fell by" in lines[BLURRED]
    assert "cannot be promised yet" in shown.stdout
    assert "1 windows cannot be read" in shown.stderr


def test_explain_tells_by_how_much_and_in_which_windows(cloud: ServedCloud) -> None:
    shown = run(cloud, "explain", BLURRED, *ASKED, "--json")
    assert shown.exit_code == 0, shown.output
    told = json.loads(shown.stdout)
    assert (told["state"], told["commissioned"]) == ("alarm", COMMISSIONING)
    moved = {one["statistic"]: one["deviations"] for one in told["moved"]}
    assert moved["gradient"] < -5
    assert told["windows"] == [["b", HOURS - 8 + 3]], "the third after it happened"
    assert "sharpness of edges fell" in run(cloud, "explain", BLURRED, *ASKED).stdout
    nobody = run(cloud, "explain", "nobody", *ASKED)
    assert nobody.exit_code != 0
    assert "not_found" in str(getattr(nobody.exception, "code", ""))


def test_simulate_judges_the_same_windows_under_each_budget(cloud: ServedCloud) -> None:
    shown = run(cloud, "simulate", *ASKED, "--budget", "2", "--budget", "200", "--json")
    assert shown.exit_code == 0, shown.output
    small, large = json.loads(shown.stdout)
    assert (small["budget"], large["budget"]) == (2.0, 200.0)
    assert small["thresholds"][0]["threshold"] > large["thresholds"][0]["threshold"]
    assert small["devices"][BLURRED]["state"] == large["devices"][BLURRED]["state"] == "alarm"
    assert "2 a week: cam-3 in alarm" in run(cloud, "simulate", *ASKED, "--budget", "2").stdout


def test_nothing_is_told_of_another_tenant_s_windows_or_of_none(cloud: ServedCloud) -> None:
    for arguments in ((*ASKED,), ("--task", "unheard-of")):
        shown = run(cloud, "status", *arguments, "--json", tenant="beta")
        assert json.loads(shown.stdout) == {"devices": {}, "thresholds": [], "why": []}


def test_too_short_a_commissioning_says_so_and_alarms_nobody(cloud: ServedCloud) -> None:
    shown = run(cloud, "status", "--task", "meter", "--inputs", "1", "--commissioning-days", "30", "--json")
    found = json.loads(shown.stdout)
    assert {one["state"] for one in found["devices"].values()} == {"commissioning"}
    assert found["why"] == ["no device has been commissioned yet"]


def test_windows_come_as_they_were_told_in_pages(cloud: ServedCloud) -> None:
    now = datetime.now(UTC)
    query = {
        "task": "meter",
        "since": (now - timedelta(days=9)).isoformat(),
        "until": (now + timedelta(1)).isoformat(),
        "limit": "100",
    }
    headers = cloud.headers(role="viewer")
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        answer = cloud.client.get(f"{API}/windows", params={**query, **after}, headers=headers)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if answer.json()["next"] is None:
            break
        after = {"after": answer.json()["next"]}
    places = [(one["device"], one["boot"], one["sequence"]) for one in found]
    assert places == sorted(places)
    assert len(set(places)) == len(places) == 6 * HOURS + 1
    for wrong in ({"after": "x"}, {"after": "b.1.cam-0.."}, {"since": "yesterday"}, {"task": "A"}):
        refused = cloud.client.get(f"{API}/windows", params={**query, **wrong}, headers=headers)
        assert refused.status_code == (200 if wrong == {"after": "b.1.cam-0.."} else 422), wrong
    bad = cloud.client.get(f"{API}/windows", params={**query, "after": "x"}, headers=headers)
    assert code_of(bad) == (422, "windows.bad_place")


def test_a_window_that_a_device_tells_of_is_there(cloud: ServedCloud) -> None:
    device = enrolled_device(cloud, "cam-7")
    told = window(3, task="light", contestant="primary")
    answer = cloud.client.post(f"{API}/device/records", content=batch([told]), headers=device.headers())
    assert answer.status_code == 200
    assert _windows(cloud, "light") == [("cam-7", "primary")]


def _windows(cloud: Cloud, task: str) -> list[tuple[str, str]]:
    query = {"task": task, "since": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"}
    answer = cloud.client.get(f"{API}/windows", params=query, headers=cloud.headers(role="viewer"))
    return [(one["device"], one["contestant"]) for one in answer.json()["items"]]
