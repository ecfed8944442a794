"""`roost train`, against a real HTTP server and a worker beside it."""

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from roost_cloud.__main__ import app
from tests.support.bundles import Bundles
from tests.support.served_cloud import ServedCloud, serve_cloud
from tests.support.tiny_trainers import installed
from tests.support.training_site import TrainingSite


@pytest.fixture(scope="module")
def site(newest_sqlite: Path, bundles: Bundles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainingSite]:
    """24 labels, and a policy."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copy(newest_sqlite, folder / "roost.db")
    # The server's log would come where the command's output is read.
    with (
        capture_logs(),
        pytest.MonkeyPatch.context() as patch,
        serve_cloud(folder / "cloud", f"sqlite:///{folder / 'roost.db'}") as served,
    ):
        patch.setenv("PYTHONPATH", installed(folder / "installed"))
        made = TrainingSite(served, bundles.sure, folder / "workshop")
        made.label()
        yield made


def run(site: TrainingSite, *arguments: str, role: Any = "operator", fails: str | None = None) -> str:
    assert isinstance(site.cloud, ServedCloud)
    env = {"ROOST_URL": site.cloud.url, "ROOST_TOKEN": site.cloud.token(role=role), "COLUMNS": "250"}
    result = CliRunner().invoke(app, arguments, env=env)
    if fails is not None:
        assert result.exit_code != 0
        assert fails in f"{result.output}{result.exception!r}"
        return result.output
    assert result.exit_code == 0, f"{result.output}{result.exception!r}"
    return result.output


def begun(site: TrainingSite, *more: str) -> str:
    """Start a run; its id."""
    return run(site, "train", "start", "light", *more).split()[1].rstrip(":")


def working(site: TrainingSite) -> threading.Thread:
    thread = threading.Thread(target=site.work)
    thread.start()
    return thread


def test_a_run_is_started_followed_approved_and_registered(site: TrainingSite) -> None:
    run(site, "train", "start", "light", fails="run.no_incumbent")
    policy = run(site, "train", "policy", "light", "--mode", "train", "--bundle", "sure:1", "--trainer", "tiny")
    assert 'bundle = "sure:1"' in policy
    found = begun(site, "--set", "do=fine", "--set", "sleep_s=0.5", "--labels", "12")
    run(site, "train", "start", "light", fails="run.open")
    assert found in run(site, "train", "status", "--task", "light", role="viewer")
    thread = working(site)
    whole = run(site, "train", "status", found, "--follow", role="viewer")
    thread.join()
    assert "passed" in whole
    assert "waits for approval" in whole
    assert "accuracy.new" in whole
    shown = json.loads(run(site, "train", "status", found, "--json"))
    assert shown["parameters"] == {"do": "fine", "sleep_s": 0.5}
    assert [one["after"] for one in shown["steps"]] == ["queued", "preparing", "training", "judging", "passed"]
    assert "tiny 1, " in run(site, "train", "log", found, "--follow", role="viewer")
    run(site, "train", "approve", found, role="viewer", fails="auth.forbidden")
    assert "approved" in run(site, "train", "approve", found, "--note", "looks right")
    thread = working(site)
    assert json.loads(run(site, "train", "status", found, "--follow", "--json"))["state"] == "registered"
    thread.join()
    run(site, "train", "approve", found, fails="run.state")
    assert f"1-{found[:8]}" in site.versions()
    assert found not in run(site, "train", "status")
    assert found in run(site, "train", "status", "--all")


@pytest.mark.parametrize(
    ("do", "state", "why"),
    [
        ("impossible", "failed", "the labels contradict each other"),
        ("labels", "refused", "its label space is another than the incumbent's"),
    ],
)
def test_a_run_without_a_new_version_ends_a_follower_with_status_1_and_says_why(
    site: TrainingSite, do: str, state: str, why: str
) -> None:
    run(site, "train", "policy", "light", "--mode", "auto", "--bundle", "sure:1", "--trainer", "tiny")
    thread = threading.Timer(0.5, site.work)
    thread.start()
    shown = run(site, "train", "start", "light", "--set", f"do={do}", "--labels", "12", "--follow", fails=state)
    thread.join()
    assert why in shown


def test_a_run_waits_for_labels_and_is_cancelled(site: TrainingSite) -> None:
    found = begun(site, "--labels", "1000")
    site.work()
    assert "needs 1000 labels, has 24" in run(site, "train", "status", "--task", "light")
    assert "cancelled" in run(site, "train", "cancel", found, "--note", "never mind")
    run(site, "train", "cancel", found, fails="it cannot be cancelled")
    run(site, "train", "cancel", "0123456789abcdef", fails="not_found")


def test_a_policy_is_read_from_a_file_and_a_bad_one_is_refused(site: TrainingSite, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("new_labels = 50\n[gate]\nepsilon = 0.01\n")
    shown = json.loads(run(site, "train", "policy", "other", str(file), "--json"))
    assert (shown["new_labels"], shown["gate"]["epsilon"], shown["mode"]) == (50, 0.01, "tell")
    run(site, "train", "policy", "other", "--bundle", "nonsense", fails="training.policy")
    file.write_text("newlabels = 50\n")
    run(site, "train", "policy", "other", str(file), fails="request.invalid")
