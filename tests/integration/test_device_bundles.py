"""What of bundles a device may get: all it takes to run them, and not what other devices have seen."""

from pathlib import Path

from roost_shared.bundle import open_bundle
from roost_shared.bundle.documents import blobs_to_run
from tests.support.bundles import Bundles
from tests.support.cloud import Cloud
from tests.support.fleet import API, enrolled_device
from tests.support.reference_sets import reference_of
from tests.support.registry import RegistryApi
from tests.support.served_cloud import bundle_like, manifest_of


def test_a_device_gets_what_it_runs_and_no_reference_set(cloud: Cloud, bundles: Bundles, tmp_path: Path) -> None:
    device = enrolled_device(cloud)
    known = reference_of("dark", "bright")
    bundle = bundle_like(open_bundle(bundles.sure), tmp_path / "one", version="1", reference=known)
    RegistryApi(cloud).stock(bundle)
    headers = device.headers()

    def asked(digest: str) -> int:
        return cloud.client.get(f"{API}/device/blobs/{digest}", headers=headers).status_code

    assert bundle.config.reference is not None
    assert [asked(blob.digest) for blob in blobs_to_run(bundle.manifest)] == [200] * 4
    assert asked(bundle.config.reference.digest) == 404
    manifest = cloud.client.get(f"{API}/device/manifests/{bundle.digest}", headers=headers)
    assert manifest.content == manifest_of(bundle), "it names the set, so that one manifest is signed for all"
