"""`/device/trust`: a device's way to its tenant's TUF repository; the same files and the same time as people get."""

from fastapi import APIRouter, Response

from roost_cloud.api.auth import Enrolled, Given
from roost_cloud.api.errors import raises
from roost_cloud.api.prefix import PREFIX
from roost_cloud.api.trust import METADATA_TYPE, FileName, Nonce, metadata_response, signed_time
from roost_cloud.api.trust_models import TimeBody

__all__ = ["router"]

router = APIRouter(prefix=f"{PREFIX}/device/trust", tags=["device"])


@router.get(
    "/metadata/{file}",
    response_class=Response,
    responses={200: {"content": {METADATA_TYPE: {}}}, **raises(401, 403, 404, 422)},
)
def get_device_metadata(device: Enrolled, services: Given, file: FileName) -> Response:
    """A file of the repository, as TUF clients ask for it."""
    return metadata_response(services, device.tenant, file)


@router.get("/time", responses=raises(401, 403, 404, 422))
def get_device_time(device: Enrolled, services: Given, nonce: Nonce) -> TimeBody:
    """The time, signed with the nonce by the key of the timestamp."""
    return signed_time(services, device.tenant, nonce)
