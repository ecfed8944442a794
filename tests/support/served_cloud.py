"""A cloud behind a real HTTP server in this process, and clients of its registry."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec
from fastapi import FastAPI

from roost_cloud.client import ApiClient
from roost_cloud.credentials import Credentials
from roost_cloud.people import Role
from roost_cloud.services import open_services
from roost_cloud.transfer import Registry
from roost_cloud.transfer.patience import Patience
from roost_shared.bundle import Bundle, open_bundle
from roost_shared.bundle.layout import blob_path
from roost_shared.bundle.reference import ReferenceSample, encode_reference
from roost_shared.bundle.writer import write_bundle
from roost_shared.digest import digest_of
from tests.support.cloud import Cloud, ManualClock, settings_for
from tests.support.served import Served

__all__ = ["ServedCloud", "bundle_like", "manifest_of", "serve_cloud", "sizes_of"]


@dataclass
class ServedCloud(Cloud):
    """One cloud with an address."""

    url: str = ""

    def api(self, tenant: str = "acme", role: Role = "admin", *, url: str | None = None) -> ApiClient:
        """Its API as a person uses it; by way of another address, such as a proxy's."""
        return ApiClient(Credentials(url=url or self.url, token=self.token(tenant, role)))

    def registry(self, tenant: str = "acme", role: Role = "admin", *, url: str | None = None) -> Registry:
        """Its registry, with the patience of a test."""
        return Registry(self.api(tenant, role, url=url), Patience(first_s=0.01, limit_s=0.1))

    def blobs(self, tenant: str = "acme") -> list[str]:
        """Digests of all objects that are at a blob's place."""
        prefix = f"{tenant}/blobs/sha256/"
        found = self.services.objects.list_objects(prefix)
        return [f"sha256:{info.key.removeprefix(prefix)}" for info in found]

    def staged(self, tenant: str = "acme") -> list[str]:
        """Keys of all objects that are not at their place yet."""
        return [info.key for info in self.services.objects.list_objects(f"{tenant}/uploads/")]


@contextmanager
def serve_cloud(folder: Path, database_url: str, *, public_url: str = "", **settings: Any) -> Iterator[ServedCloud]:
    """Serve one with its data in `folder`; its signed URLs lead to `public_url`, or straight to it."""
    clock = ManualClock()
    served = Served()
    chosen = settings_for(folder, database_url=database_url, public_url=public_url or served.url, **settings)
    with open_services(chosen, clock=clock) as services:
        cloud = ServedCloud(services, clock, url=served.url)
        served.app = cast("FastAPI", cloud.client.app)
        with served:
            yield cloud


def bundle_like(
    bundle: Bundle,
    folder: Path,
    *,
    version: str,
    model: bytes | None = None,
    reference: Sequence[ReferenceSample] = (),
    **fields: Any,
) -> Bundle:
    """A bundle whose digests are right, of another version, and with another model that nothing could run."""
    config = msgspec.structs.replace(bundle.config, version=version, **fields)
    blobs = [bundle.golden_path.read_bytes(), *(bundle.stage_path(stage.name).read_bytes() for stage in config.stages)]
    if model is not None:
        last = msgspec.structs.replace(config.stages[-1], digest=digest_of(model), size_bytes=len(model))
        config = msgspec.structs.replace(config, stages=(*config.stages[:-1], last))
        blobs[-1] = model
    if reference:
        spec, data = encode_reference(reference)
        config = msgspec.structs.replace(config, reference=spec)
        blobs.append(data)
    write_bundle(folder, config, blobs)
    return open_bundle(folder)


def manifest_of(bundle: Bundle) -> bytes:
    """Its manifest's bytes."""
    return blob_path(bundle.folder, bundle.digest).read_bytes()


def sizes_of(bundle: Bundle) -> dict[str, int]:
    """Sizes in bytes of all its blobs but the manifest, by digest."""
    return {blob.digest: blob.size for blob in (bundle.manifest.config, *bundle.manifest.layers)}
