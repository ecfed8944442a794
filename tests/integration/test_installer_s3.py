"""Blobs that come from S3, by URLs that are its own: through cuts, past their time, from a store somebody owns."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost_cloud.transfer.push import push_bundle
from roost_edge.installer.pointer import read_in_force
from roost_edge.installer.protocol import Link, Refused, Staged, Status
from roost_shared.bundle import Bundle
from tests.support.http_relay import HttpRelay, Trouble
from tests.support.install_site import InstallSite, install_site
from tests.support.installer_rig import InstallerRig
from tests.support.s3 import BUCKET, S3Server
from tests.support.served_cloud import bundle_like, sizes_of

LARGE_BYTES = 300_000
BLOB_GETS = rf"GET /{BUCKET}/some/prefix/acme/blobs/"


@pytest.fixture(scope="module")
def bundles(argmax: Bundle, tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    """A small one, and one whose head takes a while."""
    folder = tmp_path_factory.mktemp("bundles")
    return [argmax, bundle_like(argmax, folder / "2", version="2", model=b"\x02" * LARGE_BYTES)]


@pytest.fixture(scope="module")
def store(s3_server: S3Server) -> Iterator[HttpRelay]:
    """The object store, as it is reached from everywhere."""
    s3_server.empty()
    with HttpRelay(s3_server.port) as relay:
        yield relay


@pytest.fixture(scope="module")
def site(
    store: HttpRelay, bundles: list[Bundle], newest_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[InstallSite]:
    folder = tmp_path_factory.mktemp("site")
    database = Path(shutil.copy(newest_sqlite, folder / "roost.db"))
    url = f"s3://{BUCKET}/some/prefix?endpoint={store.url}&region=us-east-1"
    with install_site(folder, database, bundles[0].config.task, objects_url=url) as made:
        for bundle in bundles:
            push_bundle(made.cloud.registry(), bundle.folder)
        made.release(*bundles)
        yield made


@pytest.fixture
def rig(site: InstallSite, store: HttpRelay, tmp_path: Path) -> Iterator[InstallerRig]:
    site.enrol(tmp_path)
    store.seen.clear()
    with InstallerRig(site.settings(tmp_path)) as made:
        yield made


def staged(rig: InstallerRig, version: int) -> None:
    rig.until(Staged, since=0, that=lambda said: said.plan.assignment.version == version)


def test_a_bundle_comes_straight_from_the_store(
    rig: InstallerRig, site: InstallSite, store: HttpRelay, bundles: list[Bundle], tmp_path: Path
) -> None:
    rig.desire(site.sealed(1, bundles[0]))
    staged(rig, 1)
    assert store.count(BLOB_GETS) == len(sizes_of(bundles[0]))
    assert not site.relay.count("GET /api/v1/objects/")
    assert not rig.all(Refused)
    assert read_in_force(tmp_path).trust == "fresh"


def test_what_a_cut_left_is_not_fetched_again(
    rig: InstallerRig, site: InstallSite, store: HttpRelay, bundles: list[Bundle]
) -> None:
    large = bundles[1].config.stages[-1].digest.removeprefix("sha256:")
    store.troubles.append(Trouble(BLOB_GETS + f"sha256/{large}", "half"))
    rig.desire(site.sealed(1, bundles[1]))
    assert rig.until(Refused, since=0).again
    rig.send(Link(up=True))
    staged(rig, 1)
    assert store.count(large) == 2
    said = rig.until(Status, since=0, that=lambda status: status.figures["staged"] == 1)
    assert said.figures["fetched_bytes"] == sum(sizes_of(bundles[1]).values())


def test_a_url_that_s3_takes_no_longer_is_asked_for_anew(
    rig: InstallerRig, site: InstallSite, store: HttpRelay, bundles: list[Bundle]
) -> None:
    store.troubles.append(Trouble(BLOB_GETS, 403))
    rig.desire(site.sealed(1, bundles[0]))
    refused = rig.until(Refused, since=0)
    assert (refused.error.code, refused.again) == ("download.url_expired", True)
    rig.send(Link(up=True))
    staged(rig, 1)


@pytest.mark.parametrize("how", ["other bytes", "more bytes"])
def test_who_owns_the_store_gets_nothing_onto_the_disk(
    rig: InstallerRig, site: InstallSite, bundles: list[Bundle], tmp_path: Path, how: str
) -> None:
    key = f"acme/blobs/sha256/{bundles[0].config.stages[-1].digest.removeprefix('sha256:')}"
    objects = site.cloud.services.objects
    with objects.open(key) as reader:
        true = reader.read()
    false = {"other bytes": true[:-1] + b"\x00", "more bytes": true + b"more"}[how]
    objects.put(key, false)
    try:
        rig.desire(site.sealed(1, bundles[0]))
        refused = rig.until(Refused, since=0)
        while refused.again:
            rig.send(Link(up=True))  # it need not wait
            rig.hear(0.1)
            refused = rig.all(Refused)[-1]
    finally:
        objects.put(key, true)
    assert refused.error.code == "download.wrong_bytes"
    assert read_in_force(tmp_path).plan is None
    assert not rig.all(Staged)
    left = [path.stat().st_size for path in (tmp_path / "bundles/partial").iterdir()]
    assert sum(left) < len(false), "no more than what may still be the beginning of the true one"
