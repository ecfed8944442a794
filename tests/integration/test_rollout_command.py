"""`roost rollout` and `roost device why`, against a real HTTP server; a director looks when a test says so."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from roost_cloud.__main__ import app
from roost_shared.bundle import Bundle
from roost_shared.messages import ErrorInfo
from tests.support.fleet import enrolled_device
from tests.support.registry import RegistryApi
from tests.support.rollouts import RolloutFleet
from tests.support.served_cloud import ServedCloud, bundle_like, serve_cloud
from tests.support.trust import TrustPeople

PLAN = """
task = "{task}"
contestant = "primary"
bundle = "argmax:2"
[[stages]]
name = "one"
devices = ["cam-01"]
[[stages]]
name = "all"
share = 1.0
approval = true
success = 0.0
failure = 1.0
"""


@pytest.fixture(scope="module")
def fleet(newest_sqlite: Path, argmax: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RolloutFleet]:
    """One for all: a test leaves no rollout under way."""
    folder = tmp_path_factory.mktemp("rollouts")
    (folder / "roost.db").write_bytes(newest_sqlite.read_bytes())
    # The server's log would come where the command's output is read.
    with capture_logs(), serve_cloud(folder / "cloud", f"sqlite:///{folder / 'roost.db'}") as cloud:
        second = bundle_like(argmax, folder / "second", version="2")
        for one in (argmax, second):
            RegistryApi(cloud).stock(one)
        task = argmax.config.task or ""
        people = TrustPeople(cloud)
        people.begin(task)
        people.release(argmax, second)
        made = RolloutFleet(cloud, task)
        for name in ("cam-01", "cam-02"):
            enrolled_device(cloud, name)
            made.assign(name, "argmax:1")
        yield made


def run(fleet: RolloutFleet, *arguments: str | Path, exits: int = 0, given: str | None = None) -> str:
    assert isinstance(fleet.cloud, ServedCloud)
    env = {"ROOST_URL": fleet.cloud.url, "ROOST_TOKEN": fleet.cloud.token(role="operator"), "COLUMNS": "250"}
    result = CliRunner().invoke(app, [*map(str, arguments)], env=env, input=given)
    assert result.exit_code == exits, f"{result.output}{result.exception!r}"
    return f"{result.output}{result.exception or ''}"


def test_a_rollout_is_started_followed_approved_and_reverted(fleet: RolloutFleet, tmp_path: Path) -> None:
    file = tmp_path / "rollout.toml"
    file.write_text(PLAN.format(task=fleet.task))
    rollout = json.loads(run(fleet, "rollout", "start", file, "--json"))["id"]
    assert "has not ended" in run(fleet, "rollout", "start", file, exits=1)
    fleet.look()
    assert "1 on their way" in run(fleet, "rollout", "status", rollout)
    fleet.follow("cam-01")
    fleet.look()
    assert "stage all waits for approval" in run(fleet, "rollout", "status", rollout)
    assert "paused" in run(fleet, "rollout", "pause", rollout)
    assert "approval" in run(fleet, "rollout", "resume", rollout)
    run(fleet, "rollout", "approve", rollout)
    fleet.look()
    fleet.follow("cam-02", phase="rolled_back", error=ErrorInfo("install.crashed", "primary lost its process"))
    fleet.look(2)
    watched = run(fleet, "rollout", "watch", rollout)
    for words in ("finished", "1 failed (install.crashed 1)", "all (2 of 2)", "1 confirmed, 1 rolled_back"):
        assert words in watched
    (listed,) = json.loads(run(fleet, "rollout", "list", "--task", fleet.task, "--json"))
    assert (listed["id"], listed["state"]) == (rollout, "finished")
    events = run(fleet, "rollout", "events", rollout, "--device", "cam-02")
    assert [line.split()[3] for line in events.splitlines()[1:]] == ["assigned", "rolled_back"]
    assert "reverting" in run(fleet, "rollout", "revert", rollout)
    fleet.look()
    fleet.follow("cam-01", "cam-02")
    fleet.look()
    assert "reverted" in run(fleet, "rollout", "watch", rollout, exits=1), "it did not end as it was meant to"
    assert "a rollout that is reverted cannot be aborted" in run(fleet, "rollout", "abort", rollout, exits=1)


def test_a_device_tells_why_it_runs_what_it_runs(fleet: RolloutFleet) -> None:
    plan = PLAN.format(task=fleet.task)
    rollout = json.loads(run(fleet, "rollout", "start", "-", "--json", given=plan))["id"]
    fleet.look()
    fleet.follow("cam-01", phase="failed", error=ErrorInfo("install.golden", "cam-01 gives other outputs"))
    fleet.look(2)
    told = run(fleet, "device", "why", "cam-01")
    for words in (rollout, "argmax:2 in place of argmax:1", "install.golden: cam-01 gives other outputs", "returning"):
        assert words in told
    run(fleet, "device", "why", "cam-09", exits=1)
    fleet.follow("cam-01")
    fleet.look()
    assert json.loads(run(fleet, "rollout", "status", rollout, "--json"))["state"] == "stopped"
    assert json.loads(run(fleet, "device", "why", "cam-01", "--json"))["rollouts"][0]["state"] == "returned"


def test_what_is_no_plan_is_refused(fleet: RolloutFleet) -> None:
    plan = PLAN.format(task=fleet.task).replace("success = 0.0", "success = 0.5")
    assert "both could hold at once" in run(fleet, "rollout", "start", "-", given=plan, exits=1)
    assert "there is no rollout" in run(fleet, "rollout", "status", 16 * "0", exits=1)
