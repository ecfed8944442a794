"""What only the `file://` store has, or what moto, our S3 for tests, does not do as S3 does."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from roost_cloud.objects import StoredPart, Upload, UploadNotFoundError
from roost_cloud.objects.disk import StagedFile
from roost_cloud.objects.files import FileStore
from tests.support.objects import FileObjects
from tests.support.unreadable import NO_JSON

KEY = "acme/blobs/sha256/0a1b"


def test_an_upload_is_of_its_own_tenant_and_key(file_objects: FileObjects) -> None:
    upload = file_objects.store.begin_upload(KEY, 5)
    file_objects.send_parts(upload, b"parts")
    for key in ("zeta/blobs/sha256/0a1b", "acme/blobs/other"):
        strange = Upload(key, 5, upload.id)
        for ask in (file_objects.store.list_parts, file_objects.store.complete_upload):
            with pytest.raises(UploadNotFoundError):
                ask(strange)
        file_objects.store.abort_upload(strange)
    assert file_objects.store.list_parts(upload) == [StoredPart(1, 5)]


@pytest.mark.parametrize("wrong", NO_JSON)
def test_an_upload_whose_record_is_damaged_is_gone(file_objects: FileObjects, wrong: str) -> None:
    upload = file_objects.store.begin_upload(KEY, 5)
    file_objects.send_parts(upload, b"parts")
    (file_objects.root / ".staging" / "uploads" / upload.id / "upload.json").write_bytes(NO_JSON[wrong])
    with pytest.raises(UploadNotFoundError):
        file_objects.store.list_parts(upload)


def test_a_sweep_leaves_what_is_young(file_objects: FileObjects) -> None:
    hour = timedelta(hours=1)
    upload = file_objects.store.begin_upload(KEY, 5)
    file_objects.send_parts(upload, b"parts")
    assert file_objects.store.sweep(before=datetime.now(UTC) - hour) == 0
    assert file_objects.store.list_parts(upload) == [StoredPart(1, 5)]


def test_a_sweep_removes_what_a_crash_left(file_objects: FileObjects) -> None:
    incoming = file_objects.root / ".staging" / "incoming"
    (incoming / "tmpabc").write_bytes(b"half")
    (incoming / "0.ended").mkdir()
    (incoming / "0.ended" / "00001.part").write_bytes(b"part")
    begun_only = file_objects.root / ".staging" / "uploads" / ("0" * 32)
    begun_only.mkdir()
    for path in (incoming / "tmpabc", incoming / "0.ended", begun_only):
        os.utime(path, (0, 0))
    (incoming / "young").write_bytes(b"half")
    file_objects.store.sweep(before=datetime.now(UTC) - timedelta(hours=1))
    assert file_objects.leftovers() == [incoming / "young"]
    assert not begun_only.exists()


def test_of_two_who_complete_an_upload_one_does(file_objects: FileObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the slower one would replace what the faster one has hashed by then, with parts of another time."""
    upload = file_objects.store.begin_upload(KEY, 5)
    file_objects.send_parts(upload, b"first")
    assembled, go_on = threading.Event(), threading.Event()
    commit = StagedFile.commit

    def slow(staged: StagedFile) -> None:
        if not assembled.is_set():
            assembled.set()
            go_on.wait(60)
        commit(staged)

    other = FileStore(file_objects.root, secret=b"s" * 32, public_url="http://other")
    with ThreadPoolExecutor(2) as threads:
        with monkeypatch.context() as stalled:
            stalled.setattr(StagedFile, "commit", slow)
            first = threads.submit(file_objects.store.complete_upload, upload)
            assert assembled.wait(60)
        file_objects.send_parts(upload, b"later")
        second = threads.submit(other.complete_upload, upload)
        with pytest.raises(TimeoutError):
            second.result(0.2)
        go_on.set()
        first.result(20)
        with pytest.raises(UploadNotFoundError):
            second.result(20)
    assert file_objects.read(KEY) == b"first"
    assert file_objects.leftovers() == []


def test_upload_aborted_while_it_is_completed_is_gone(
    file_objects: FileObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = file_objects.store.begin_upload(KEY, 5)
    file_objects.send_parts(upload, b"parts")
    append = StagedFile.append_file

    def aborted(staged: StagedFile, path: Path) -> None:
        file_objects.store.abort_upload(upload)
        append(staged, path)

    monkeypatch.setattr(StagedFile, "append_file", aborted)
    with pytest.raises(UploadNotFoundError):
        file_objects.store.complete_upload(upload)
    assert file_objects.keys() == []
    assert file_objects.leftovers() == []


def test_another_process_on_the_folder_sees_and_continues_everything(file_objects: FileObjects) -> None:
    upload = file_objects.store.begin_upload(KEY, 5)
    other = FileStore(file_objects.root, secret=b"s" * 32, public_url="http://other")
    file_objects.send_parts(upload, b"parts")
    other.complete_upload(upload)
    assert file_objects.read(KEY) == b"parts"
    assert file_objects.leftovers() == []


def test_a_relative_folder_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = FileStore(Path("data/objects"), secret=b"s" * 32, public_url="http://cloud")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.put(KEY, b"x")
    assert (tmp_path / "data" / "objects" / KEY).read_bytes() == b"x"


def test_no_object_lies_below_another(file_objects: FileObjects) -> None:
    store = file_objects.store
    store.put("acme/a/b", b"x")
    for key, problem in (("acme/a/b/c", "below another"), ("acme/a", "levels")):
        with pytest.raises(Exception, match=problem) as caught:
            store.put(key, b"y")
        assert getattr(caught.value, "code", None) == "objects.bad_key"
    store.put("acme/c/d/e", b"x")
    with pytest.raises(Exception, match="other objects"):
        store.put("acme/c/d", b"y")
    assert file_objects.keys() == ["acme/a/b", "acme/c/d/e"]


def test_of_many_writers_of_one_key_one_wins_whole(file_objects: FileObjects) -> None:
    """Eight threads write objects of one letter; whoever reads meanwhile sees no mixture."""
    letters = b"abcdefgh"
    size_bytes = 300_000
    start = threading.Barrier(len(letters))
    file_objects.store.put(KEY, b"a" * size_bytes)

    def write(letter: int) -> None:
        start.wait()
        for _ in range(3):
            file_objects.store.put(KEY, bytes([letter]) * size_bytes)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in letters]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        data = file_objects.read(KEY)
        assert (len(data), len(set(data))) == (size_bytes, 1)
    for thread in threads:
        thread.join()
    assert file_objects.keys() == [KEY]
