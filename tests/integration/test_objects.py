"""What every object store keeps, shown on a folder and on S3, both with signed URLs over real HTTP."""

import io
from datetime import UTC, datetime, timedelta

import pytest

from roost_cloud.objects import (
    PART_BYTES,
    MissingPartsError,
    ObjectNotFoundError,
    StoredPart,
    Upload,
    UploadNotFoundError,
    plan_parts,
)
from roost_cloud.objects.errors import (
    BadKeyError,
    BadPartError,
    SizeMismatchError,
    TooLargeError,
    UnsatisfiableRangeError,
)
from roost_cloud.objects.parts import MAX_OBJECT_BYTES
from roost_shared.errors import RoostError
from tests.support.objects import Objects

KEY = "acme/blobs/sha256/0a1b"
TWO_PARTS = bytes(range(256)) * (PART_BYTES // 256) + b"the rest"


def test_an_object_comes_back(objects: Objects) -> None:
    objects.store.put(KEY, b"first")
    objects.store.put(KEY, b"second")
    assert objects.read(KEY) == b"second"
    info = objects.store.head(KEY)
    assert (info.key, info.size_bytes) == (KEY, 6)
    assert abs(info.modified_at - datetime.now(UTC)) < timedelta(minutes=1)
    with objects.store.open(KEY) as reader:
        assert reader.info == info
        assert [reader.read(4), reader.read(4), reader.read(4)] == [b"seco", b"nd", b""]


def test_an_empty_object_comes_back(objects: Objects) -> None:
    objects.store.put(KEY, b"")
    assert objects.read(KEY) == b""
    with objects.store.open(KEY, length_bytes=10) as reader:
        assert reader.read() == b""
    assert objects.fetch(objects.store.get_url(KEY, expires_s=60)).data == b""


@pytest.mark.parametrize(
    ("offset", "length_bytes", "expected"),
    [(0, 3, b"012"), (4, 2, b"45"), (7, None, b"789"), (8, 100, b"89"), (5, 0, b""), (0, 0, b"")],
)
def test_a_range_comes_back(objects: Objects, offset: int, length_bytes: int | None, expected: bytes) -> None:
    objects.store.put(KEY, b"0123456789")
    with objects.store.open(KEY, offset=offset, length_bytes=length_bytes) as reader:
        assert reader.read() == expected
        assert reader.info.size_bytes == 10


@pytest.mark.parametrize("length_bytes", [None, 0, 5])
def test_a_range_behind_the_end_is_refused(objects: Objects, length_bytes: int | None) -> None:
    objects.store.put(KEY, b"0123456789")
    with pytest.raises(UnsatisfiableRangeError) as caught:
        objects.store.open(KEY, offset=10, length_bytes=length_bytes)
    assert caught.value.size_bytes == 10


def test_what_is_not_there_is_not_found(objects: Objects) -> None:
    for ask in (objects.store.head, objects.store.open):
        with pytest.raises(ObjectNotFoundError):
            ask(KEY)
    with pytest.raises(ObjectNotFoundError):
        objects.store.move(KEY, "acme/blobs/other")
    objects.store.delete(KEY)
    assert objects.fetch(objects.store.get_url(KEY, expires_s=60)).status == 404
    assert objects.keys() == []


@pytest.mark.parametrize("size_bytes", [0, 5, PART_BYTES, PART_BYTES + 1])
def test_a_stream_is_stored(objects: Objects, size_bytes: int) -> None:
    data = TWO_PARTS[:size_bytes]
    objects.store.put_stream(KEY, io.BytesIO(data), size_bytes)
    assert objects.read(KEY) == data


@pytest.mark.parametrize("size_bytes", [5, PART_BYTES + 5])
@pytest.mark.parametrize("off_by", [-1, 1])
def test_a_stream_of_another_size_leaves_what_was_there(objects: Objects, size_bytes: int, off_by: int) -> None:
    objects.store.put(KEY, b"before")
    with pytest.raises(SizeMismatchError) as caught:
        objects.store.put_stream(KEY, io.BytesIO(TWO_PARTS[: size_bytes + off_by]), size_bytes)
    assert (caught.value.expected_bytes, caught.value.actual_bytes) == (size_bytes, size_bytes + off_by)
    assert objects.read(KEY) == b"before"
    assert objects.store.sweep(before=datetime.now(UTC) + timedelta(hours=1)) == 0


def test_what_is_deleted_is_gone(objects: Objects) -> None:
    objects.store.put(KEY, b"x")
    objects.store.delete(KEY)
    assert objects.keys() == []
    with pytest.raises(ObjectNotFoundError):
        objects.store.head(KEY)


def test_a_listing_is_in_the_order_of_keys_and_stays_below_its_prefix(objects: Objects) -> None:
    inside = ["acme/a/b", "acme/a-b/c", "acme/a.b/c", "acme/a0/c", "acme/a_/c", "acme/b/c/d/e", "acme/b/c=d"]
    for key in [*inside, "acme-2/a/b", "zeta/a/b"]:
        objects.store.put(key, key.encode())
    assert objects.keys() == sorted(inside)
    assert objects.keys("acme/b/") == ["acme/b/c/d/e", "acme/b/c=d"]
    assert objects.keys("acme/b/c/") == ["acme/b/c/d/e"]
    assert objects.keys("acme/none/") == []
    assert [info.size_bytes for info in objects.store.list_objects("acme-2/")] == [10]


def test_a_listing_goes_on_behind_any_key(objects: Objects) -> None:
    keys = sorted(f"acme/{kind}/{name}" for kind in ("a", "a-b", "b") for name in ("1", "1.5", "2"))
    for key in keys:
        objects.store.put(key, b"")
    for after in [*keys, "acme/", "acme/a/", "acme/a/1x", "acme/zz", "a", "zz"]:
        listed = [info.key for info in objects.store.list_objects("acme/", after=after)]
        assert listed == [key for key in keys if key > after], after


def test_a_move_leaves_one_object(objects: Objects) -> None:
    objects.store.put("acme/uploads/1", b"new")
    objects.store.put(KEY, b"old")
    objects.store.move("acme/uploads/1", KEY)
    assert objects.keys() == [KEY]
    assert objects.read(KEY) == b"new"
    objects.store.move(KEY, KEY)
    assert objects.read(KEY) == b"new"


def test_nothing_moves_to_another_tenant(objects: Objects) -> None:
    objects.store.put(KEY, b"x")
    with pytest.raises(BadKeyError, match="different tenants"):
        objects.store.move(KEY, "zeta/blobs/sha256")
    assert objects.keys("zeta/") == []


@pytest.mark.parametrize(
    "key", ["", "acme", "acme/blobs", "/acme/blobs/x", "acme/../zeta/x", "acme//x/y", ".staging/a/b"]
)
def test_no_method_takes_a_key_that_is_none(objects: Objects, key: str) -> None:
    store = objects.store
    upload = Upload(key, 5, "0" * 32)
    for attempt in (
        lambda: store.put(key, b""),
        lambda: store.put_stream(key, io.BytesIO(), 0),
        lambda: store.open(key),
        lambda: store.head(key),
        lambda: store.delete(key),
        lambda: store.move(key, KEY),
        lambda: store.move(KEY, key),
        lambda: store.begin_upload(key, 5),
        lambda: store.part_url(upload, 1, expires_s=60),
        lambda: store.list_parts(upload),
        lambda: store.complete_upload(upload),
        lambda: store.abort_upload(upload),
        lambda: store.put_url(key, 5, expires_s=60),
        lambda: store.get_url(key, expires_s=60),
    ):
        with pytest.raises(BadKeyError):
            attempt()
    with pytest.raises(BadKeyError):
        store.list_objects(key)


def test_an_object_of_parts_sent_in_any_order_comes_back(objects: Objects) -> None:
    upload = objects.store.begin_upload(KEY, len(TWO_PARTS))
    objects.send_parts(upload, TWO_PARTS, 2)
    objects.send_parts(upload, TWO_PARTS, 1)
    assert objects.store.list_parts(upload) == [StoredPart(1, PART_BYTES), StoredPart(2, 8)]
    assert objects.keys() == []
    objects.store.complete_upload(upload)
    assert objects.read(KEY) == TWO_PARTS
    with pytest.raises(UploadNotFoundError):
        objects.store.list_parts(upload)


def test_an_empty_object_too_may_come_as_a_part(objects: Objects) -> None:
    upload = objects.store.begin_upload(KEY, 0)
    with pytest.raises(MissingPartsError):
        objects.store.complete_upload(upload)
    objects.send_parts(upload, b"")
    objects.store.complete_upload(upload)
    assert objects.read(KEY) == b""


def test_a_part_sent_again_replaces_itself(objects: Objects) -> None:
    upload = objects.store.begin_upload(KEY, 5)
    objects.send_parts(upload, b"wrong")
    objects.send_parts(upload, b"right")
    objects.store.complete_upload(upload)
    assert objects.read(KEY) == b"right"


def test_an_upload_with_a_part_missing_is_not_completed_and_goes_on(objects: Objects) -> None:
    upload = objects.store.begin_upload(KEY, len(TWO_PARTS))
    objects.send_parts(upload, TWO_PARTS, 2)
    with pytest.raises(MissingPartsError) as caught:
        objects.store.complete_upload(upload)
    assert caught.value.numbers == [1]
    assert objects.keys() == []
    objects.send_parts(upload, TWO_PARTS, 1)
    objects.store.complete_upload(upload)
    assert objects.store.head(KEY).size_bytes == len(TWO_PARTS)


def test_an_upload_goes_on_in_another_process(objects: Objects) -> None:
    begun = objects.store.begin_upload(KEY, 5)
    remembered = Upload(key=KEY, size_bytes=5, id=begun.id)
    objects.send_parts(remembered, b"parts")
    objects.store.complete_upload(remembered)
    assert objects.read(KEY) == b"parts"


def test_an_aborted_upload_leaves_nothing(objects: Objects) -> None:
    upload = objects.store.begin_upload(KEY, 5)
    url = objects.store.part_url(upload, 1, expires_s=60)
    assert objects.send(url, b"parts") == 200
    objects.store.abort_upload(upload)
    objects.store.abort_upload(upload)
    assert objects.send(url, b"parts") != 200  # 404, but moto breaks
    for ask in (objects.store.list_parts, objects.store.complete_upload):
        with pytest.raises(UploadNotFoundError):
            ask(upload)
    assert objects.keys() == []


@pytest.mark.parametrize("upload_id", ["0" * 32, "../uploads", "none", ""])
def test_an_upload_never_begun_is_not_found(objects: Objects, upload_id: str) -> None:
    upload = Upload(KEY, 5, upload_id)
    for ask in (objects.store.list_parts, objects.store.complete_upload):
        with pytest.raises(RoostError) as caught:
            ask(upload)
        assert caught.value.code == "objects.upload_not_found"
    objects.store.abort_upload(upload)


@pytest.mark.parametrize("number", [0, 3, -1])
def test_no_url_is_given_for_a_part_that_is_none(objects: Objects, number: int) -> None:
    upload = objects.store.begin_upload(KEY, len(TWO_PARTS))
    with pytest.raises(BadPartError):
        objects.store.part_url(upload, number, expires_s=60)


def test_what_is_too_large_is_refused_at_the_beginning(objects: Objects) -> None:
    for attempt in (
        lambda: objects.store.begin_upload(KEY, MAX_OBJECT_BYTES + 1),
        lambda: objects.store.put_stream(KEY, io.BytesIO(), MAX_OBJECT_BYTES + 1),
        lambda: objects.store.put_url(KEY, PART_BYTES + 1, expires_s=60),
    ):
        with pytest.raises(TooLargeError):
            attempt()
    assert len(plan_parts(MAX_OBJECT_BYTES)) == 10_000


def test_a_sweep_ends_old_uploads(objects: Objects) -> None:
    upload = objects.store.begin_upload(KEY, 5)
    objects.send_parts(upload, b"parts")
    assert objects.store.sweep(before=datetime.now(UTC) + timedelta(hours=1)) == 1
    with pytest.raises(UploadNotFoundError):
        objects.store.list_parts(upload)


def test_a_small_object_is_sent_in_one_go(objects: Objects) -> None:
    assert objects.send(objects.store.put_url(KEY, 5, expires_s=60), b"small") == 200
    assert objects.read(KEY) == b"small"


@pytest.mark.parametrize(
    ("asked", "status", "expected", "content_range"),
    [
        (None, 200, b"0123456789", None),
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=8-100", 206, b"89", "bytes 8-9/10"),
    ],
)
def test_a_range_is_fetched(
    objects: Objects, asked: str | None, status: int, expected: bytes, content_range: str | None
) -> None:
    objects.store.put(KEY, b"0123456789")
    response = objects.fetch(objects.store.get_url(KEY, expires_s=60), asked)
    assert (response.status, response.data) == (status, expected)
    assert response.headers.get("Content-Range") == content_range


def test_a_range_behind_the_end_is_not_fetched(objects: Objects) -> None:
    objects.store.put(KEY, b"0123456789")
    assert objects.fetch(objects.store.get_url(KEY, expires_s=60), "bytes=10-").status == 416


def test_of_two_uploads_of_one_key_the_last_to_be_completed_wins(objects: Objects) -> None:
    first = objects.store.begin_upload(KEY, 5)
    second = objects.store.begin_upload(KEY, 6)
    objects.send_parts(second, b"second")
    objects.send_parts(first, b"first")
    objects.store.complete_upload(second)
    assert objects.read(KEY) == b"second"
    objects.store.complete_upload(first)
    assert objects.read(KEY) == b"first"
