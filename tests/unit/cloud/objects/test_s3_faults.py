import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
)

from roost_cloud.objects.errors import (
    ObjectNotFoundError,
    StoreFailedError,
    StoreFullError,
    StoreUnavailableError,
)
from roost_cloud.objects.s3_faults import s3_faults
from roost_shared.errors import RoostError

GONE = ObjectNotFoundError("acme/blobs/x")


def answer(code: str, status: int) -> ClientError:
    error = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(error, "PutObject")  # type: ignore[arg-type]  # the rest of the metadata is of no interest


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (answer("NoSuchKey", 404), ObjectNotFoundError),
        (answer("404", 404), ObjectNotFoundError),
        (answer("NoSuchUpload", 404), ObjectNotFoundError),
        (answer("NoSuchBucket", 404), StoreFailedError),
        (answer("AccessDenied", 403), StoreFailedError),
        (answer("InvalidAccessKeyId", 403), StoreFailedError),
        (answer("QuotaExceeded", 403), StoreFullError),
        (answer("XMinioStorageFull", 507), StoreFullError),
        (answer("Anything", 507), StoreFullError),
        (answer("SlowDown", 503), StoreUnavailableError),
        (answer("InternalError", 500), StoreUnavailableError),
        (answer("Anything", 429), StoreUnavailableError),
        (answer("RequestTimeout", 400), StoreUnavailableError),
        (EndpointConnectionError(endpoint_url="http://s3"), StoreUnavailableError),
        (ConnectTimeoutError(endpoint_url="http://s3"), StoreUnavailableError),
        (ReadTimeoutError(endpoint_url="http://s3"), StoreUnavailableError),
        (ResponseStreamingError(error="cut"), StoreUnavailableError),
        (IncompleteReadError(actual_bytes=1, expected_bytes=2), StoreUnavailableError),
        (SSLError(endpoint_url="http://s3", error=OSError("bad")), StoreUnavailableError),
        (NoCredentialsError(), StoreFailedError),
    ],
)
def test_every_fault_has_its_error(fault: Exception, expected: type[RoostError]) -> None:
    with pytest.raises(expected) as caught, s3_faults(GONE):
        raise fault
    assert caught.value.__cause__ is fault


def test_what_is_gone_without_a_meaning_is_a_failure() -> None:
    with pytest.raises(StoreFailedError), s3_faults():
        raise answer("NoSuchKey", 404)


def test_faults_of_our_own_pass() -> None:
    with pytest.raises(ZeroDivisionError), s3_faults():
        raise ZeroDivisionError
