"""Cut connections, full disks, failing disks and killed processes leave an object whole or not at all; again works."""

import errno
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import psutil
import pytest

from roost_cloud.objects import PART_BYTES, MissingPartsError, ObjectNotFoundError, UploadNotFoundError, open_store
from roost_cloud.objects.errors import StoreFailedError, StoreFullError, StoreUnavailableError
from roost_shared.errors import RoostError
from tests.support.objects import FileObjects, Objects
from tests.support.proxy import Proxy
from tests.support.s3 import BUCKET, S3Server
from tests.support.waiting import until

KEY = "acme/blobs/sha256/0a1b"
DATA = bytes(range(256)) * (PART_BYTES // 256) + b"the rest"
LIMIT_BYTES = 4 << 20


def send_half(url: str, size_bytes: int, *, reset: bool) -> None:
    """Announce `size_bytes`, send half of them, and vanish: orderly, or with RST."""
    parts = urlsplit(url)
    head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {size_bytes}\r\n\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(head.encode() + DATA[: size_bytes // 2])
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextmanager
def limited_files() -> Iterator[None]:
    """No file may grow beyond `LIMIT_BYTES`: what a full disk looks like from here, without filling one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("reset", [False, True])
def test_a_part_cut_half_way_is_no_part_and_goes_again(objects: Objects, *, reset: bool) -> None:
    upload = objects.store.begin_upload(KEY, PART_BYTES)
    url = objects.store.part_url(upload, 1, expires_s=60)
    send_half(url, PART_BYTES, reset=reset)
    with pytest.raises(MissingPartsError):
        objects.store.complete_upload(upload)
    assert objects.send(url, DATA[:PART_BYTES]) == 200
    objects.store.complete_upload(upload)
    assert objects.read(KEY) == DATA[:PART_BYTES]


@pytest.mark.parametrize("reset", [False, True])
def test_what_was_cut_half_way_leaves_nothing(file_objects: FileObjects, *, reset: bool) -> None:
    file_objects.store.put(KEY, b"before")
    upload = file_objects.store.begin_upload(KEY, PART_BYTES)
    before = file_objects.leftovers()
    part_url = file_objects.store.part_url(upload, 1, expires_s=60)
    for url in (part_url, file_objects.store.put_url(KEY, PART_BYTES, expires_s=60)):
        send_half(url, PART_BYTES, reset=reset)
        until(lambda: file_objects.leftovers() == before, "nothing is left over")
    assert file_objects.store.list_parts(upload) == []
    assert file_objects.read(KEY) == b"before"


def test_a_part_sent_again_and_cut_half_way_stays_as_it_was(file_objects: FileObjects) -> None:
    upload = file_objects.store.begin_upload(KEY, PART_BYTES)
    file_objects.send_parts(upload, DATA[:PART_BYTES])
    before = file_objects.leftovers()
    send_half(file_objects.store.part_url(upload, 1, expires_s=60), PART_BYTES, reset=True)
    until(lambda: file_objects.leftovers() == before, "nothing is left over")
    file_objects.store.complete_upload(upload)
    assert file_objects.read(KEY) == DATA[:PART_BYTES]


def test_a_fetch_given_up_lets_go_of_the_file(file_objects: FileObjects) -> None:
    file_objects.store.put(KEY, DATA[:PART_BYTES] * 8)
    response = file_objects.http.request("GET", file_objects.store.get_url(KEY, expires_s=60), preload_content=False)
    response.read(1000)
    assert str(file_objects.root / KEY) in _open_files()
    response.close()
    until(lambda: str(file_objects.root / KEY) not in _open_files(), "the file is closed")


def test_a_connection_cut_while_reading_is_a_fault_of_transport(s3_server: S3Server) -> None:
    s3_server.empty()
    with Proxy(s3_server.port) as proxy:
        url = f"s3://{BUCKET}?endpoint=http://127.0.0.1:{proxy.port}&region=us-east-1"
        store = open_store(url, public_url="", secret=b"")
        store.put(KEY, DATA[:PART_BYTES] * 4)
        proxy.delay_s = 0.02
        with store.open(KEY) as reader:
            reader.read(1000)
            proxy.cut()
            with pytest.raises(StoreUnavailableError):
                reader.read()
        proxy.delay_s = 0.0
        with store.open(KEY, offset=1000, length_bytes=8) as reader:
            assert reader.read() == DATA[1000 % 256 :][:8]


def test_a_full_disk_is_told_and_leaves_nothing(file_objects: FileObjects) -> None:
    store = file_objects.store
    store.put(KEY, b"before")
    upload = store.begin_upload(KEY, PART_BYTES)
    before = file_objects.leftovers()
    part_url = store.part_url(upload, 1, expires_s=60)
    with limited_files():
        with pytest.raises(StoreFullError):
            store.put(KEY, DATA)
        for url in (part_url, store.put_url(KEY, PART_BYTES, expires_s=60)):
            response = file_objects.http.request("PUT", url, body=DATA[:PART_BYTES])
            assert response.status == 507
            assert msgspec.json.decode(response.data)["error"]["code"] == "objects.full"
    assert file_objects.leftovers() == before
    assert file_objects.read(KEY) == b"before"
    assert file_objects.send(part_url, DATA[:PART_BYTES]) == 200
    store.complete_upload(upload)
    assert file_objects.read(KEY) == DATA[:PART_BYTES]


def test_a_disk_that_fills_while_parts_are_joined_costs_no_part(file_objects: FileObjects) -> None:
    upload = file_objects.store.begin_upload(KEY, len(DATA))
    file_objects.send_parts(upload, DATA)
    before = file_objects.leftovers()
    with limited_files(), pytest.raises(StoreFullError):
        file_objects.store.complete_upload(upload)
    assert file_objects.leftovers() == before
    assert file_objects.keys() == []
    file_objects.store.complete_upload(upload)
    assert file_objects.read(KEY) == DATA


@pytest.mark.parametrize(
    ("number", "expected", "status"),
    [(errno.EIO, StoreFailedError, 500), (errno.ENOSPC, StoreFullError, 507), (errno.EDQUOT, StoreFullError, 507)],
)
def test_a_disk_that_does_not_keep_its_promise_is_told(
    file_objects: FileObjects, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[RoostError], status: int
) -> None:
    store = file_objects.store
    store.put(KEY, b"before")
    upload = store.begin_upload(KEY, 5)
    before = file_objects.leftovers()

    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        with pytest.raises(expected):
            store.put(KEY, b"after")
        with pytest.raises(expected):
            store.begin_upload(KEY, 5)
        assert file_objects.send(store.part_url(upload, 1, expires_s=60), b"parts") == status
    assert file_objects.leftovers() == before
    assert file_objects.read(KEY) == b"before"
    file_objects.send_parts(upload, b"parts")
    store.complete_upload(upload)
    assert file_objects.read(KEY) == b"parts"


@pytest.mark.parametrize("point", ["os.sendfile", "os.fsync", "pathlib.Path.replace", "pathlib.Path.rename"])
def test_a_process_killed_while_it_joins_parts_loses_none(file_objects: FileObjects, point: str) -> None:
    upload = file_objects.store.begin_upload(KEY, len(DATA))
    file_objects.send_parts(upload, DATA)
    program = f"""
import os, pathlib, signal
from roost_cloud.objects import Upload
from roost_cloud.objects.files import FileStore
store = FileStore(pathlib.Path({str(file_objects.root)!r}), secret=b"s" * 32, public_url="http://cloud")
{point} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
store.complete_upload(Upload({upload.key!r}, {upload.size_bytes}, {upload.id!r}))
"""
    ended = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    try:
        assert file_objects.store.head(KEY).size_bytes == len(DATA)
        assert point == "pathlib.Path.rename"
    except ObjectNotFoundError:
        assert point != "pathlib.Path.rename"
    file_objects.store.complete_upload(upload)
    assert file_objects.read(KEY) == DATA
    with pytest.raises(UploadNotFoundError):
        file_objects.store.list_parts(upload)


def _open_files() -> set[str]:
    return {str(Path(file.path)) for file in psutil.Process().open_files()}
