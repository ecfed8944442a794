"""What only S3 has: presigned URLs for any HTTP client, moves by multipart copy, and its own ways to fail."""

import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from roost_cloud.objects import PART_BYTES, StoredPart, open_store
from roost_cloud.objects.errors import StoreFailedError, StoreUnavailableError
from roost_cloud.objects.s3 import S3Store
from roost_cloud.objects.s3_location import parse_s3_url
from tests.support.mosquitto import free_port
from tests.support.objects import Objects
from tests.support.s3 import S3Server

KEY = "acme/blobs/sha256/0a1b"


@pytest.fixture
def bucket_url(s3_server: S3Server) -> str:
    s3_server.empty()
    return s3_server.url()


def test_presigned_urls_bind_the_size_and_ask_for_no_checksum(s3_objects: Objects) -> None:
    upload = s3_objects.store.begin_upload(KEY, 5)
    for url in (
        s3_objects.store.part_url(upload, 1, expires_s=60),
        s3_objects.store.put_url(KEY, 5, expires_s=60),
    ):
        query = parse_qs(urlsplit(url).query)
        assert query["X-Amz-SignedHeaders"] == ["content-length;host"]
        assert query["X-Amz-Expires"] == ["60"]
        assert "checksum" not in url.lower()


def test_keys_are_below_the_prefix(s3_objects: Objects) -> None:
    s3_objects.store.put(KEY, b"x")
    path = urlsplit(s3_objects.store.get_url(KEY, expires_s=60)).path
    assert path.endswith(f"/some/prefix/{KEY}")


def test_what_is_too_large_for_one_copy_is_moved_by_parts(bucket_url: str) -> None:
    store = S3Store(parse_s3_url(bucket_url), copy_limit_bytes=5 << 20)
    data = bytes(range(256)) * (11 << 12)  # 11 MiB: two parts of 5 MiB, and one more
    store.put("acme/uploads/1", data)
    store.move("acme/uploads/1", KEY)
    with store.open(KEY) as reader:
        assert reader.read() == data
    assert [info.key for info in store.list_objects("acme/")] == [KEY]


def test_a_listing_is_fetched_by_pages(bucket_url: str) -> None:
    store = S3Store(parse_s3_url(bucket_url), page_keys=3)
    keys = [f"acme/blobs/{number}" for number in range(8)]
    for key in keys:
        store.put(key, b"")
    assert [info.key for info in store.list_objects("acme/")] == keys
    assert [info.key for info in store.list_objects("acme/", after=keys[1])] == keys[2:]


def test_devices_may_reach_it_elsewhere(bucket_url: str) -> None:
    store = open_store(f"{bucket_url}&public_endpoint=https://files.example", public_url="", secret=b"")
    assert store.get_url(KEY, expires_s=60).startswith("https://files.example/")
    store.put(KEY, b"x")
    assert store.head(KEY).size_bytes == 1


@pytest.mark.usefixtures("s3_server")  # for its credentials
def test_a_store_that_cannot_be_reached_is_unavailable() -> None:
    store = open_store(f"s3://b?endpoint=http://127.0.0.1:{free_port()}", public_url="", secret=b"")
    with pytest.raises(StoreUnavailableError):
        store.head(KEY)


def test_a_bucket_that_is_not_there_is_named(s3_server: S3Server) -> None:
    s3_server.empty()
    store = open_store(s3_server.url("no-such-bucket"), public_url="", secret=b"")
    with pytest.raises(StoreFailedError, match="NoSuchBucket"):
        store.put(KEY, b"x")
    with pytest.raises(StoreFailedError, match="NoSuchBucket"):
        list(store.list_objects("acme/"))


def test_missing_credentials_are_a_failure_of_ours(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    store = open_store(s3_server.url("b"), public_url="", secret=b"")
    with pytest.raises(StoreFailedError, match="credentials"):
        store.put(KEY, b"x")
    with pytest.raises(StoreFailedError, match="credentials"):
        store.get_url(KEY, expires_s=60)


def test_a_part_is_sent_by_a_client_that_knows_nothing_of_s3(s3_objects: Objects) -> None:
    upload = s3_objects.store.begin_upload(KEY, PART_BYTES + 1)
    url = s3_objects.store.part_url(upload, 2, expires_s=60)
    response = urllib3.request("PUT", url, body=b"x", headers={"Accept-Encoding": "identity"})
    assert response.status == 200
    assert s3_objects.store.list_parts(upload) == [StoredPart(2, 1)]


def test_boto3_is_loaded_only_for_s3() -> None:
    program = "import sys, roost_cloud.objects; sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
