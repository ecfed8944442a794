"""The cloud's `/device/manifests` and `/device/blobs` as the installer uses them.

Every method raises what `CloudHttp.call` does.
"""

from typing import Final

import msgspec

from roost_edge.installer.errors import LyingServerError, UrlExpiredError
from roost_edge.uplink.api import DeviceApi
from roost_edge.uplink.errors import CloudRefusedError
from roost_edge.uplink.ranged_answer import RangedAnswer
from roost_shared.digest import digest_of

__all__ = ["BlobPlace", "BundleCloud"]

_FORBIDDEN: Final = 403
_UNSATISFIABLE: Final = 416


class BlobPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a blob's bytes are."""

    size_bytes: int
    url: str


class BundleCloud:
    """The bundles of one device's tenant.

    Args:
        api: the cloud, and who we are there.
    """

    def __init__(self, api: DeviceApi) -> None:
        self._api = api

    def manifest(self, digest: str, size_bytes: int) -> bytes:
        """A bundle's manifest.

        Raises:
            LyingServerError: what came is another.
        """
        data = self._api.fetch(f"/device/manifests/{digest}", size_bytes)
        if digest_of(data) != digest:
            raise LyingServerError(f"the cloud gives {len(data)} other bytes than the manifest {digest}")
        return data

    def blob(self, digest: str) -> BlobPlace:
        """Where a blob is."""
        return self._api.call("GET", f"/device/blobs/{digest}", BlobPlace)

    def get(self, place: BlobPlace, offset: int) -> RangedAnswer:
        """A blob's bytes, from `offset` on.

        Raises:
            UrlExpiredError: another place has to be asked for.
            LyingServerError: there are fewer bytes than that.
        """
        try:
            return self._api.http.get_signed(place.url, offset)
        except CloudRefusedError as error:
            if error.status == _FORBIDDEN:
                raise UrlExpiredError(f"the object store takes the cloud's URL no longer: {error}") from error
            if error.status == _UNSATISFIABLE:
                raise LyingServerError(f"the object store has no byte {offset} of {place.size_bytes}") from error
            raise
