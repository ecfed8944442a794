"""`/uploads`: bringing blobs, part by part, by URLs that lead to the object store."""

from http import HTTPStatus
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from roost_cloud.api.auth import Given, Operator
from roost_cloud.api.blobs import DIGEST_PATTERN, BlobModel, blob_model
from roost_cloud.api.errors import raises
from roost_cloud.api.parts import PartModel, part_models
from roost_cloud.api.prefix import PREFIX
from roost_cloud.objects import PART_BYTES
from roost_cloud.registry import uploads
from roost_cloud.registry.uploads import BlobOffer

__all__ = ["router"]

router = APIRouter(prefix=f"{PREFIX}/uploads", tags=["bundles"])

MAX_BLOB_BYTES: Final = 16 << 30  # a model for the edge has some megabytes

_UploadId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


class UploadRequest(BaseModel):
    """A blob that somebody has."""

    digest: str = Field(pattern=DIGEST_PATTERN)
    size_bytes: int = Field(ge=0, le=MAX_BLOB_BYTES)
    anew: bool = Field(default=False, description="Bring it also if it is here, in place of what is damaged there")


class HereModel(BaseModel):
    """The blob is here, and stays for a day at least: nothing needs to be sent."""

    exists: Literal[True] = True


class UploadModel(BaseModel):
    """An upload under way. URLs are good for an hour; GET gives fresh ones."""

    id: str
    digest: str
    size_bytes: int
    part_bytes: int
    parts: list[PartModel]


@router.post("", responses={201: {"model": UploadModel}, **raises(401, 403, 422)})
def begin_upload(
    member: Operator, services: Given, asked: UploadRequest, response: Response
) -> HereModel | UploadModel:
    """Begin to bring a blob; or go on where an upload of it stopped, whoever began it."""
    offer = uploads.begin(
        services.database,
        services.objects,
        tenant=member.tenant,
        digest=asked.digest,
        size_bytes=asked.size_bytes,
        actor=member.name,
        now=services.now(),
        anew=asked.anew,
    )
    if offer is None:
        return HereModel()
    response.status_code = HTTPStatus.CREATED
    return _model(offer)


@router.get("/{upload_id}", responses=raises(401, 403, 404, 422))
def get_upload(member: Operator, services: Given, upload_id: _UploadId) -> UploadModel:
    """What arrived, and fresh URLs for the rest."""
    return _model(uploads.resume(services.database, services.objects, member.tenant, upload_id, services.now()))


@router.post("/{upload_id}/complete", responses=raises(401, 403, 404, 422))
def complete_upload(member: Operator, services: Given, upload_id: _UploadId) -> BlobModel:
    """Make a blob of the parts, if they are what the digest says. All of it is read for that, which takes a while."""
    blob = uploads.complete(
        services.database,
        services.objects,
        tenant=member.tenant,
        upload_id=upload_id,
        actor=member.name,
        now=services.now(),
    )
    return blob_model(blob)


@router.delete("/{upload_id}", status_code=HTTPStatus.NO_CONTENT, responses=raises(401, 403, 404, 422))
def abort_upload(member: Operator, services: Given, upload_id: _UploadId) -> None:
    """Give it up; the parts that arrived are removed."""
    uploads.abort(
        services.database,
        services.objects,
        tenant=member.tenant,
        upload_id=upload_id,
        actor=member.name,
        now=services.now(),
    )


def _model(offer: BlobOffer) -> UploadModel:
    upload, parts = offer
    return UploadModel(
        id=upload.id,
        digest=upload.digest,
        size_bytes=upload.size_bytes,
        part_bytes=PART_BYTES,
        parts=part_models(parts),
    )
