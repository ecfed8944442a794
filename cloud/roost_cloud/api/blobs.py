"""`/blobs`: what a bundle is made of, by digest."""

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel

from roost_cloud.api.auth import Given, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.prefix import PREFIX
from roost_cloud.db.tables import Blob
from roost_cloud.registry import blobs
from roost_shared.digest import DIGEST

__all__ = ["DIGEST_PATTERN", "BlobModel", "blob_model", "router"]

router = APIRouter(prefix=f"{PREFIX}/blobs", tags=["bundles"])

DIGEST_PATTERN: Final = f"^{DIGEST.pattern}$"
_URL_LIFETIME_S: Final = 3600

_Digest = Annotated[str, Path(pattern=DIGEST_PATTERN)]


class BlobModel(BaseModel):
    """Bytes that are here."""

    digest: str
    size_bytes: int


def blob_model(blob: Blob) -> BlobModel:
    """A blob as the API shows it."""
    return BlobModel(digest=blob.digest, size_bytes=blob.size_bytes)


@router.get(
    "/{digest}",
    status_code=HTTPStatus.TEMPORARY_REDIRECT,
    response_class=Response,
    responses={
        307: {"description": "Where the bytes are, for an hour; Range is honoured there"},
        **raises(401, 403, 404, 422),
    },
)
def get_blob(member: Viewer, services: Given, digest: _Digest) -> Response:
    """Where to GET a blob's bytes; no token is needed there."""
    with services.database.read() as session:
        blobs.get(session, member.tenant, digest)
    url = services.objects.get_url(blobs.blob_key(member.tenant, digest), expires_s=_URL_LIFETIME_S)
    return Response(status_code=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": url, "Cache-Control": "no-store"})


@router.head("/{digest}", response_class=Response, responses=raises(401, 403, 404, 422))
def head_blob(member: Viewer, services: Given, digest: _Digest) -> Response:
    """Whether a blob is here; its size is the Content-Length."""
    with services.database.read() as session:
        blob = blobs.get(session, member.tenant, digest)
    return Response(headers={"Content-Length": str(blob.size_bytes), "Accept-Ranges": "bytes"})
