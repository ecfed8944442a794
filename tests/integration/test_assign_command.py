"""`roost assign`, against a real HTTP server: from the first key to what a device believes, over changes of keys."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import urllib3
from structlog.testing import capture_logs
from typer.testing import CliRunner

from roost_cloud.__main__ import app
from roost_cloud.assignments.reports import Report, store_reported
from roost_shared.assignment import Assignment, Reported, Running
from roost_shared.bundle import Bundle
from roost_shared.messages import ErrorInfo, encode_json
from roost_shared.trust import HttpFetcher, TrustClient
from tests.support.fleet import FleetDevice, enrolled_device
from tests.support.registry import RegistryApi
from tests.support.served_cloud import ServedCloud, serve_cloud


@pytest.fixture
def cloud(newest_sqlite: Path, tmp_path: Path, argmax: Bundle) -> Iterator[ServedCloud]:
    file = tmp_path / "roost.db"
    file.write_bytes(newest_sqlite.read_bytes())
    # The server's log would come where the command's output is read.
    with capture_logs(), serve_cloud(tmp_path / "cloud", f"sqlite:///{file}") as served:
        served.clock.advance(datetime.now(UTC) - served.clock.wall())  # the command goes by this machine's
        RegistryApi(served).push(argmax)
        yield served


class Operator:
    """Somebody with keys and a token."""

    def __init__(self, cloud: ServedCloud, folder: Path) -> None:
        self.env = {"ROOST_URL": cloud.url, "ROOST_TOKEN": cloud.token(), "COLUMNS": "200"}
        self.env |= {"ROOST_TRUST_KEYS": str(folder)}
        self.folder = folder

    def __call__(self, *arguments: str, fails: str | None = None, stdin: str = "") -> str:
        result = CliRunner().invoke(app, arguments, env=self.env, input=stdin)
        if fails is not None:
            assert result.exit_code != 0
            assert fails in f"{result.output}{result.stderr}{result.exception}"
        else:
            assert result.exit_code == 0, f"{result.output}{result.exception!r}"
        return result.output


@pytest.fixture
def roost(cloud: ServedCloud, tmp_path: Path) -> Operator:
    return Operator(cloud, tmp_path / "keys")


@pytest.fixture
def file(argmax: Bundle, tmp_path: Path) -> Path:
    made = tmp_path / "tasks.toml"
    made.write_text(
        f"[tasks.{argmax.config.task}]\ndeadline_ms = 250\n"
        f'[[tasks.{argmax.config.task}.contestants]]\nname = "primary"\nbundle = "argmax:1"\n'
    )
    return made


@pytest.fixture
def released(roost: Operator, argmax: Bundle) -> Operator:
    roost("trust", "init", "--no-passphrase")
    roost("trust", "add-key", "ann", "--no-passphrase")
    roost("trust", "delegate", argmax.config.task or "", "--to", "ann")
    roost("trust", "sign", "argmax:1", "--expect", argmax.digest)
    return roost


@pytest.fixture
def pool() -> Iterator[urllib3.PoolManager]:
    made = urllib3.PoolManager()
    yield made
    made.clear()


class Device:
    """An enrolled machine that believes what TUF lets it."""

    def __init__(self, cloud: ServedCloud, root: bytes, pool: urllib3.PoolManager, folder: Path) -> None:
        self.machine: FleetDevice = enrolled_device(cloud, "cam-01", labels={"site": "north"})
        self.headers = self.machine.headers()
        url = f"{cloud.url}/api/v1/device/trust"
        fetcher = HttpFetcher(pool, lambda: self.headers)
        self.client = TrustClient(root, tenant="acme", folder=folder, base_url=url, fetcher=fetcher)

    def fetch(self) -> bytes:
        told = self.machine.client.get("/api/v1/device/assignment", headers=self.headers)
        assert told.status_code == 200, told.text
        return bytes(told.content)

    def believes(self, data: bytes, newest: int = 0) -> Assignment:
        return self.client.verify_assignment(data, tenant="acme", device="cam-01", newest=newest)


def test_from_the_first_key_to_what_a_device_believes_and_over_changes_of_keys(
    cloud: ServedCloud, released: Operator, file: Path, pool: urllib3.PoolManager, tmp_path: Path
) -> None:
    device = Device(cloud, (released.folder / "root.json").read_bytes(), pool, tmp_path / "device")
    assert released("assign", "cam-01", str(file)) == "cam-01: assignment 1, argmax:1\n"
    device.client.refresh()
    assert device.believes(device.fetch()).version == 1
    steps = [["rotate", "assignments"], ["rotate", "online"], ["delegate", "--assignments"]]
    for step in steps:
        before = device.fetch()
        released("trust", *step)
        meanwhile = device.fetch()
        assert device.believes(meanwhile, 1).version == 1, "by the targets of before"
        device.client.refresh()
        assert device.believes(device.fetch(), 1).version == 1, "by those of after"
        assert (before == meanwhile) == (step[0] == "delegate")
    assert released("assign", "cam-01", str(file)) == "cam-01: assignment 1, as before\n"
    status = [line.split() for line in released("trust", "status").splitlines()]
    assert [(row[0], row[4]) for row in status if row[0] == "assignments"] == [("assignments", "1")]


def test_without_the_targets_key_the_other_online_keys_change(released: Operator) -> None:
    def keys() -> dict[str, str]:
        roles = json.loads(released("trust", "status", "--json"))["roles"]
        return {role["name"]: role["keys"][0]["keyid"] for role in roles}

    before = keys()
    (released.folder / "targets-1.pem").rename(released.folder / "targets-1.away")
    released("trust", "rotate", "assignments", fails="targets lacks 1 more signatures")
    assert "the key stays" in released("trust", "rotate", "online")
    after = keys()
    assert [name for name in before if before[name] != after[name]] == ["snapshot", "timestamp"]
    (released.folder / "targets-1.away").rename(released.folder / "targets-1.pem")
    released("trust", "rotate", "assignments")
    assert keys()["assignments"] != before["assignments"]


def test_several_devices_are_told_apart(cloud: ServedCloud, released: Operator, file: Path) -> None:
    enrolled_device(cloud, "cam-01", labels={"site": "north"})
    enrolled_device(cloud, "cam-02", labels={"site": "north"})
    enrolled_device(cloud, "cam-03", labels={"site": "south"})
    released("assign", "cam-03", str(file))
    said = released(
        "assign", "cam-03", "cam-99", "cam-02", str(file), fails="cam-99: cloud.refused: the cloud says 404"
    )
    assert "cam-03: assignment 1, as before\n" in said
    assert "cam-02: assignment 1, argmax:1\n" in said
    told = json.loads(released("assign", "--label", "site=north", "-", "--json", stdin=file.read_text()))
    assert [(one["device"], one["version"], one["created"]) for one in told] == [
        ("cam-01", 1, True),
        ("cam-02", 1, False),
    ]
    listed = [line.split() for line in released("device", "list").splitlines()]
    assert [row[4:6] for row in listed[1:]] == [["1", "unknown"]] * 3
    released("assign", "--label", "site=west", str(file), fails="no enrolled device has these labels")


def test_what_a_device_reports_is_shown(cloud: ServedCloud, released: Operator, file: Path) -> None:
    enrolled_device(cloud, "cam-01")
    assert "none" in released("assign", "--show", "cam-01")
    released("assign", "cam-01", str(file))
    running = {"argmax": {"primary": Running(bundle="argmax:1@sha256:00", state="up")}}
    problem = ErrorInfo("install.no_room", "the disk is full")
    told = Reported(boot="b1", version=0, desired=1, trust="fresh", problem=problem, tasks=running)
    with cloud.services.database.begin() as session:
        store_reported(session, [Report("acme", "cam-01", told, encode_json(told), cloud.services.now())])
    for said in (released("assign", "--show", "cam-01"), released("device", "show", "cam-01")):
        assert "1, refused" in said
        assert "install.no_room: the disk is full" in said
        assert "up argmax:1@sha256:00" in said
    shown = json.loads(released("assign", "--show", "cam-01", "--json"))
    assert (shown["following"], shown["report"]["desired"]) == ("refused", 1)


@pytest.mark.parametrize(
    ("arguments", "text", "fails"),
    [
        (("assign", "cam-01"), "", "say which DEVICE"),
        (("assign", "cam-01", "--label", "a=b", "-"), "", "say which DEVICE"),
        (("assign", "cam-01", "-"), "tenant = 'acme'\n[tasks]", "it is no part of an assignment"),
        (("assign", "cam-01", "-"), "", "Write [tasks.NAME]"),
        (("assign", "cam-01", "-"), "[tasks.x]\ncontestants = []", "assignment.invalid"),
        (("assign", "cam-01", "--show", "cam-02"), "", "say --show DEVICE alone"),
        (("trust", "delegate", "--assignments", "--online"), "", "for no task and by the cloud's key alone"),
        (("trust", "delegate"), "", "say for which task, or --assignments"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(roost: Operator, arguments: tuple[str, ...], text: str, fails: str) -> None:
    roost.folder.mkdir()
    roost(*arguments, stdin=text, fails=fails)
