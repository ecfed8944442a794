"""Secrets that were lost, or mistaken for others: nothing is made in their place that the fleet would not believe."""

import shutil
from pathlib import Path

import pytest

from roost_cloud.db import Database
from roost_cloud.db.migrations import current
from roost_cloud.deployment import OtherRootError
from roost_cloud.errors import NoDeploymentError
from roost_cloud.services import open_services
from tests.support.cloud import settings_for
from tests.support.cloud_process import run_roost


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_lost_secrets_are_said_and_not_made_anew(tmp_path: Path, empty_database_url: str) -> None:
    settings = settings_for(tmp_path / "data", database_url=empty_database_url)
    with open_services(settings) as services:
        fingerprint = services.authority.root_fingerprint
    kept = tmp_path / "kept"
    shutil.move(settings.secrets_path, kept)
    with (
        pytest.raises(OtherRootError, match=r"no root CA.*restore root\.pem") as caught,
        open_services(settings),
    ):
        pytest.fail("it opened")
    assert fingerprint in str(caught.value)
    assert str(settings.secrets_path) in str(caught.value)
    assert not settings.secrets_path.exists()
    shutil.move(kept, settings.secrets_path)
    with open_services(settings) as services:
        assert services.authority.root_fingerprint == fingerprint


def test_another_deployments_secrets_are_refused(tmp_path: Path, empty_database_url: str) -> None:
    settings = settings_for(tmp_path / "data", database_url=empty_database_url)
    with open_services(settings) as services:
        ours = services.authority.root_fingerprint
    with open_services(settings_for(tmp_path / "another")) as services:
        theirs = services.authority.root_fingerprint
    mistaken = settings_for(
        tmp_path / "data", database_url=empty_database_url, secrets_dir=tmp_path / "another" / "secrets"
    )
    with pytest.raises(OtherRootError) as caught, open_services(mistaken):
        pytest.fail("it opened")
    assert ours in str(caught.value)
    assert theirs in str(caught.value)


def test_a_new_database_beside_old_secrets_is_a_start(tmp_path: Path) -> None:
    with open_services(settings_for(tmp_path)) as services:
        fingerprint = services.authority.root_fingerprint
    for file in tmp_path.glob("roost.db*"):
        file.unlink()
    with open_services(settings_for(tmp_path)) as services:
        assert services.authority.root_fingerprint == fingerprint


@pytest.mark.parametrize("command", ["token", "collect"])
def test_a_command_for_a_deployment_makes_none(tmp_path: Path, command: str) -> None:
    ended = run_roost("cloud", command, "--data-dir", tmp_path / "typo")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "deployment.none" in ended.stderr
    assert str(tmp_path / "typo" / "roost.db") in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_is_left_empty(tmp_path: Path, empty_database_url: str) -> None:
    settings = settings_for(tmp_path / "data", database_url=empty_database_url)
    before = files(tmp_path)
    with pytest.raises(NoDeploymentError), open_services(settings, may_begin=False):
        pytest.fail("it opened")
    assert files(tmp_path / "data") <= before
    database = Database(empty_database_url)
    if database.file is None or database.file.exists():
        assert current(database) is None
    database.close()
