"""`/bundles/{name}/versions/{version}/download`: what of a version a device has to fetch, with what it has."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from roost_cloud.api.auth import Given, Viewer
from roost_cloud.api.bundles import BundleName, VersionPath
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Name
from roost_cloud.api.prefix import PREFIX
from roost_cloud.assignments.running import running
from roost_cloud.db.tables import BundleVersion
from roost_cloud.fleet import device_records
from roost_cloud.registry import versions
from roost_cloud.registry.layers import layers_of
from roost_cloud.registry.lineage import lineage
from roost_cloud.registry.running import manifest_of

__all__ = ["DownloadModel", "router"]

router = APIRouter(prefix=f"{PREFIX}/bundles", tags=["bundles"])


class PartModel(BaseModel):
    """A part of a version."""

    what: str = Field(description="Its file, or what kind of part it is")
    digest: str
    size_bytes: int
    is_there: bool = Field(description="Whether the device has it already")


class DownloadModel(BaseModel):
    """What of a version a device has to fetch."""

    has: list[str] = Field(description="Bundles whose parts need not be fetched, NAME:VERSION@DIGEST")
    size_bytes: int = Field(description="Of all parts")
    download_bytes: int = Field(description="Of those that are not there")
    parts: list[PartModel]


@router.get("/{name}/versions/{version}/download", responses=raises(401, 403, 404, 422))
def get_download(
    member: Viewer,
    services: Given,
    name: BundleName,
    version: VersionPath,
    device: Annotated[Name | None, Query(description="null: one that has the version's parents")] = None,
) -> DownloadModel:
    """What of a version a device has to fetch: one that says what it runs, or one that runs what it was made of."""
    with services.database.read() as session:
        row = versions.get(session, member.tenant, name, version)
        has = _parents(session, row) if device is None else _running(session, member.tenant, device)
    there = {part.digest for manifest in has.values() for part in layers_of(manifest.decode())}
    parts = [PartModel(**part._asdict(), is_there=part.digest in there) for part in layers_of(row.manifest.decode())]
    return DownloadModel(
        has=sorted(has),
        size_bytes=sum(part.size_bytes for part in parts),
        download_bytes=sum(part.size_bytes for part in parts if not part.is_there),
        parts=parts,
    )


def _running(session: Session, tenant: str, device: str) -> dict[str, bytes]:
    """Manifests of what a device says that it runs, by reference; of what the registry has.

    Raises:
        NotFoundError: the tenant has no such device.
    """
    device_records.get(session, tenant, device)
    told = {one.bundle for one in running(session, tenant, [device]).get(device, ()) if one.bundle is not None}
    found = {bundle: manifest_of(session, tenant, bundle) for bundle in told}
    return {bundle: manifest for bundle, manifest in found.items() if manifest is not None}


def _parents(session: Session, row: BundleVersion) -> dict[str, bytes]:
    return {
        f"{one.name}:{one.version}@{one.digest}": one.manifest
        for one in lineage(session, row).parents
        if one.deleted_at is None
    }
