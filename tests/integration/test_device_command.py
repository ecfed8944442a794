"""`roost device`, against a real HTTP server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from roost_cloud.__main__ import app
from roost_shared.enrolment import EnrolmentToken
from tests.support.fleet import FleetDevice, enrolled_device
from tests.support.served_cloud import ServedCloud, serve_cloud


@pytest.fixture
def cloud(newest_sqlite: Path, tmp_path: Path) -> Iterator[ServedCloud]:
    file = tmp_path / "roost.db"
    file.write_bytes(newest_sqlite.read_bytes())
    # The server's log would come where the command's output is read.
    with capture_logs(), serve_cloud(tmp_path / "cloud", f"sqlite:///{file}") as served:
        yield served


def run(cloud: ServedCloud, *arguments: str, fails: str | None = None) -> str:
    env = {"ROOST_URL": cloud.url, "ROOST_TOKEN": cloud.token(), "COLUMNS": "200"}
    result = CliRunner().invoke(app, ["device", *arguments], env=env)
    if fails is not None:
        assert result.exit_code != 0
        assert fails in f"{result.output}{result.exception}"
        return result.output
    assert result.exit_code == 0, f"{result.output}{result.exception}"
    return result.output


def test_device_comes_in_by_the_line_that_is_printed(cloud: ServedCloud) -> None:
    line = run(cloud, "enrol", "cam-01", "--label", "site=north").strip()
    program, command, _, url, _, text = line.split(" ")
    assert (program, command, url) == ("roost-agent", "enrol", cloud.url)
    assert FleetDevice(cloud.client).enrol(EnrolmentToken.parse(text)).status_code == 201
    assert json.loads(run(cloud, "show", "cam-01", "--json"))["labels"] == {"site": "north"}
    run(cloud, "enrol", "cam-01", fails="there is a device 'cam-01' already")
    assert json.loads(run(cloud, "enrol", "cam-01", "--replace", "--json"))["device"] == "cam-01"


def test_the_line_names_the_address_for_devices_and_not_the_operators_way(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'roost.db'}"
    with capture_logs(), serve_cloud(tmp_path / "cloud", database, public_url="https://roost.example:8443/") as cloud:
        line = run(cloud, "enrol", "cam-01")
    assert line.startswith("roost-agent enrol --url https://roost.example:8443 --token ")


def test_devices_are_listed_shown_and_labelled(cloud: ServedCloud) -> None:
    for name in ("cam-01", "cam-02"):
        enrolled_device(cloud, name, labels={"site": "north", "line": name[-1]})
    assert [line.split()[0] for line in run(cloud, "list").splitlines()] == ["DEVICE", "cam-01", "cam-02"]
    assert "cam-02" not in run(cloud, "list", "--label", "line=1", "--label", "site=north", "--state", "never")
    assert len(json.loads(run(cloud, "list", "--json"))) == 2
    shown = run(cloud, "label", "cam-01", "site=south", "line-")
    assert "site" in shown
    assert "south" in shown
    assert "label line" not in shown
    run(cloud, "label", "cam-01", "line", fails="has no '='")
    run(cloud, "show", "cam-09", fails="there is no device 'cam-09'")


def test_device_is_revoked_and_deleted(cloud: ServedCloud) -> None:
    enrolled_device(cloud)
    run(cloud, "delete", "cam-01", fails="revoke it first")
    assert run(cloud, "revoke", "cam-01") == "device cam-01 is revoked\n"
    assert "revoked" in run(cloud, "list")
    assert run(cloud, "delete", "cam-01") == "device cam-01 is deleted\n"
    assert json.loads(run(cloud, "list", "--json")) == []
