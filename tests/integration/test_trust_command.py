"""`roost trust`, against a real HTTP server: from the first key to a release, and what nobody must be made to sign."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import urllib3
from structlog.testing import capture_logs
from typer.testing import CliRunner

from roost_cloud.__main__ import app
from roost_cloud.trust.refreshing import refresh_all
from roost_cloud.trust.standing import metadata_key
from roost_shared.bundle import Bundle
from roost_shared.digest import digest_of, hex_of
from roost_shared.trust import HttpFetcher, ManifestUnsignedError, TrustClient
from tests.support.registry import RegistryApi
from tests.support.served_cloud import ServedCloud, serve_cloud
from tests.support.trust import TrustPeople


@pytest.fixture
def cloud(newest_sqlite: Path, tmp_path: Path, argmax: Bundle) -> Iterator[ServedCloud]:
    file = tmp_path / "roost.db"
    file.write_bytes(newest_sqlite.read_bytes())
    # The server's log would come where the command's output is read.
    with capture_logs(), serve_cloud(tmp_path / "cloud", f"sqlite:///{file}") as served:
        served.clock.advance(datetime.now(UTC) - served.clock.wall())  # the command goes by this machine's
        RegistryApi(served).stock(argmax)
        yield served


class Person:
    """Somebody with a folder of keys and a token."""

    def __init__(self, cloud: ServedCloud, folder: Path) -> None:
        self.cloud = cloud
        self.folder = folder
        self.env = {"ROOST_URL": cloud.url, "ROOST_TOKEN": cloud.token(), "COLUMNS": "200"}
        self.env |= {"ROOST_TRUST_KEYS": str(folder)}

    def __call__(self, *arguments: str, fails: str | None = None, stdin: str = "") -> str:
        result = CliRunner().invoke(app, ["trust", *arguments], env=self.env, input=stdin)
        if fails is not None:
            assert result.exit_code != 0
            assert fails in f"{result.output}{result.exception}"
        else:
            assert result.exit_code == 0, f"{result.output}{result.exception!r}"
        return result.output

    @property
    def root(self) -> bytes:
        return (self.folder / "root.json").read_bytes()


@pytest.fixture
def admin(cloud: ServedCloud, tmp_path: Path) -> Person:
    return Person(cloud, tmp_path / "admin")


@pytest.fixture
def ann(cloud: ServedCloud, tmp_path: Path) -> Person:
    return Person(cloud, tmp_path / "ann")


@pytest.fixture
def pool() -> Iterator[urllib3.PoolManager]:
    made = urllib3.PoolManager()
    yield made
    made.clear()


@pytest.fixture
def delegated(admin: Person, ann: Person, argmax: Bundle) -> Person:
    """Ann, who may release for the bundle's task, and knows the root."""
    admin("init", "--no-passphrase")
    ann("add-key", "ann", "--no-passphrase")
    admin("delegate", argmax.config.task or "", "--to", str(ann.folder / "ann.pub"))
    (ann.folder / "root.json").write_bytes(admin.root)
    return ann


def device(cloud: ServedCloud, root: bytes, pool: urllib3.PoolManager, folder: Path) -> TrustClient:
    headers = {"Authorization": f"Bearer {cloud.token()}"}
    url = f"{cloud.url}/api/v1/trust"
    return TrustClient(root, tenant="acme", folder=folder, base_url=url, fetcher=HttpFetcher(pool, lambda: headers))


def reference(bundle: Bundle) -> str:
    return f"{bundle.config.name}:{bundle.config.version}"


def test_from_the_first_key_to_a_release_that_a_device_believes(
    cloud: ServedCloud, admin: Person, ann: Person, argmax: Bundle, pool: urllib3.PoolManager, tmp_path: Path
) -> None:
    said = admin("init", "--root-keys", "3", "--threshold", "2", stdin="secret\nsecret\n")
    digest = digest_of(admin.root)
    assert f"root {digest}" in said
    assert "2 of 3 root keys sign" in said
    said = ann("add-key", "ann", stdin="anns\nanns\n")
    assert "ann.pub is for whoever delegates to it" in said
    task = argmax.config.task or ""
    said = admin("delegate", task, "--to", str(ann.folder / "ann.pub"), stdin="secret\n")
    assert f"task {task}: ann may release\n" in said
    said = ann("sign", reference(argmax), "--root-digest", digest, "--expect", str(argmax.folder), stdin="anns\n")
    assert f"{reference(argmax)}: released for task {task}, {argmax.digest}\n" in said
    client = device(cloud, admin.root, pool, tmp_path / "device")
    manifest = client.verify_manifest(task, argmax.config.name, argmax.config.version)
    assert manifest.sha256 == hex_of(argmax.digest)
    rows = [line.split() for line in admin("status").splitlines()]
    assert rows[0] == ["acme:", "root", digest]
    assert rows[2][:2] == ["root", "1"]
    assert "2 of 3" in " ".join(rows[2])
    assert rows[-1][0] == f"task.{task}"
    assert json.loads(admin("status", "--json"))["roles"][-1]["targets"] == [f"{task}/{reference(argmax)}"]
    ann("sign", reference(argmax), "--withdraw", stdin="anns\n")
    client.refresh()
    with pytest.raises(ManifestUnsignedError):
        client.verify_manifest(task, argmax.config.name, argmax.config.version)


def test_an_interrupted_beginning_goes_on(cloud: ServedCloud, admin: Person) -> None:
    url, admin.env["ROOST_URL"] = admin.env["ROOST_URL"], "http://127.0.0.1:1"
    admin("init", "--no-passphrase", fails="Failed to establish a new connection")
    admin.env["ROOST_URL"] = url
    keys = {file.name: file.read_bytes() for file in admin.folder.glob("*.pem")}
    admin("init", "--no-passphrase")
    root = admin.root
    admin("init", "--no-passphrase")
    assert admin.root == root
    assert {file.name: file.read_bytes() for file in admin.folder.glob("*.pem")} == keys
    cloud.client.get("/api/v1/trust", headers=cloud.headers()).raise_for_status()


def test_a_tenant_that_has_begun_begins_with_no_other_keys(admin: Person, ann: Person) -> None:
    admin("init", "--no-passphrase")
    ann("init", "--no-passphrase", fails="trust.version_taken")
    assert not (ann.folder / "root.json").exists()


def test_what_is_asked_before_signing_is_what_is_signed(delegated: Person, argmax: Bundle) -> None:
    said = delegated("sign", reference(argmax), stdin="n\n", fails="")
    assert f"Let devices run {reference(argmax)}, {argmax.digest}?" in said
    delegated("sign", reference(argmax), "--expect", "sha256:" + 64 * "0", fails="nothing was signed")
    assert json.loads(delegated("status", "--json"))["roles"][-1]["version"] == 0
    delegated("sign", reference(argmax), stdin="y\n")
    delegated("sign", f"{argmax.config.name}@stable", fails="an alias, which moves")
    delegated("sign", "nobodys:1", fails="not_found")


def test_who_may_not_release_is_told_so(admin: Person, delegated: Person, argmax: Bundle) -> None:
    admin("sign", reference(argmax), "--expect", argmax.digest, fails="lacks 1 more signatures, nothing was sent")
    delegated("delegate", argmax.config.task or "", "--to", "ann", fails="targets lacks 1 more signatures")
    delegated("rotate", "root", fails="root lacks 1 more signatures")


def test_a_folder_believes_the_root_that_somebody_vouches_for(admin: Person, ann: Person, argmax: Bundle) -> None:
    admin("init", "--no-passphrase")
    ann("add-key", "ann", "--no-passphrase")
    ann("sign", reference(argmax), "--expect", argmax.digest, fails="give --root-digest")
    ann(
        "sign",
        reference(argmax),
        "--expect",
        argmax.digest,
        "--root-digest",
        "sha256:" + 64 * "0",
        fails="the newest root is sha256:",
    )
    assert not (ann.folder / "root.json").exists()


def test_two_releasers_sign_one_after_the_other(
    cloud: ServedCloud, admin: Person, delegated: Person, argmax: Bundle, tmp_path: Path
) -> None:
    bob = Person(cloud, tmp_path / "bob")
    bob("add-key", "bob", "--no-passphrase")
    (bob.folder / "root.json").write_bytes(admin.root)
    task = argmax.config.task or ""
    publics = [str(delegated.folder / "ann.pub"), str(bob.folder / "bob.pub")]
    admin("delegate", task, "--to", publics[0], "--to", publics[1], "--threshold", "2")
    draft = tmp_path / "draft.json"
    said = f"have {draft} signed by others"
    delegated("sign", reference(argmax), "--expect", argmax.digest, "--draft", str(draft), fails=said)
    shown = bob("sign", str(draft), stdin="y\n")
    assert f"+ {task}/{reference(argmax)}" in shown
    assert "sha256:" + hex_of(argmax.digest) in shown
    assert json.loads(admin("status", "--json"))["roles"][-1]["targets"] == [f"{task}/{reference(argmax)}"]


def test_root_keys_on_two_machines_change_root_together(
    cloud: ServedCloud, admin: Person, pool: urllib3.PoolManager, tmp_path: Path
) -> None:
    admin("init", "--root-keys", "2", "--threshold", "2", "--no-passphrase")
    client = device(cloud, admin.root, pool, tmp_path / "device")
    client.refresh()
    second = Person(cloud, tmp_path / "second")
    second.folder.mkdir(mode=0o700)
    for name in ("root-2.pem", "root-2.pub", "root.json"):
        (second.folder / name).write_bytes((admin.folder / name).read_bytes())
    (admin.folder / "root-2.pem").unlink()
    draft = tmp_path / "root.json"
    admin("add-key", "root-3", "--no-passphrase")
    change = ("--add", "root-3", "--remove", "root-1")
    admin("rotate", "root", *change, "--draft", str(draft), fails="root lacks 1 more signatures")
    shown = second("sign", str(draft), stdin="y\n")
    assert "- root: 2 of" in shown
    assert json.loads(admin("status", "--json"))["roles"][0]["version"] == 2
    client.refresh()


def test_keys_of_all_roles_change_and_devices_follow(
    cloud: ServedCloud, admin: Person, argmax: Bundle, pool: urllib3.PoolManager, tmp_path: Path
) -> None:
    task = argmax.config.task or ""
    admin("init", "--no-passphrase")
    for name in ("ann", "bob", "targets-2", "root-2"):
        admin("add-key", name, "--no-passphrase")
    admin("delegate", task, "--to", "ann")
    admin("sign", reference(argmax), "--expect", argmax.digest)
    first = admin.root
    client = device(cloud, first, pool, tmp_path / "device")
    steps = (
        ("rotate", "online"),
        ("rotate", "targets", "--add", "targets-2", "--remove", "targets-1"),
        ("rotate", f"task.{task}", "--add", "bob", "--remove", "ann"),
        ("rotate", "root", "--add", "root-2", "--remove", "root-1"),
        ("rotate", "root"),
        ("rotate", f"task.{task}"),
    )
    for step in steps:
        admin(*step)
        client.refresh()
        assert client.verify_manifest(task, argmax.config.name, argmax.config.version)
    assert admin.root == first, "it leads to the newest"
    fresh = device(cloud, first, pool, tmp_path / "fresh")
    assert fresh.verify_manifest(task, argmax.config.name, argmax.config.version)
    for name in ("ann", "targets-1", "root-1"):
        (admin.folder / f"{name}.pem").unlink()
    admin("delegate", task, "--to", "bob")
    admin("rotate", "nothing", fails="say root, targets, online, assignments or task.NAME")


def test_a_lost_releaser_is_replaced_without_its_key(
    cloud: ServedCloud, admin: Person, delegated: Person, argmax: Bundle, pool: urllib3.PoolManager, tmp_path: Path
) -> None:
    task = argmax.config.task or ""
    delegated("sign", reference(argmax), "--expect", argmax.digest)
    (delegated.folder / "ann.pem").unlink()
    admin("add-key", "bob", "--no-passphrase")
    admin("delegate", task, "--to", "bob")
    client = device(cloud, admin.root, pool, tmp_path / "device")
    assert client.verify_manifest(task, argmax.config.name, argmax.config.version)


def test_nobody_is_made_to_sign_what_the_store_was_made_to_say(
    cloud: ServedCloud, delegated: Person, argmax: Bundle
) -> None:
    """The object store is in an attacker's hands, who adds a target to what the releaser will sign next."""
    delegated("sign", reference(argmax), "--expect", argmax.digest)
    store, key = cloud.services.objects, metadata_key("acme", f"1.task.{argmax.config.task}.json")
    with store.open(key) as reader:
        document = json.loads(reader.read())
    document["signed"]["targets"]["argmax/evil:1"] = {"length": 1, "hashes": {"sha256": "00"}}
    store.put(key, json.dumps(document).encode())
    (delegated.folder / "known" / f"task.{argmax.config.task}.json").unlink(missing_ok=True)
    delegated("sign", reference(argmax), "--expect", argmax.digest, fails="too_large: Downloaded")


def test_nobody_follows_a_root_that_is_not_the_known_one_s(
    cloud: ServedCloud, admin: Person, delegated: Person, argmax: Bundle
) -> None:
    evil = TrustPeople(cloud, tenant="evil")
    evil.begin(argmax.config.task or "")
    for file in ("timestamp.json", "2.snapshot.json", "2.targets.json"):
        with cloud.services.objects.open(metadata_key("evil", file)) as reader:
            cloud.services.objects.put(metadata_key("acme", file), reader.read())
    delegated(
        "sign", reference(argmax), "--expect", argmax.digest, fails="signature: timestamp was signed by 0/1 keys"
    )
    assert admin.root == delegated.root


def test_a_tenant_may_let_the_cloud_release_by_itself_and_take_that_back(
    cloud: ServedCloud, admin: Person, argmax: Bundle, pool: urllib3.PoolManager, tmp_path: Path
) -> None:
    task = argmax.config.task or ""
    admin("init", "--no-passphrase")
    client = device(cloud, admin.root, pool, tmp_path / "device")
    admin("sign", reference(argmax), "--online", "--expect", argmax.digest, fails="people release for task")
    assert "the cloud itself may release" in admin("delegate", task, "--online")
    admin("sign", reference(argmax), "--online", "--expect", argmax.digest)
    for _ in range(3):
        assert client.verify_manifest(task, argmax.config.name, argmax.config.version)
        cloud.clock.advance(timedelta(days=20))
        assert refresh_all(cloud.services) == 1, "what the cloud releases it also keeps from expiring"
        client.refresh()
    admin("add-key", "ann", "--no-passphrase")
    admin("delegate", task, "--to", "ann")
    client.refresh()
    assert client.verify_manifest(task, argmax.config.name, argmax.config.version), "signed anew by ann"
    admin("sign", reference(argmax), "--online", "--withdraw", fails="people release for task")
    admin("delegate", task, "--online")
    client.refresh()
    assert client.verify_manifest(task, argmax.config.name, argmax.config.version), "signed anew by the cloud"
    admin("sign", reference(argmax), "--online", "--withdraw")
    client.refresh()
    with pytest.raises(ManifestUnsignedError):
        client.verify_manifest(task, argmax.config.name, argmax.config.version)
    del admin.env["ROOST_TRUST_KEYS"]
    admin("sign", reference(argmax), fails="say --keys, or --online")
