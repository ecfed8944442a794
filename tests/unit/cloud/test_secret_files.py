"""Secrets in files: made once, whole, for their owner alone."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from roost_cloud.secret_files import SecretFileError, create_once, secret_bytes


def test_a_secret_is_made_once_and_stays(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    secret = secret_bytes(folder, "x.key")
    assert len(secret) == 32
    assert secret_bytes(folder, "x.key") == secret
    assert secret_bytes(folder, "y.key") != secret
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "x.key").stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in folder.iterdir()) == ["x.key", "y.key"]


def test_of_many_that_come_at_once_all_get_the_first_ones(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def come(_: int) -> bytes:
        together.wait()
        return secret_bytes(tmp_path / "secrets", "x.key")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(come, range(8)))) == 1


def test_a_secret_of_another_length_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.key").write_bytes(b"short")
    (tmp_path / "x.key").chmod(0o600)
    with pytest.raises(SecretFileError, match="holds 5 bytes, not 32"):
        secret_bytes(tmp_path, "x.key")


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o666])
def test_a_secret_that_everybody_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    secret_bytes(tmp_path, "x.key")
    (tmp_path / "x.key").chmod(mode)
    with pytest.raises(SecretFileError, match="everybody can reach"):
        secret_bytes(tmp_path, "x.key")


def test_a_groups_access_is_no_fault(tmp_path: Path) -> None:
    secret = secret_bytes(tmp_path, "x.key")
    (tmp_path / "x.key").chmod(0o640)
    assert secret_bytes(tmp_path, "x.key") == secret


def test_the_names_of_new_folders_are_made_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    durable = list[Path]()
    monkeypatch.setattr("roost_shared.durable.fsync_folder", durable.append)
    secret_bytes(tmp_path / "a" / "b", "x.key")
    assert durable == [tmp_path, tmp_path / "a"]


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SecretFileError, match=r"Not a directory|File exists"):
        create_once(tmp_path / "file" / "x.key", lambda: b"x")
