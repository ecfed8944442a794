"""Where an `s3://` store is, read from its URL, and how it is reached. Credentials are never in the URL.

    s3://bucket/prefix?endpoint=https://minio.internal:9000&region=eu-central-1&public_endpoint=https://files.example

`endpoint` is for others than AWS, with the bucket in the path; `public_endpoint` is where devices reach the same
store, if elsewhere; credentials come by boto3's own chain.
"""

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

import boto3
import msgspec
from botocore.config import Config

from roost_cloud.objects.s3_faults import s3_faults
from roost_shared.errors import ConfigError

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

__all__ = ["S3Location", "connect", "parse_s3_url"]

_CONNECT_TIMEOUT_S: Final = 5
_READ_TIMEOUT_S: Final = 60  # completing a large upload may take S3 a while
_ATTEMPTS: Final = 3
_CONNECTIONS: Final = 50  # more than threads that serve requests
_PARAMETERS: Final = ("endpoint", "public_endpoint", "region")


class S3Location(msgspec.Struct, frozen=True):
    """Where a store's objects are."""

    bucket: str
    prefix: str = ""
    """Of every key; empty, or with a slash at its end."""
    endpoint: str | None = None
    public_endpoint: str | None = None
    region: str | None = None


def parse_s3_url(url: str) -> S3Location:
    """Read an `s3://` URL.

    >>> parse_s3_url("s3://meters/roost?region=eu-central-1")
    S3Location(bucket='meters', prefix='roost/', endpoint=None, public_endpoint=None, region='eu-central-1')

    Raises:
        ConfigError: it names no bucket, or has a parameter that is unknown, repeated or no URL.
    """
    parts = urlsplit(url)
    given = parse_qs(parts.query, keep_blank_values=True)
    prefix = parts.path.strip("/")
    problem = _problem(parts.netloc, given)
    if problem:
        remedy = "Write s3://bucket/prefix?endpoint=https://host&region=name; credentials come by boto3's own chain"
        raise ConfigError(where="settings", key="objects_url", problem=problem, remedy=remedy)
    return S3Location(
        parts.netloc, f"{prefix}/" if prefix else "", **{name: values[0] for name, values in given.items()}
    )


def _problem(bucket: str, given: dict[str, list[str]]) -> str | None:
    if not bucket or "@" in bucket or ":" in bucket:
        return "an s3:// URL names a bucket, and nothing else, before its path"
    for name, values in given.items():
        if name not in _PARAMETERS or len(values) > 1:
            return f"the s3:// URL's parameter {name!r} is unknown or repeated"
        if name.endswith("endpoint") and not values[0].startswith(("http://", "https://")):
            return f"the s3:// URL's {name} {values[0]!r} is no URL"
    return None


def connect(location: S3Location, endpoint: str | None) -> "S3Client":
    """A client of S3 at `endpoint`, or at AWS; it opens no connection yet.

    Raises:
        StoreFailedError: boto3's configuration on this machine is wrong.
    """
    config = Config(
        signature_version="s3v4",
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=_READ_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        max_pool_connections=_CONNECTIONS,
        # Otherwise presigned URLs demand a checksum of the sender, and stores other than AWS refuse it.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if endpoint else "auto"},
    )
    with s3_faults():
        return boto3.session.Session().client("s3", region_name=location.region, endpoint_url=endpoint, config=config)
