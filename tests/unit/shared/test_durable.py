"""Folders whose names outlive a power cut; files are cut in tests/faults."""

from pathlib import Path

import pytest

from roost_shared.durable import make_folders


def test_folders_are_made_durably_from_the_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("roost_shared.durable.fsync_folder", synced.append)
    make_folders(tmp_path / "a" / "b")
    assert synced == [tmp_path, tmp_path / "a"]
    make_folders(tmp_path / "a" / "b")
    assert len(synced) == 2


def test_the_mode_is_of_the_folder_itself(tmp_path: Path) -> None:
    make_folders(tmp_path / "a" / "b", mode=0o700)
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a").stat().st_mode & 0o777 != 0o700
