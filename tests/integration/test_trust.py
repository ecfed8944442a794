"""A tenant's TUF repository through the API, on SQLite and PostgreSQL: begun, changed, kept fresh, and damaged."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from roost_cloud.db.tables import AuditEntry, TrustRepository
from roost_cloud.trust import drafts
from roost_cloud.trust.errors import TrustDamagedError
from roost_cloud.trust.refreshing import refresh_all
from roost_cloud.trust.standing import metadata_key
from roost_shared.bundle import Bundle
from tests.support.cloud import Cloud
from tests.support.fleet import code_of, enrolled_device
from tests.support.registry import RegistryApi
from tests.support.served_cloud import bundle_like
from tests.support.trust import TrustPeople, new_signer, signed, target_of

STATE = "/api/v1/trust"


@pytest.fixture
def people(cloud: Cloud, argmax: Bundle) -> TrustPeople:
    """A repository in which the bundle's task has a releaser."""
    made = TrustPeople(cloud)
    RegistryApi(cloud).stock(argmax)
    assert argmax.config.task is not None
    made.begin(argmax.config.task)
    return made


def test_everything_is_recorded_with_who_did_it(cloud: Cloud, people: TrustPeople, argmax: Bundle) -> None:
    people.accept(f"releases/{argmax.config.task}", people.first_release(argmax))
    people.accept(f"releases/{argmax.config.task}", withdrawal(people, argmax))
    with cloud.services.database.read() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action.like("trust.%"))).all()
    told = [(entry.action, entry.subject, entry.detail.get("version")) for entry in entries]
    task = argmax.config.task
    assert told == [
        ("trust.online_keys", "acme", None),
        ("trust.root", "acme", 1),
        ("trust.targets", "acme", 1),
        ("trust.targets", "acme", 2),
        ("trust.release", task, 1),
        ("trust.release", task, 2),
    ]
    assert entries[4].detail["released"] == entries[5].detail["withdrawn"] == [target_of(argmax).path]
    assert all(entry.actor.startswith("token:") for entry in entries)


@pytest.mark.one_database
def test_status_says_who_signs_what_until_when(cloud: Cloud, people: TrustPeople, argmax: Bundle) -> None:
    people.accept(f"releases/{argmax.config.task}", people.first_release(argmax))
    told = cloud.client.get(STATE, headers=cloud.headers(role="viewer")).json()
    assert [(role["name"], role["version"], role["threshold"]) for role in told["roles"]] == [
        ("root", 1, 1),
        ("targets", 2, 1),
        ("snapshot", 3, 1),
        ("timestamp", 3, 1),
        ("assignments", 2, 1),
        (f"task.{argmax.config.task}", 1, 1),
    ]
    assert told["roles"][-1]["targets"] == [target_of(argmax).path]
    assert told["roles"][-1]["keys"][0]["keyid"] == people.releaser.public_key.keyid
    assert "private" not in str(told).lower()


def test_the_same_again_changes_nothing(cloud: Cloud, people: TrustPeople, argmax: Bundle) -> None:
    release = people.first_release(argmax)
    people.accept(f"releases/{argmax.config.task}", release)
    before = files(cloud)
    for path, data in (("root", people.root_bytes), (f"releases/{argmax.config.task}", release)):
        again = people.send(path, data)
        assert (again.status_code, again.json()) == (200, {"created": False})
    assert files(cloud) == before


def test_what_another_was_faster_with_is_a_conflict(people: TrustPeople, argmax: Bundle) -> None:
    path = f"releases/{argmax.config.task}"
    people.accept(path, people.first_release(argmax))
    assert code_of(people.send(path, people.first_release())) == (409, "trust.version_taken")
    assert code_of(people.send("targets", signed(people.targets, people.targets_signer, new_signer()))) == (
        409,
        "trust.version_taken",
    )


def test_of_releases_that_come_at_once_one_is_taken(cloud: Cloud, people: TrustPeople, argmax: Bundle) -> None:
    path = f"releases/{argmax.config.task}"
    headers = cloud.headers()
    drafts_ = [people.first_release(argmax), people.first_release()]
    answers: list[int] = []
    send = cloud.client.put
    threads = [
        threading.Thread(
            target=lambda data=data: answers.append(send(f"{STATE}/{path}", content=data, headers=headers).status_code)
        )
        for data in drafts_
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, 409]


@pytest.mark.one_database
@pytest.mark.parametrize("change", ["another digest", "not pushed", "another task", "deleted"])
def test_only_what_the_registry_has_is_released(
    cloud: Cloud, people: TrustPeople, argmax: Bundle, tmp_path: Path, change: str
) -> None:
    task = argmax.config.task
    bundle = argmax
    if change == "not pushed":
        bundle = bundle_like(argmax, tmp_path / "next", version="2")
    elif change == "another digest":
        bundle = bundle_like(argmax, tmp_path / "next", version=argmax.config.version, training_run="r")
    elif change == "another task":
        bundle = bundle_like(argmax, tmp_path / "next", version="2", task="other")
        RegistryApi(cloud).stock(bundle)
        target = target_of(bundle)
        target.path = f"{task}/{bundle.config.name}:2"
        draft = drafts.released(None, add=[target], expires=people.expires)
        assert code_of(people.send(f"releases/{task}", signed(draft, people.releaser)))[0] == 422
        return
    else:
        RegistryApi(cloud).ask("DELETE", f"/bundles/{bundle.config.name}/versions/{bundle.config.version}")
    answer = people.send(f"releases/{task}", people.first_release(bundle))
    assert code_of(answer) == (422, "trust.metadata_refused")


def test_what_is_released_is_deleted_once_it_is_withdrawn(cloud: Cloud, people: TrustPeople, argmax: Bundle) -> None:
    people.release(argmax)
    path = f"/bundles/{argmax.config.name}/versions/{argmax.config.version}"
    refused = RegistryApi(cloud).ask("DELETE", path)
    assert code_of(refused) == (409, "bundle.in_use")
    assert "--withdraw` first" in refused.json()["error"]["message"]
    first = drafts.released(None, add=[target_of(argmax)], expires=people.expires)
    withdrawn = drafts.released(first, withdraw=[target_of(argmax).path], expires=people.expires)
    people.accept(f"releases/{argmax.config.task}", signed(withdrawn, people.releaser))
    assert RegistryApi(cloud).ask("DELETE", path).status_code == 204


@pytest.mark.one_database
def test_tenants_never_see_each_other_s(cloud: Cloud, people: TrustPeople) -> None:
    beta = TrustPeople(cloud, tenant="beta")
    for path in ("", "/metadata/1.root.json", "/metadata/timestamp.json", "/time?nonce=a-nonce-of-some-length"):
        answer = cloud.client.get(f"{STATE}{path}", headers=cloud.headers("beta"))
        assert answer.status_code == 404, path
    assert code_of(beta.send("targets", people.next_targets()))[0] == 404
    beta.begin()
    theirs = cloud.client.get(f"{STATE}/metadata/1.root.json", headers=cloud.headers("beta"))
    assert theirs.content == beta.root_bytes != people.root_bytes
    assert code_of(beta.send("root", people.next_root()))[0] == 422, "acme's root is none of beta's"
    stranger = enrolled_device(cloud, "cam-09", "beta").headers()
    root = cloud.client.get("/api/v1/device/trust/metadata/1.root.json", headers=stranger)
    assert root.content == beta.root_bytes


def test_a_repository_begins_once(cloud: Cloud, people: TrustPeople) -> None:
    other = TrustPeople(cloud)
    root = signed(other.first_root(), *other.root_signers)
    assert code_of(people.send("root", root)) == (409, "trust.version_taken")


@pytest.mark.one_database
def test_targets_come_after_the_root(cloud: Cloud) -> None:
    people = TrustPeople(cloud)
    cloud.tenant("acme")
    targets = signed(drafts.first_targets(people.expires), people.targets_signer)
    assert code_of(people.send("targets", targets)) == (404, "not_found")
    assert code_of(people.send("releases/meter", targets)) == (404, "not_found")


def test_a_tenant_in_trouble_is_not_another_s(cloud: Cloud, people: TrustPeople) -> None:
    TrustPeople(cloud, tenant="zeta").begin()
    cloud.services.objects.put(metadata_key("acme", "timestamp.json"), b"{}")
    cloud.clock.advance(timedelta(hours=13))
    with pytest.raises(TrustDamagedError):
        refresh_all(cloud.services)
    fresh = cloud.client.get(STATE, headers=cloud.headers("zeta")).json()
    assert fresh["roles"][3]["version"] == 2
    assert people.tenant == "acme"


@pytest.mark.one_database
@pytest.mark.parametrize("file", ["timestamp.json", "2.snapshot.json", "2.targets.json", "1.root.json"])
@pytest.mark.parametrize("damage", ["changed", "lost", "another's"])
def test_nothing_is_signed_on_what_the_store_has_damaged(
    cloud: Cloud, people: TrustPeople, argmax: Bundle, file: str, damage: str
) -> None:
    store, key = cloud.services.objects, metadata_key("acme", file)
    if damage == "lost":
        store.delete(key)
    elif damage == "changed":
        with store.open(key) as reader:
            data = reader.read()
        store.put(key, data + b" ")
    else:
        beta = TrustPeople(cloud, tenant="beta")
        beta.begin("argmax")
        with store.open(metadata_key("beta", file)) as reader:
            store.put(key, reader.read())
    answer = people.send(f"releases/{argmax.config.task}", people.first_release(argmax))
    if (file, damage) == ("timestamp.json", "changed"):
        assert answer.status_code == 201, "white space is not signed"
    else:
        assert answer.status_code == 500
        assert code_of(answer)[1] == "trust.damaged"


@pytest.mark.one_database
def test_a_database_that_names_another_root_is_not_believed(cloud: Cloud, people: TrustPeople) -> None:
    """The attacker has database and object store, and has put a root of its own in both."""
    evil = TrustPeople(cloud, tenant="evil")
    evil.begin()
    cloud.services.objects.put(metadata_key("acme", "1.root.json"), evil.root_bytes)
    with cloud.services.database.begin() as session:
        row = session.get(TrustRepository, "evil")
        assert row is not None
        values = {"root_digest": row.root_digest, "seal": row.seal}
        session.execute(update(TrustRepository).where(TrustRepository.tenant == "acme").values(**values))
    body = {"device": "cam-02"}
    answer = cloud.client.post("/api/v1/enrolments", json=body, headers=cloud.headers())
    assert code_of(answer) == (500, "trust.damaged")
    assert people.send("targets", people.next_targets()).status_code == 500


def test_whoever_dies_before_the_database_hears_of_a_root_goes_on(cloud: Cloud, people: TrustPeople) -> None:
    data = people.next_root()
    cloud.services.objects.put(metadata_key("acme", "2.root.json"), data)
    assert people.send("targets", people.next_targets()).status_code == 201
    assert people.send("root", data).status_code == 200
    with cloud.services.database.read() as session:
        row = session.get(TrustRepository, "acme")
    assert row is not None
    assert row.root_version == 2


@pytest.mark.one_database
def test_a_root_of_the_attacker_s_behind_the_newest_is_passed_over(cloud: Cloud, people: TrustPeople) -> None:
    people.root_signers, honest = [new_signer()], people.root_signers
    cloud.services.objects.put(metadata_key("acme", "2.root.json"), people.next_root())
    people.root_signers = honest
    people.accept("targets", people.next_targets())
    people.accept("root", people.next_root())


@pytest.mark.one_database
def test_secrets_that_are_lost_are_said_to_be(cloud: Cloud, people: TrustPeople, argmax: Bundle) -> None:
    for file in (cloud.services.settings.secrets_path / "trust" / "acme").iterdir():
        assert file.stat().st_mode & 0o077 == 0
        file.unlink()
    answer = people.send(f"releases/{argmax.config.task}", people.first_release(argmax))
    assert code_of(answer) == (500, "trust.damaged")
    nonce = "a-nonce-of-some-length"
    assert cloud.client.get(f"{STATE}/time?nonce={nonce}", headers=cloud.headers()).status_code == 500


def withdrawal(people: TrustPeople, bundle: Bundle) -> bytes:
    first = drafts.released(None, add=[target_of(bundle)], expires=people.expires)
    draft = drafts.released(first, withdraw=[target_of(bundle).path], expires=people.expires)
    return signed(draft, people.releaser)


def files(cloud: Cloud) -> list[str]:
    return [info.key for info in cloud.services.objects.list_objects("acme/tuf/")]


@pytest.fixture
def online(people: TrustPeople, argmax: Bundle) -> TrustPeople:
    """The cloud may release for the bundle's task by itself."""
    people.delegate_online(argmax.config.task or "")
    return people


def release_online(cloud: Cloud, bundle: Bundle, **body: Any) -> Any:
    path = f"{STATE}/releases/{bundle.config.task}"
    return cloud.client.post(path, json=body, headers=cloud.headers(role="operator"))


def test_where_people_have_said_so_the_cloud_releases(cloud: Cloud, online: TrustPeople, argmax: Bundle) -> None:
    reference = f"{argmax.config.name}:{argmax.config.version}"
    assert release_online(cloud, argmax, release=[reference]).json() == {"created": True}
    assert release_online(cloud, argmax, release=[reference]).json() == {"created": False}
    told = cloud.client.get(STATE, headers=cloud.headers()).json()["roles"][-1]
    assert (told["version"], told["targets"]) == (1, [target_of(argmax).path])
    assert told["keys"][0]["keyid"] == online.online_releaser(argmax.config.task or "").keyid
    assert release_online(cloud, argmax, withdraw=[reference]).json() == {"created": True}


@pytest.mark.one_database
def test_the_cloud_releases_nothing_that_the_registry_lacks(cloud: Cloud, online: TrustPeople, argmax: Bundle) -> None:
    answer = release_online(cloud, argmax, release=["nobodys:1"])
    assert code_of(answer) == (422, "trust.metadata_refused")
    assert online.tenant == "acme"


@pytest.mark.one_database
def test_where_people_release_the_cloud_does_not(cloud: Cloud, people: TrustPeople, argmax: Bundle) -> None:
    people.online_releaser(argmax.config.task or "")  # having a key is not enough
    reference = f"{argmax.config.name}:{argmax.config.version}"
    assert code_of(release_online(cloud, argmax, release=[reference])) == (422, "trust.metadata_refused")


@pytest.mark.one_database
def test_what_the_cloud_released_is_kept_from_expiring_and_what_people_did_is_not(
    cloud: Cloud, online: TrustPeople, argmax: Bundle
) -> None:
    online.delegate("faces", [online.releaser])
    online.accept("releases/faces", online.first_release())
    release_online(cloud, argmax, release=[f"{argmax.config.name}:{argmax.config.version}"])
    cloud.clock.advance(timedelta(days=20))
    refresh_all(cloud.services)
    told = {role["name"]: role["version"] for role in cloud.client.get(STATE, headers=cloud.headers()).json()["roles"]}
    assert told[f"task.{argmax.config.task}"] == 2
    assert told["task.faces"] == 1


@pytest.mark.one_database
def test_the_cloud_s_releaser_is_replaced_once_it_is_named(cloud: Cloud, online: TrustPeople, argmax: Bundle) -> None:
    path = f"{STATE}/releases/{argmax.config.task}/releaser"
    made = [cloud.client.post(path, json={"anew": True}, headers=cloud.headers()).json()["keyid"] for _ in range(2)]
    assert made[0] == made[1] != online.targets.get_delegated_role(f"task.{argmax.config.task}").keyids[0]
