"""`/device/records`: what a device tells of its work, where it does so by HTTP; `roost_cloud.ingest` stores it."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from roost_cloud.api.auth import Enrolled, Given
from roost_cloud.api.errors import raises
from roost_cloud.api.prefix import PREFIX
from roost_cloud.errors import UnauthenticatedError
from roost_cloud.ingest.batches import read_batch
from roost_cloud.ingest.storing import store_batches
from roost_shared.messages import SCHEMA_VERSION, MessageError

__all__ = ["router"]

router = APIRouter(prefix=f"{PREFIX}/device", tags=["device"])

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "A batch, in MessagePack, as `roost_shared.records.Batch` says",
        "content": {"application/msgpack": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class WatermarkBody(BaseModel):
    """How far a boot's records are stored: that sequence and all before it."""

    schema_version: int = SCHEMA_VERSION
    boot: str
    sequence: int


async def _body(request: Request) -> bytes:
    return await request.body()


@router.post("/records", responses=raises(401, 403), openapi_extra=_BODY)
def store_records(device: Enrolled, services: Given, data: Annotated[bytes, Depends(_body)]) -> WatermarkBody:
    """Store what of a batch is new; the same again changes nothing."""
    try:
        delivery = read_batch(device.tenant, device.device, data, services.now())
    except MessageError as error:
        services.record_tally.unreadable(error, f"{device.tenant}/d/{device.device}")
        raise
    with services.database.begin() as session:
        stored = store_batches(session, [delivery])
    services.record_tally.stored(stored)
    boot = delivery.batch.boot
    sequence = stored.watermarks.get((device.tenant, device.device, boot))
    if sequence is None:
        raise UnauthenticatedError("the device was revoked a moment ago")
    return WatermarkBody(boot=boot, sequence=sequence)
