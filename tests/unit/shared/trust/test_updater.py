"""What we rely on in python-tuf's insides: another version that does otherwise fails here, not on a device."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from tuf.api.exceptions import DownloadLengthMismatchError, ExpiredMetadataError

from roost_shared.trust.updater import ClockedUpdater
from tests.support.tuf_repository import BASE, DAY, NOW, TufRepository


@pytest.fixture
def repository() -> TufRepository:
    return TufRepository()


def updater(repository: TufRepository, folder: Path) -> ClockedUpdater:
    made = ClockedUpdater(folder, repository.pinned, f"{BASE}/metadata/", repository)
    made.load_root()
    return made


@pytest.mark.parametrize("after", [DAY, 400 * DAY, 40_000 * DAY])
def test_the_time_it_is_given_is_the_time_it_judges_by(
    repository: TufRepository, tmp_path: Path, after: timedelta
) -> None:
    made = updater(repository, tmp_path)
    made.set_time(NOW + after)
    with pytest.raises(ExpiredMetadataError):
        made.refresh()


def test_it_judges_by_no_other_clock(tmp_path: Path) -> None:
    """Everything expired long ago by this machine's clock, and is good by the time that is given."""
    repository = TufRepository(now=NOW - 9_000 * DAY)
    made = updater(repository, tmp_path)
    made.set_time(repository.now)
    made.refresh()
    assert made.get_targetinfo("meter/meter:1") is not None


def test_the_last_moment_counts_as_expired(repository: TufRepository, tmp_path: Path) -> None:
    made = updater(repository, tmp_path / "in time")
    made.set_time(repository.timestamp.expires - timedelta(microseconds=1))
    made.refresh()
    late = updater(repository, tmp_path / "late")
    late.set_time(repository.timestamp.expires)
    with pytest.raises(ExpiredMetadataError):
        late.refresh()


def test_files_are_durable_before_they_have_their_names(
    repository: TufRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(descriptor)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    made = updater(repository, tmp_path)
    made.set_time(NOW)
    made.refresh()
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"root.json", "root_history", "timestamp.json", "snapshot.json", "targets.json"}
    assert len(synced) >= 2 * 4  # root, timestamp, snapshot, targets: each file, and its folder


def test_no_metadata_lifts_a_limit(repository: TufRepository, tmp_path: Path) -> None:
    repository.timestamp.snapshot_meta.length = 1 << 40
    repository.timestamp.version += 1
    repository.put("timestamp", repository.timestamp)
    repository.published["1.snapshot.json"] = b" " * (257 << 10)
    made = updater(repository, tmp_path)
    made.set_time(NOW)
    with pytest.raises(DownloadLengthMismatchError, match="262144"):
        made.refresh()


def test_a_role_that_has_said_nothing_is_none(repository: TufRepository, tmp_path: Path) -> None:
    made = updater(repository, tmp_path)
    made.set_time(NOW)
    made.refresh()
    assert made.delegated("task.other") is None
    release = made.delegated("task.meter")
    assert release is not None
    assert list(release.targets) == ["meter/meter:1"]
    assert made.targets.version == made.root.version == 1
