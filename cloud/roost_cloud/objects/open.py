"""An object store from its URL. boto3 is loaded only where the URL is S3's."""

from pathlib import Path
from typing import Final

from roost_cloud.objects.files import FileStore
from roost_cloud.objects.store import ObjectStore
from roost_shared.clock import Clock
from roost_shared.errors import ConfigError

__all__ = ["open_store"]

_REMEDY: Final = "Write file:///var/lib/roost/objects or s3://bucket/prefix?endpoint=https://host&region=name"


def open_store(url: str, *, public_url: str, secret: bytes, clock: Clock | None = None) -> ObjectStore:
    """Open the object store of a deployment.

    Args:
        url: `file://` and a path, taken as it stands (`file://roost-data/objects` is relative), or
            `s3://bucket/prefix?endpoint=…&region=…&public_endpoint=…` (see `s3.py`).
        public_url: where clients reach our API; a `file://` store's signed URLs begin with it.
        secret: signs a `file://` store's URLs; at least 32 random bytes.
        clock: for the expiry of a `file://` store's URLs; default the machine's own.

    Raises:
        ConfigError: the URL is none of these.
        StoreFullError, StoreFailedError: a folder that cannot be made.
    """
    scheme, separator, rest = url.partition("://")
    if separator and rest:
        if scheme == "file":
            return FileStore(Path(rest), secret=secret, public_url=public_url, clock=clock)
        if scheme == "s3":
            from roost_cloud.objects.s3 import S3Store  # noqa: PLC0415 - boto3 is large
            from roost_cloud.objects.s3_location import parse_s3_url  # noqa: PLC0415 - the same

            return S3Store(parse_s3_url(url))
    raise ConfigError(where="settings", key="objects_url", problem=f"{url!r} is no object store", remedy=_REMEDY)
