"""A device and its tenant's TUF repository over real HTTP, on SQLite and PostgreSQL."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3

from roost_cloud.objects import ObjectStore
from roost_cloud.trust import drafts
from roost_cloud.trust.refreshing import refresh_all
from roost_shared.bundle import Bundle
from roost_shared.digest import hex_of
from roost_shared.trust import HttpFetcher, TrustClient, TrustStaleError, TrustUnreachableError
from tests.support.fleet import code_of, enrolled_device
from tests.support.registry import RegistryApi
from tests.support.served_cloud import ServedCloud
from tests.support.trust import TrustPeople, new_signer, signed


@pytest.fixture
def cloud(served_cloud: ServedCloud) -> ServedCloud:
    """Over real HTTP, for the device; people's requests go straight in."""
    return served_cloud


@pytest.fixture
def people(cloud: ServedCloud, argmax: Bundle) -> TrustPeople:
    """A repository in which the bundle's task has a releaser."""
    made = TrustPeople(cloud)
    RegistryApi(cloud).stock(argmax)
    assert argmax.config.task is not None
    made.begin(argmax.config.task)
    return made


@pytest.fixture
def pool() -> Iterator[urllib3.PoolManager]:
    made = urllib3.PoolManager()
    yield made
    made.clear()


@pytest.fixture
def device(cloud: ServedCloud, people: TrustPeople, pool: urllib3.PoolManager, tmp_path: Path) -> TrustClient:
    """A device that signs in anew for each request: time goes fast here."""
    return client_of(cloud, people, HttpFetcher(pool, enrolled_device(cloud).headers), tmp_path)


def client_of(cloud: ServedCloud, people: TrustPeople, fetcher: HttpFetcher, folder: Path) -> TrustClient:
    url = f"{cloud.url}/api/v1/device/trust"
    return TrustClient(people.root_bytes, tenant="acme", folder=folder / "device", base_url=url, fetcher=fetcher)


def test_a_device_learns_what_a_releaser_has_signed(device: TrustClient, people: TrustPeople, argmax: Bundle) -> None:
    config = argmax.config
    people.accept(f"releases/{config.task}", people.first_release(argmax))
    device.refresh()
    manifest = device.verify_manifest(config.task or "", config.name, config.version)
    assert manifest.sha256 == hex_of(argmax.digest)


@pytest.mark.one_database
def test_root_keys_change_and_devices_follow(device: TrustClient, people: TrustPeople) -> None:
    device.refresh()
    fresh = [new_signer(), new_signer()]
    root = drafts.rekeyed(
        people.root,
        "root",
        add=[signer.public_key for signer in fresh],
        remove=[people.root_signers[0].public_key.keyid],
        threshold=2,
        expires=people.expires,
    )
    assert code_of(people.send("root", signed(root, *fresh)))[0] == 422
    people.accept("root", signed(root, *fresh, *people.root_signers))
    device.refresh()
    assert code_of(people.send("root", signed(drafts.renewed(root, people.expires), *people.root_signers)))[0] == 422
    people.accept("root", signed(drafts.renewed(root, people.expires), *fresh))
    device.refresh()


@pytest.mark.one_database
def test_the_cloud_s_keys_change_without_a_moment_in_which_a_device_believes_nothing(
    cloud: ServedCloud,
    people: TrustPeople,
    pool: urllib3.PoolManager,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    headers = enrolled_device(cloud).headers()  # once: while a root is published, SQLite takes no other's writes
    device = client_of(cloud, people, HttpFetcher(pool, lambda: headers), tmp_path)
    device.refresh()
    online = people.online(anew=True)
    assert people.online(anew=True) == online, "asked twice, made once"
    root = people.root
    for role in ("snapshot", "timestamp"):
        key = online[role]
        gone = root.roles[role].keyids
        root = drafts.rekeyed(root, role, add=[key], remove=gone, threshold=None, expires=people.expires)
    root.version = 2
    seen: list[str] = []
    put = type(cloud.services.objects).put

    def put_and_look(store: ObjectStore, key: str, data: bytes) -> None:
        put(store, key, data)
        if key.endswith((".root.json", "timestamp.json")):
            device.refresh()
            seen.append(key)

    with monkeypatch.context() as patched:
        patched.setattr(type(cloud.services.objects), "put", put_and_look)
        people.accept("root", signed(root, *people.root_signers))
    assert seen == ["acme/tuf/timestamp.json", "acme/tuf/2.root.json"]
    device.refresh()
    before = cloud.client.get("/api/v1/trust", headers=cloud.headers()).json()["roles"]
    cloud.clock.advance(timedelta(hours=13))
    assert refresh_all(cloud.services) == 1, "by the new keys alone"
    after = cloud.client.get("/api/v1/trust", headers=cloud.headers()).json()["roles"]
    assert [role["version"] for role in after] == [role["version"] + (role["name"] == "timestamp") for role in before]


@pytest.mark.one_database
def test_a_director_keeps_it_fresh_and_without_one_devices_are_stale(
    cloud: ServedCloud, device: TrustClient, people: TrustPeople
) -> None:
    assert refresh_all(cloud.services) == 0, "nothing is due"
    for _ in range(16):  # more than a snapshot's life
        cloud.clock.advance(timedelta(hours=13))
        assert refresh_all(cloud.services) == 1
        device.refresh()
    cloud.clock.advance(timedelta(hours=25))
    with pytest.raises(TrustStaleError):
        device.refresh()
    assert refresh_all(cloud.services) == 1
    device.refresh()
    assert people.send("root", people.root_bytes).status_code == 200


@pytest.mark.one_database
@pytest.mark.parametrize("dies_at", range(4))
def test_whoever_dies_while_publishing_leaves_the_state_before(
    cloud: ServedCloud,
    device: TrustClient,
    people: TrustPeople,
    argmax: Bundle,
    monkeypatch: pytest.MonkeyPatch,
    dies_at: int,
) -> None:
    device.refresh()
    puts: list[str] = []
    kind = type(cloud.services.objects)
    put = kind.put

    def dying(store: Any, key: str, data: bytes) -> None:
        if len(puts) == dies_at:
            raise RuntimeError("died")
        puts.append(key)
        put(store, key, data)

    release = people.first_release(argmax)
    path = f"releases/{argmax.config.task}"
    with monkeypatch.context() as patched:
        patched.setattr(kind, "put", dying)
        answer = people.send(path, release)
    assert answer.status_code == (201 if dies_at == 3 else 500)
    device.refresh()
    assert people.send(path, release).status_code == (200 if dies_at == 3 else 201)
    device.refresh()
    config = argmax.config
    assert device.verify_manifest(config.task or "", config.name, config.version)


def test_a_revoked_device_learns_nothing_more(
    cloud: ServedCloud, people: TrustPeople, pool: urllib3.PoolManager, tmp_path: Path
) -> None:
    headers = enrolled_device(cloud).headers()
    device = client_of(cloud, people, HttpFetcher(pool, lambda: headers), tmp_path)
    device.refresh()
    cloud.client.post("/api/v1/devices/cam-01/revoke", headers=cloud.headers())
    with pytest.raises(TrustUnreachableError) as caught:
        device.refresh()
    assert caught.value.status == 401
