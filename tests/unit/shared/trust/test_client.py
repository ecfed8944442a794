"""A device that keeps to the rules: what it learns, what it remembers, and what it does when nothing new comes."""

import contextlib
import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from roost_shared.durable import write_durably
from roost_shared.trust import (
    ManifestUnsignedError,
    SignedManifest,
    TrustClient,
    TrustRefusedError,
    TrustStaleError,
    TrustUnreachableError,
    TrustUnwritableError,
)
from tests.support.tuf_repository import DAY, MANIFEST, NOW, TufRepository

RELEASED = SignedManifest(len(MANIFEST), hashlib.sha256(MANIFEST).hexdigest())


@pytest.fixture
def repository() -> TufRepository:
    return TufRepository()


def test_a_pinned_root_leads_to_what_is_released(repository: TufRepository, tmp_path: Path) -> None:
    client = repository.client(tmp_path)
    assert told(client) == "unchecked"
    assert client.verify_manifest("meter", "meter", "1") == RELEASED
    assert (told(client), client.time) == ("fresh", NOW)


@pytest.mark.parametrize(
    ("task", "name", "version"), [("meter", "meter", "2"), ("other", "meter", "1"), ("meter", "other", "1")]
)
def test_what_is_not_released_is_said_to_be_so(
    repository: TufRepository, tmp_path: Path, task: str, name: str, version: str
) -> None:
    client = repository.client(tmp_path)
    with pytest.raises(ManifestUnsignedError, match=f"{task}/{name}:{version} is not released"):
        client.verify_manifest(task, name, version)
    assert client.state == "fresh"


def test_a_check_when_nothing_has_changed_asks_three_times(repository: TufRepository, tmp_path: Path) -> None:
    repository.client(tmp_path).verify_manifest("meter", "meter", "1")
    repository.fetched.clear()
    assert repository.client(tmp_path).verify_manifest("meter", "meter", "1") == RELEASED
    assert repository.fetched == ["2.root.json", "time", "timestamp.json"]


def test_what_is_released_and_withdrawn_later_is_learned(repository: TufRepository, tmp_path: Path) -> None:
    client = repository.client(tmp_path)
    client.refresh()
    repository.add("meter", "2", b"another")
    del repository.release.targets["meter/meter:1"]
    repository.release_next()
    assert client.verify_manifest("meter", "meter", "1") == RELEASED, "as of the check before"
    client.refresh()
    assert client.verify_manifest("meter", "meter", "2").length == 7
    with pytest.raises(ManifestUnsignedError):
        client.verify_manifest("meter", "meter", "1")


def test_time_is_what_the_cloud_signs_and_never_what_the_device_says(
    repository: TufRepository, tmp_path: Path
) -> None:
    client = repository.client(tmp_path)
    client.refresh()
    repository.now -= timedelta(hours=2)  # a cloud restored from a copy, its clock wrong
    repository.client(tmp_path).refresh()
    again = repository.client(tmp_path)
    again.refresh()
    assert again.time == NOW, "the floor stays"


def test_the_build_date_is_a_floor_too(repository: TufRepository, tmp_path: Path) -> None:
    client = repository.client(tmp_path, build_date=NOW + 2 * DAY)
    with pytest.raises(TrustStaleError, match=r"timestamp\.json is expired, by 2026-11-26 12:00 UTC"):
        client.refresh()


def test_so_it_is_behind_a_time_that_an_older_build_was_told(repository: TufRepository, tmp_path: Path) -> None:
    repository.client(tmp_path).refresh()
    with pytest.raises(TrustStaleError, match="2026-11-26 12:00 UTC"):
        repository.client(tmp_path, build_date=NOW + 2 * DAY).refresh()


def test_a_repository_that_nobody_keeps_fresh_makes_a_device_stale_and_comes_back(
    repository: TufRepository, tmp_path: Path
) -> None:
    client = repository.client(tmp_path)
    client.refresh()
    repository.now += 2 * DAY
    with pytest.raises(TrustStaleError):
        client.refresh()
    assert told(client) == "stale"
    repository.step()
    assert client.verify_manifest("meter", "meter", "1") == RELEASED
    assert told(client) == "fresh"


def test_a_device_that_was_away_for_a_year_and_three_roots_follows(repository: TufRepository, tmp_path: Path) -> None:
    repository.client(tmp_path).refresh()
    for _ in range(3):
        before = repository.signers["root"]
        repository.signers["root"] = [type(before[0]).generate_ed25519()]
        repository.now += 120 * DAY
        repository.root.expires = repository.now + 365 * DAY
        repository.root.version += 1
        repository.name_keys()
        repository.publish_root(*before)
    repository.targets.expires = repository.release.expires = repository.now + 365 * DAY
    repository.targets.version += 1
    repository.release.version += 1
    repository.publish()
    repository.step()
    client = repository.client(tmp_path)
    assert client.verify_manifest("meter", "meter", "1") == RELEASED
    repository.fetched.clear()
    client.refresh()
    assert repository.fetched[0] == "5.root.json", "roots that were seen are not asked for again"


def test_a_folder_of_another_root_is_no_hindrance(repository: TufRepository, tmp_path: Path) -> None:
    TufRepository().client(tmp_path).refresh()
    assert repository.client(tmp_path).verify_manifest("meter", "meter", "1") == RELEASED


@pytest.mark.parametrize("file", ["timestamp.json", "snapshot.json", "targets.json", "task.meter.json"])
@pytest.mark.parametrize("damage", [b"", b"\x00" * 100, b"{}"])
def test_a_damaged_copy_is_fetched_anew(repository: TufRepository, tmp_path: Path, file: str, damage: bytes) -> None:
    repository.client(tmp_path).verify_manifest("meter", "meter", "1")
    (tmp_path / "metadata" / file).write_bytes(damage)
    assert repository.client(tmp_path).verify_manifest("meter", "meter", "1") == RELEASED


def test_a_damaged_floor_is_asked_for_anew(repository: TufRepository, tmp_path: Path) -> None:
    repository.client(tmp_path).refresh()
    (tmp_path / "time.json").write_bytes(b"{")
    client = repository.client(tmp_path)
    client.refresh()
    assert client.time == NOW


def test_a_root_that_is_none_is_refused(repository: TufRepository, tmp_path: Path) -> None:
    with pytest.raises(TrustRefusedError, match="malformed"):
        repository.client(tmp_path, root=b"{}").refresh()


def test_a_cloud_without_a_repository_is_unreachable_and_says_404(repository: TufRepository, tmp_path: Path) -> None:
    client = repository.client(tmp_path)
    repository.published = {"1.root.json": repository.pinned}
    with pytest.raises(TrustUnreachableError) as caught:
        client.refresh()
    assert (caught.value.status, client.state) == (404, "unreachable")


def test_a_disk_that_takes_nothing_is_said_to_be_at_fault(repository: TufRepository, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TrustUnwritableError):
        repository.client(tmp_path / "file").refresh()


@pytest.mark.parametrize("dies_at", range(9))
def test_a_power_cut_at_any_write_costs_nothing_but_the_check(
    repository: TufRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    """What was seen before is still known, and what is new is learned at the next check."""
    repository.client(tmp_path).verify_manifest("meter", "meter", "1")
    before = repository.published["timestamp.json"]
    repository.add("meter", "2", b"another")
    repository.next_root()
    repository.targets.version += 1
    repository.put("targets", repository.targets)
    repository.release_next()
    writes: list[Path] = []

    def write_or_die(path: Path, data: bytes) -> None:
        if len(writes) == dies_at:
            raise KeyboardInterrupt
        writes.append(path)
        write_durably(path, data)

    with monkeypatch.context() as patched:
        patched.setattr("roost_shared.trust.updater.write_durably", write_or_die)
        patched.setattr("roost_shared.trust.client.write_durably", write_or_die)
        with contextlib.suppress(KeyboardInterrupt):
            repository.client(tmp_path).verify_manifest("meter", "meter", "2")
    client = repository.client(tmp_path)
    assert client.verify_manifest("meter", "meter", "2").length == 7
    repository.published["timestamp.json"] = before
    with pytest.raises(TrustRefusedError, match="rollback"):
        client.refresh()


def told(client: TrustClient) -> str:
    """Its state, which changes behind mypy's back."""
    return client.state
