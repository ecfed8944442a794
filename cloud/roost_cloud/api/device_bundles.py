"""`/device/manifests`, `/device/blobs`: how a device gets the bundles of its tenant, by digest.

A manifest comes from here, a blob from the object store, by a URL that needs no token and honours Range.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel

from roost_cloud.api.auth import Enrolled, Given
from roost_cloud.api.blobs import DIGEST_PATTERN
from roost_cloud.api.errors import raises
from roost_cloud.api.prefix import PREFIX
from roost_cloud.errors import NotFoundError
from roost_cloud.registry import blobs, versions
from roost_shared.bundle import oci

__all__ = ["router"]

router = APIRouter(prefix=f"{PREFIX}/device", tags=["device"])

_URL_LIFETIME_S: Final = 3600
_MANIFEST: Final[dict[str, Any]] = {oci.MANIFEST_MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}

_Digest = Annotated[str, Path(pattern=DIGEST_PATTERN)]


class BlobPlaceModel(BaseModel):
    """A blob, and where to GET its bytes."""

    digest: str
    size_bytes: int
    url: str  # good for an hour


@router.get(
    "/manifests/{digest}",
    response_class=Response,
    responses={200: {"content": _MANIFEST, "description": "The manifest as it was pushed"}, **raises(401, 403, 404)},
)
def get_device_manifest(device: Enrolled, services: Given, digest: _Digest) -> Response:
    """The manifest of a bundle of the device's tenant."""
    with services.database.read() as session:
        manifest = versions.manifest_of(session, device.tenant, digest)
    return Response(manifest, media_type=oci.MANIFEST_MEDIA_TYPE, headers={"Cache-Control": "private, no-store"})


@router.get("/blobs/{digest}", responses=raises(401, 403, 404))
def get_device_blob(device: Enrolled, services: Given, digest: _Digest) -> BlobPlaceModel:
    """Where the bytes of a blob of its tenant are; a reference set, inputs of other devices, is not for a device."""
    with services.database.read() as session:
        blob = blobs.get(session, device.tenant, digest)
        if blobs.is_reference_set(session, device.tenant, digest):
            raise NotFoundError("blob", digest)
        size_bytes = blob.size_bytes
    url = services.objects.get_url(blobs.blob_key(device.tenant, digest), expires_s=_URL_LIFETIME_S)
    return BlobPlaceModel(digest=digest, size_bytes=size_bytes, url=url)
