"""`/device/shards`: how a device brings shards of kept inputs, part by part, by URLs that lead to the object store."""

from http import HTTPStatus
from typing import Annotated, Final, Literal

import msgspec
from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from roost_cloud.api.auth import Enrolled, Given
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Name
from roost_cloud.api.parts import PartModel, part_models
from roost_cloud.api.prefix import PREFIX
from roost_cloud.fleet.device_tokens import DeviceClaims
from roost_cloud.objects import PART_BYTES
from roost_cloud.shards import uploads
from roost_cloud.shards.uploads import ShardKey, ShardOffer
from roost_shared.shards import ShardEntry, ShardList, Suffix
from roost_shared.shards.listing import MAX_ENTRIES, MAX_MEMBER_BYTES, SAMPLE, SHA256

__all__ = ["router"]

router = APIRouter(prefix=f"{PREFIX}/device/shards", tags=["device"])

MAX_SHARD_BYTES: Final = 4 << 30  # a device's has 64 MiB, unless a single input is larger

_Sha256 = Annotated[str, Field(pattern=SHA256)]
_ShardId = Annotated[str, Path(pattern=SHA256)]
_Size = Annotated[int, Field(ge=0, le=MAX_MEMBER_BYTES)]


class EntryModel(BaseModel):
    """An input, `{sample}.{suffix}`, and its record, `{sample}.json`."""

    sample: Annotated[str, Field(pattern=SAMPLE)]
    suffix: Suffix
    size_bytes: _Size
    sha256: _Sha256
    metadata_bytes: _Size
    metadata_sha256: _Sha256
    probability: Annotated[float, Field(gt=0, le=1, description="with which it was kept")]


class ShardRequest(BaseModel):
    """A shard that a device has. Its id is the SHA-256 of its list, in hex."""

    shard: _Sha256
    task: Name
    size_bytes: Annotated[int, Field(ge=0, le=MAX_SHARD_BYTES)]
    entries: Annotated[list[EntryModel], Field(min_length=1, max_length=MAX_ENTRIES)]


class ShardModel(BaseModel):
    """A shard, under way or committed. URLs are good for an hour; GET gives fresh ones."""

    shard: str
    state: Literal["uploading", "committed"]
    part_bytes: int
    parts: list[PartModel]  # none once it is committed


@router.post("", responses={201: {"model": ShardModel}, **raises(401, 403)})
def open_shard(device: Enrolled, services: Given, asked: ShardRequest, response: Response) -> ShardModel:
    """Begin to bring a shard, or go on where its upload stopped; a shard that is here needs no more."""
    listing = ShardList(
        task=asked.task, entries=[msgspec.convert(entry.model_dump(), ShardEntry) for entry in asked.entries]
    )
    key = _key(device, asked.shard)
    offer = uploads.start(
        services.database, services.objects, key, listing, size_bytes=asked.size_bytes, now=services.now()
    )
    if offer.parts is not None:
        response.status_code = HTTPStatus.CREATED
    return _model(asked.shard, offer)


@router.get("/{shard}", responses=raises(401, 403, 404))
def get_shard(device: Enrolled, services: Given, shard: _ShardId) -> ShardModel:
    """What arrived of a shard of the device's own, and fresh URLs for the rest."""
    return _model(shard, uploads.resume(services.database, services.objects, _key(device, shard), services.now()))


@router.post("/{shard}/commit", responses=raises(401, 403, 404))
def commit_shard(device: Enrolled, services: Given, shard: _ShardId) -> ShardModel:
    """Keep a shard, if its parts are what its list says. All of it is read for that, which takes a while."""
    return _model(shard, uploads.commit(services.database, services.objects, _key(device, shard), services.now()))


def _key(device: DeviceClaims, shard: str) -> ShardKey:
    return ShardKey(device.tenant, device.device, shard)


def _model(shard: str, offer: ShardOffer) -> ShardModel:
    return ShardModel(
        shard=shard,
        state="committed" if offer.parts is None else "uploading",
        part_bytes=PART_BYTES,
        parts=part_models(offer.parts or ()),
    )
