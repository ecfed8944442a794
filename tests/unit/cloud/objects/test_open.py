from pathlib import Path

import pytest

from roost_cloud.objects import open_store
from roost_cloud.objects.errors import StoreFailedError
from roost_cloud.objects.s3 import S3Store
from roost_cloud.objects.s3_location import S3Location, parse_s3_url
from roost_shared.errors import ConfigError


def test_a_folder_is_opened_and_made(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/a b%20c/objects", public_url="http://cloud", secret=b"s" * 32)
    store.put("acme/blobs/x", b"x")
    assert (tmp_path / "a b%20c" / "objects" / "acme" / "blobs" / "x").read_bytes() == b"x"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreFailedError):
        open_store(f"file://{tmp_path}/file/objects", public_url="http://cloud", secret=b"s" * 32)


def test_a_bucket_is_not_asked_when_it_is_opened() -> None:
    assert isinstance(open_store("s3://meters?region=eu-central-1", public_url="", secret=b""), S3Store)


@pytest.mark.parametrize("url", ["", "file://", "s3://", "/var/lib/objects", "http://host/bucket", "gs://bucket"])
def test_what_is_no_store_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="objects_url"):
        open_store(url, public_url="http://cloud", secret=b"s" * 32)


def test_an_s3_url_says_where() -> None:
    assert parse_s3_url("s3://meters") == S3Location("meters")
    assert parse_s3_url("s3://meters/a/b/?endpoint=http%3A%2F%2Fminio%3A9000&region=x") == S3Location(
        "meters", "a/b/", endpoint="http://minio:9000", region="x"
    )


@pytest.mark.parametrize(
    "url",
    [
        "s3:///prefix",
        "s3://key:secret@bucket",
        "s3://bucket:9000/x",
        "s3://bucket?endpoint=minio:9000",
        "s3://bucket?endpoint=",
        "s3://bucket?region=a&region=b",
        "s3://bucket?access_key=x",
    ],
)
def test_an_s3_url_with_anything_else_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        parse_s3_url(url)
