"""What S3 and the way to it may answer, as the store's own errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as BotoConnectionError

from roost_cloud.objects.errors import StoreFailedError, StoreFullError, StoreUnavailableError
from roost_shared.errors import RoostError

__all__ = ["s3_faults"]

_GONE: Final = frozenset({"404", "NoSuchKey", "NoSuchUpload"})
_FULL: Final = frozenset({"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"})
_LATER: Final = frozenset(
    {
        "InvalidPart",  # a part was sent again while its upload was being completed
        "OperationAborted",
        "RequestTimeout",
        "SlowDown",
        "ThrottlingException",
    }
)


@contextmanager
def s3_faults(gone: RoostError | None = None) -> Iterator[None]:
    """Raise boto3's errors as the store's.

    Args:
        gone: what to raise where an object or upload is not there, if that has a meaning of its own.

    Raises:
        StoreUnavailableError: no connection, no answer in time, or one that says to come back later.
        StoreFullError: no room, or a quota.
        StoreFailedError: anything else, such as no permission, no bucket, no credentials.
    """
    try:
        yield
    except ClientError as error:
        raise _translated(error, gone) from error
    except (BotoConnectionError, HTTPClientError, IncompleteReadError) as error:
        raise StoreUnavailableError(f"the object store: {error}") from error
    except BotoCoreError as error:
        raise StoreFailedError(f"the object store: {error}") from error


def _translated(error: ClientError, gone: RoostError | None) -> RoostError:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _GONE and gone is not None:
        return gone
    if code in _FULL or status == HTTPStatus.INSUFFICIENT_STORAGE:
        return StoreFullError(f"the object store has no room: {error}")
    if code in _LATER or status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return StoreUnavailableError(f"the object store: {error}")
    return StoreFailedError(f"the object store refused: {error}")
