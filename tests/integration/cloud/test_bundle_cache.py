"""A scorer's folder of bundles: fetched once, verified, bounded, shared."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from roost_cloud.objects import ObjectStore, open_store
from roost_cloud.registry.blobs import blob_key
from roost_cloud.scorer.bundle_cache import BundleCache, CacheError
from roost_cloud.tasks.resolution import Version
from roost_shared.bundle import AlteredBlobError, Bundle, BundleError, open_bundle
from roost_shared.bundle.documents import blobs_to_run
from roost_shared.bundle.layout import blob_path
from roost_shared.clock import SystemClock
from tests.support.bundles import Bundles
from tests.support.reference_sets import reference_of
from tests.support.served_cloud import bundle_like, manifest_of, sizes_of


@pytest.fixture
def stored(bundles: Bundles) -> list[Bundle]:
    return [open_bundle(folder) for folder in (bundles.sure, bundles.contrary, bundles.mean)]


@pytest.fixture
def store(tmp_path: Path, stored: list[Bundle]) -> ObjectStore:
    """Acme's blobs of all."""
    opened = open_store(
        f"file://{tmp_path / 'objects'}", public_url="http://nowhere", secret=bytes(32), clock=SystemClock()
    )
    for bundle in stored:
        for digest in sizes_of(bundle):
            opened.put(blob_key("acme", digest), blob_path(bundle.folder, digest).read_bytes())
    return opened


def version_of(bundle: Bundle) -> Version:
    return Version("acme", bundle.config.name, bundle.config.version, bundle.digest, sum(sizes_of(bundle).values()))


def get(cache: BundleCache, bundle: Bundle) -> Bundle:
    return cache.get(version_of(bundle), manifest_of(bundle))


def test_a_bundle_is_fetched_once(tmp_path: Path, store: ObjectStore, stored: list[Bundle]) -> None:
    cache = BundleCache(tmp_path / "cache", store, 1 << 30)
    assert get(cache, stored[0]).digest == stored[0].digest
    for digest in sizes_of(stored[0]):
        store.delete(blob_key("acme", digest))
    assert get(cache, stored[0]).reference == stored[0].reference


def test_a_reference_set_is_not_fetched(tmp_path: Path, store: ObjectStore, stored: list[Bundle]) -> None:
    known = bundle_like(stored[0], tmp_path / "known", version="2", reference=reference_of("dark", "bright"))
    for blob in blobs_to_run(known.manifest):
        store.put(blob_key("acme", blob.digest), blob_path(known.folder, blob.digest).read_bytes())
    fetched = get(BundleCache(tmp_path / "cache", store, 1 << 30), known)
    assert fetched.reference == known.reference
    assert fetched.config.reference == known.config.reference
    assert fetched.reference_set_path is None


def test_what_was_used_longest_ago_goes_first(tmp_path: Path, store: ObjectStore, stored: list[Bundle]) -> None:
    roomy = BundleCache(tmp_path / "cache", store, 1 << 30)
    folders = [get(roomy, bundle).folder for bundle in stored[:2]]
    held_bytes = sum(file.stat().st_size for file in (tmp_path / "cache").rglob("*") if file.is_file())
    cache = BundleCache(tmp_path / "cache", store, held_bytes)
    os.utime(folders[0], (1, 1))
    os.utime(folders[1], (2, 2))
    get(cache, stored[0])
    get(cache, stored[2])
    assert folders[0].exists()
    assert not folders[1].exists()


def test_one_that_is_larger_than_all_the_room_is_kept_all_the_same(
    tmp_path: Path, store: ObjectStore, stored: list[Bundle]
) -> None:
    cache = BundleCache(tmp_path / "cache", store, 1)
    for bundle in stored:
        assert get(cache, bundle).folder.exists()
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_other_bytes_than_the_digest_promises_are_not_kept(
    tmp_path: Path, store: ObjectStore, stored: list[Bundle]
) -> None:
    digest, size_bytes = next(iter(sizes_of(stored[0]).items()))
    store.put(blob_key("acme", digest), bytes(size_bytes))
    with pytest.raises(AlteredBlobError):
        get(BundleCache(tmp_path / "cache", store, 1 << 30), stored[0])
    assert not list((tmp_path / "cache").iterdir())


def test_another_manifest_than_the_registry_says_is_no_bundle_of_its_name(
    tmp_path: Path, store: ObjectStore, stored: list[Bundle]
) -> None:
    cache = BundleCache(tmp_path / "cache", store, 1 << 30)
    with pytest.raises(BundleError):
        cache.get(version_of(stored[0]), manifest_of(stored[1]))
    assert not list((tmp_path / "cache").iterdir())


def test_several_may_fetch_the_same_at_a_time(tmp_path: Path, store: ObjectStore, stored: list[Bundle]) -> None:
    caches = [BundleCache(tmp_path / "cache", store, 1 << 30) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda cache: get(cache, stored[0]).digest, caches))
    assert set(found) == {stored[0].digest}
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_disk_that_refuses_is_named(tmp_path: Path, store: ObjectStore, stored: list[Bundle]) -> None:
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(CacheError, match="cache"):
        get(BundleCache(tmp_path / "cache", store, 1 << 30), stored[0])
