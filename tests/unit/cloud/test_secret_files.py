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
    with pytest.raises(SecretFileError, match="holds 5 bytes, not 32"):
        secret_bytes(tmp_path, "x.key")


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SecretFileError, match=r"Not a directory|File exists"):
        create_once(tmp_path / "file" / "x.key", lambda: b"x")
