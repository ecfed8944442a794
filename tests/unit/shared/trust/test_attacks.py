"""What an attacker may do to a device, and what it does then: it says why, and believes nothing new.

First come those who hold what is online and none of the keys: the network, the object store, the database. Then those
who stole keys: what they can do ends where the key's power ends, and is cured by a new root.
"""

from copy import deepcopy
from datetime import datetime
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, TargetFile

from roost_shared.trust import (
    ManifestUnsignedError,
    TrustClient,
    TrustRefusedError,
    TrustStaleError,
)
from roost_shared.trust.names import task_role
from tests.support.trust_attacks import CASES, EVIL, STRANGER, honest, released
from tests.support.tuf_repository import DAY, MANIFEST, NOW, TufRepository


@pytest.fixture
def repository() -> TufRepository:
    return TufRepository()


def begun(repository: TufRepository, folder: Path) -> TrustClient:
    """A device that has seen two states of the repository."""
    client = repository.client(folder)
    client.verify_manifest("meter", "meter", "1")
    repository.release_next()
    assert client.verify_manifest("meter", "meter", "1")
    client.refresh()
    client.verify_manifest("meter", "meter", "1")
    return client


def check(client: TrustClient) -> None:
    client.refresh()
    client.verify_manifest("meter", "meter", "1")


@pytest.mark.parametrize("name", CASES)
def test_an_attacker_without_keys_gets_nothing_believed(repository: TufRepository, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    client = begun(repository, tmp_path)
    kept = honest(repository)
    case.attack(repository)
    with pytest.raises(case.error) as caught:
        check(client)
    assert getattr(caught.value, "reason", None) == case.reason
    assert client.state in ("refused", "stale", "unreachable")
    kept.now = repository.now
    for signed in (kept.snapshot, kept.timestamp, kept.targets, kept.release):
        signed.version += 8  # behind whatever the attacker had the cloud sign
    kept.publish()
    kept.step()
    after = kept.client(tmp_path)
    assert after.verify_manifest("meter", "meter", "1") == released(MANIFEST), "and the attack leaves no trace"


@pytest.mark.parametrize("path", ["../../etc/passwd", "meter/../meter:1", "/meter/meter:1", "meter//meter:1"])
def test_a_path_out_of_the_task_is_no_name_of_a_bundle(repository: TufRepository, tmp_path: Path, path: str) -> None:
    repository.release.targets[path] = TargetFile.from_data(path, EVIL, ["sha256"])
    repository.release_next()
    task, _, name = path.rpartition("/")
    with pytest.raises(ManifestUnsignedError):
        repository.client(tmp_path).verify_manifest(task, *(name.split(":") * 2)[:2])
    assert {file.name for file in tmp_path.iterdir()} == {"metadata", "time.json"}


# ---- with stolen keys


def test_a_releaser_cannot_speak_for_another_task(repository: TufRepository, tmp_path: Path) -> None:
    path = "faces/faces:1"
    repository.release.targets[path] = TargetFile.from_data(path, EVIL, ["sha256"])
    repository.release_next()
    with pytest.raises(ManifestUnsignedError):
        repository.client(tmp_path).verify_manifest("faces", "faces", "1")


def test_one_of_two_releasers_is_not_enough(repository: TufRepository, tmp_path: Path) -> None:
    role = task_role("meter")
    repository.signers[role].append(CryptoSigner.generate_ed25519())
    repository.thresholds[role] = 2
    repository.targets.version += 1
    repository.release.version += 1
    repository.name_keys()
    repository.publish()
    repository.step()
    client = repository.client(tmp_path)
    client.verify_manifest("meter", "meter", "1")
    repository.add("meter", "1", EVIL)
    repository.release.version += 1
    repository.put(role, repository.release, repository.signers[role][0], repository.signers[role][0])
    repository.step()
    client.refresh()
    with pytest.raises(TrustRefusedError, match="signed by 1/2 keys"):
        client.verify_manifest("meter", "meter", "1")


def test_one_of_two_roots_is_not_enough(repository: TufRepository, tmp_path: Path) -> None:
    repository.signers["root"].append(CryptoSigner.generate_ed25519())
    repository.thresholds["root"] = 2
    repository.next_root()
    client = repository.client(tmp_path)
    client.refresh()
    repository.root.version += 1
    repository.put("root", repository.root, repository.signers["root"][0])
    with pytest.raises(TrustRefusedError, match="signed by 1/2 keys"):
        client.refresh()


def test_the_cloud_s_keys_release_nothing(repository: TufRepository, tmp_path: Path) -> None:
    client = begun(repository, tmp_path)
    repository.add("meter", "1", EVIL)
    repository.release.version += 1
    stolen = repository.signers["snapshot"] + repository.signers["timestamp"]
    repository.put(task_role("meter"), repository.release, *stolen)
    repository.step()
    client.refresh()
    with pytest.raises(TrustRefusedError, match="signature"):
        client.verify_manifest("meter", "meter", "1")


def test_the_cloud_s_keys_cannot_make_a_device_load_more_than_it_would(
    repository: TufRepository, tmp_path: Path
) -> None:
    repository.snapshot.version += 1
    repository.published["2.snapshot.json"] = b" " * (300 << 10) + repository.published["1.snapshot.json"]
    repository.timestamp.version += 1
    repository.publish_timestamp()
    with pytest.raises(TrustRefusedError, match="exceeding the maximum allowed length of 262144"):
        repository.client(tmp_path).refresh()


def test_fast_forward_is_cured_by_a_new_root(repository: TufRepository, tmp_path: Path) -> None:
    client = begun(repository, tmp_path)
    repository.timestamp.version = repository.snapshot.version = 2**31
    repository.publish_snapshot()
    client.refresh()
    repository.timestamp.version = repository.snapshot.version = 5
    for role in ("snapshot", "timestamp"):
        repository.signers[role] = [CryptoSigner.generate_ed25519()]
    repository.next_root()
    repository.step()
    client.refresh()
    assert client.verify_manifest("meter", "meter", "1") == released(MANIFEST)


def test_a_stolen_key_that_signs_a_time_to_come_is_cured_by_a_new_root(
    repository: TufRepository, tmp_path: Path
) -> None:
    client = begun(repository, tmp_path)
    honest_now, repository.now = repository.now, repository.now + 200 * DAY
    with pytest.raises(TrustStaleError):
        client.refresh()
    repository.now = honest_now
    with pytest.raises(TrustStaleError, match="by 2027-06-12"):
        client.refresh()
    repository.signers["timestamp"] = [CryptoSigner.generate_ed25519()]
    repository.next_root()
    repository.step()
    client.refresh()
    assert (client.state, client.time) == ("fresh", repository.now)


def test_a_time_behind_the_end_of_the_root_leaves_no_trace(repository: TufRepository, tmp_path: Path) -> None:
    client = begun(repository, tmp_path)
    honest_now, repository.now = repository.now, datetime(2099, 1, 1, tzinfo=NOW.tzinfo)
    with pytest.raises(TrustStaleError, match=r"root\.json is expired, by 2099-01-01"):
        client.refresh()
    repository.now = honest_now
    client.refresh()
    assert client.verify_manifest("meter", "meter", "1") == released(MANIFEST)


def test_a_releaser_who_is_named_no_more_is_believed_no_more(repository: TufRepository, tmp_path: Path) -> None:
    client = begun(repository, tmp_path)
    role = task_role("meter")
    stolen = repository.signers[role]
    repository.signers[role] = [CryptoSigner.generate_ed25519()]
    repository.targets.version += 1
    repository.name_keys()
    repository.put("targets", repository.targets)
    repository.release_next()
    client.refresh()
    assert client.verify_manifest("meter", "meter", "1") == released(MANIFEST)
    repository.add("meter", "1", EVIL)
    repository.release.version += 1
    repository.put(role, repository.release, *stolen)
    repository.step()
    client.refresh()
    with pytest.raises(TrustRefusedError, match="signature"):
        client.verify_manifest("meter", "meter", "1")


def test_a_releaser_cannot_pass_its_right_on(repository: TufRepository, tmp_path: Path) -> None:
    """Its role ends the search: what it would delegate to is looked at, and signs under its name alone."""
    role = task_role("meter")
    name = "task.evil"
    repository.release.targets.clear()
    repository.release.delegations = deepcopy(repository.targets.delegations)
    assert repository.release.delegations is not None
    repository.release.delegations.keys = {STRANGER.public_key.keyid: STRANGER.public_key}
    repository.release.delegations.roles = {
        name: DelegatedRole(name, [STRANGER.public_key.keyid], 1, terminating=True, paths=["meter/*"])
    }
    repository.release.version += 1
    repository.put(role, repository.release)
    repository.step()
    with pytest.raises(TrustRefusedError, match="Role task"):
        repository.client(tmp_path).verify_manifest("meter", "meter", "1")
