"""The `s3://` store, for anything that speaks S3: AWS, MinIO, Ceph (`s3_location.py` has the URL).

Presigned URLs carry a PUT's size in their signature, and no checksum: whoever sends a part computes none, and blobs
are hashed by the registry. What one process begins, another may go on with: nothing is remembered here.
"""

import io
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from boto3.s3.transfer import TransferConfig

from roost_cloud.objects.errors import (
    MissingPartsError,
    ObjectNotFoundError,
    SizeMismatchError,
    TooLargeError,
    UnsatisfiableRangeError,
    UploadNotFoundError,
)
from roost_cloud.objects.keys import check_key, check_prefix, check_same_tenant
from roost_cloud.objects.parts import PART_BYTES, Part, StoredPart, count_parts, missing_parts, part_of, plan_parts
from roost_cloud.objects.ranges import clip_range
from roost_cloud.objects.s3_faults import s3_faults
from roost_cloud.objects.s3_location import S3Location, connect
from roost_cloud.objects.s3_reader import S3Reader
from roost_cloud.objects.store import ByteSource, ObjectInfo, Upload

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import CompletedPartTypeDef, PaginatorConfigTypeDef, PartTypeDef

__all__ = ["S3Store"]

_COPY_LIMIT_BYTES: Final = 5 << 30  # S3 copies no more in one request
_COPY_PART_BYTES: Final = 1 << 30


class S3Store:
    """An `ObjectStore` in a bucket, which must be there.

    Args:
        location: the bucket, and the prefix within.
        page_keys: how many keys one request lists, at most 1,000.
        copy_limit_bytes: what is larger is moved by a multipart copy.

    Raises:
        StoreFailedError: boto3's configuration on this machine is wrong.
    """

    def __init__(
        self, location: S3Location, *, page_keys: int = 1000, copy_limit_bytes: int = _COPY_LIMIT_BYTES
    ) -> None:
        self._bucket = location.bucket
        self._prefix = location.prefix
        self._client = connect(location, location.endpoint)
        self._public = connect(location, location.public_endpoint) if location.public_endpoint else self._client
        self._page: PaginatorConfigTypeDef = {"PageSize": page_keys}
        self._copying = TransferConfig(
            multipart_threshold=copy_limit_bytes,
            multipart_chunksize=min(_COPY_PART_BYTES, copy_limit_bytes),
            use_threads=False,
        )

    def put(self, key: str, data: bytes) -> None:
        """See `ObjectStore.put`."""
        name = self._name(key)
        with s3_faults():
            self._client.put_object(Bucket=self._bucket, Key=name, Body=data)

    def put_stream(self, key: str, source: ByteSource, size_bytes: int) -> None:
        """See `ObjectStore.put_stream`."""
        parts = plan_parts(size_bytes)
        if len(parts) == 1:
            self.put(key, _read_part(source, parts[0], size_bytes))
            return
        upload = self.begin_upload(key, size_bytes)
        try:
            for part in parts:
                self._put_part(upload, part.number, _read_part(source, part, size_bytes))
            self.complete_upload(upload)
        except BaseException:
            self.abort_upload(upload)
            raise

    def open(self, key: str, *, offset: int = 0, length_bytes: int | None = None) -> S3Reader:
        """See `ObjectStore.open`."""
        if length_bytes == 0:  # no range header asks for nothing
            info = self.head(key)
            clip_range(offset, 0, info.size_bytes)
            return S3Reader(io.BytesIO(), info)
        asked: dict[str, Any] = {}
        if offset or length_bytes is not None:
            last = "" if length_bytes is None else offset + length_bytes - 1
            asked["Range"] = f"bytes={offset}-{last}"
        name = self._name(key)
        with s3_faults(gone=ObjectNotFoundError(key)):
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=name, **asked)
            except self._client.exceptions.ClientError as error:
                if error.response["Error"].get("Code") != "InvalidRange":
                    raise
                return self._open_nothing(key, offset)
        _, _, whole_bytes = found.get("ContentRange", "").rpartition("/")
        info = ObjectInfo(key, int(whole_bytes or found["ContentLength"]), found["LastModified"])
        return S3Reader(found["Body"], info)

    def head(self, key: str) -> ObjectInfo:
        """See `ObjectStore.head`."""
        name = self._name(key)
        with s3_faults(gone=ObjectNotFoundError(key)):
            found = self._client.head_object(Bucket=self._bucket, Key=name)
        return ObjectInfo(key, found["ContentLength"], found["LastModified"])

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        name = self._name(key)
        with s3_faults():
            self._client.delete_object(Bucket=self._bucket, Key=name)

    def list_objects(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        """See `ObjectStore.list_objects`."""
        asked: dict[str, Any] = {"Prefix": self._prefix + check_prefix(prefix)}
        if after:
            asked["StartAfter"] = self._prefix + after
        return self._list(asked)

    def move(self, source: str, target: str) -> None:
        """See `ObjectStore.move`."""
        check_same_tenant(source, target)
        if source == target:
            self.head(source)
            return
        place = self._name(source)
        with s3_faults(gone=ObjectNotFoundError(source)):
            self._client.copy(
                {"Bucket": self._bucket, "Key": place}, self._bucket, self._name(target), Config=self._copying
            )
            self._client.delete_object(Bucket=self._bucket, Key=place)

    def begin_upload(self, key: str, size_bytes: int) -> Upload:
        """See `ObjectStore.begin_upload`."""
        count_parts(size_bytes)
        name = self._name(key)
        with s3_faults():
            begun = self._client.create_multipart_upload(Bucket=self._bucket, Key=name)
        return Upload(key, size_bytes, begun["UploadId"])

    def part_url(self, upload: Upload, number: int, *, expires_s: int) -> str:
        """See `ObjectStore.part_url`."""
        part = part_of(upload.size_bytes, number)
        what = {**self._of(upload), "PartNumber": number, "ContentLength": part.size_bytes}
        with s3_faults():
            return self._public.generate_presigned_url("upload_part", what, expires_s)

    def list_parts(self, upload: Upload) -> list[StoredPart]:
        """See `ObjectStore.list_parts`."""
        return [StoredPart(part["PartNumber"], part["Size"]) for part in self._parts(upload)]

    def complete_upload(self, upload: Upload) -> None:
        """See `ObjectStore.complete_upload`."""
        parts = self._parts(upload)
        stored = [StoredPart(part["PartNumber"], part["Size"]) for part in parts]
        missing = missing_parts(upload.size_bytes, stored)
        if missing:
            raise MissingPartsError(missing)
        etags: list[CompletedPartTypeDef] = [
            {"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts
        ]
        with s3_faults(gone=UploadNotFoundError(upload.id)):
            self._client.complete_multipart_upload(**self._of(upload), MultipartUpload={"Parts": etags})

    def abort_upload(self, upload: Upload) -> None:
        """See `ObjectStore.abort_upload`."""
        self._abort(self._name(upload.key), upload.id)

    def sweep(self, *, before: datetime) -> int:
        """See `ObjectStore.sweep`. A bucket's lifecycle rule may do the same."""
        swept = 0
        with s3_faults():
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._bucket, Prefix=self._prefix
            )
            for page in pages:
                for begun in page.get("Uploads", []):
                    if begun["Initiated"] < before:
                        self._abort(begun["Key"], begun["UploadId"])
                        swept += 1
        return swept

    def put_url(self, key: str, size_bytes: int, *, expires_s: int) -> str:
        """See `ObjectStore.put_url`."""
        if size_bytes > PART_BYTES:
            raise TooLargeError(f"{size_bytes} bytes do not fit one part of {PART_BYTES}; begin an upload")
        what = {"Bucket": self._bucket, "Key": self._name(key), "ContentLength": size_bytes}
        with s3_faults():
            return self._public.generate_presigned_url("put_object", what, expires_s)

    def get_url(self, key: str, *, expires_s: int) -> str:
        """See `ObjectStore.get_url`."""
        what = {"Bucket": self._bucket, "Key": self._name(key)}
        with s3_faults():
            return self._public.generate_presigned_url("get_object", what, expires_s)

    def _name(self, key: str) -> str:
        return self._prefix + check_key(key)

    def _of(self, upload: Upload) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": self._name(upload.key), "UploadId": upload.id}

    def _open_nothing(self, key: str, offset: int) -> S3Reader:
        """Answer a range that S3 refuses: from 0 it is that of an empty object."""
        info = self.head(key)
        if offset:
            raise UnsatisfiableRangeError(info.size_bytes)
        return S3Reader(io.BytesIO(), info)

    def _list(self, asked: dict[str, Any]) -> Iterator[ObjectInfo]:
        pages = iter(
            self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, PaginationConfig=self._page, **asked
            )
        )
        while True:
            with s3_faults():
                page = next(pages, None)
            if page is None:
                return
            for found in page.get("Contents", []):
                yield ObjectInfo(found["Key"].removeprefix(self._prefix), found["Size"], found["LastModified"])

    def _parts(self, upload: Upload) -> list["PartTypeDef"]:
        with s3_faults(gone=UploadNotFoundError(upload.id)):
            pages = self._client.get_paginator("list_parts").paginate(**self._of(upload))
            return [part for page in pages for part in page.get("Parts", [])]

    def _put_part(self, upload: Upload, number: int, data: bytes) -> None:
        with s3_faults(gone=UploadNotFoundError(upload.id)):
            self._client.upload_part(**self._of(upload), PartNumber=number, Body=data)

    def _abort(self, name: str, upload_id: str) -> None:
        gone = UploadNotFoundError(upload_id)
        with suppress(UploadNotFoundError), s3_faults(gone):
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=name, UploadId=upload_id)


def _read_part(source: ByteSource, part: Part, size_bytes: int) -> bytes:
    """A part's bytes from a stream; behind the last part it must end.

    Raises:
        SizeMismatchError: it ends too early or goes on.
    """
    is_last = part.offset + part.size_bytes == size_bytes
    wanted_bytes = part.size_bytes + is_last  # one more is one too many
    data = bytearray()
    while len(data) < wanted_bytes and (more := source.read(wanted_bytes - len(data))):
        data += more
    if len(data) != part.size_bytes:
        raise SizeMismatchError(size_bytes, part.offset + len(data))
    return bytes(data)
