import os
from pathlib import Path

import pytest

from roost_cloud.objects.disk import StagedFile
from roost_cloud.objects.errors import SizeMismatchError, StoreFailedError, UploadNotFoundError


def test_a_staged_file_is_seen_only_when_committed(tmp_path: Path) -> None:
    target = tmp_path / "object"
    with StagedFile(tmp_path, target, 6) as staged:
        staged.write(b"abc")
        staged.write(bytearray(b"def"))
        assert not target.exists()
        staged.commit()
    assert target.read_bytes() == b"abcdef"
    assert list(tmp_path.iterdir()) == [target]


def test_a_short_write_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:2]))
    with StagedFile(tmp_path, tmp_path / "object", 7) as staged:
        staged.write(b"abcdefg")
        staged.commit()
    assert (tmp_path / "object").read_bytes() == b"abcdefg"


def test_what_is_not_committed_is_removed_and_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[int] = []
    close = os.close

    def record(descriptor: int) -> None:
        closed.append(descriptor)
        close(descriptor)

    with StagedFile(tmp_path, tmp_path / "object", 3) as staged:
        staged.write(b"abc")
        monkeypatch.setattr(os, "close", record)
    staged.discard()
    assert closed == [staged._descriptor]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("pieces", [[b"ab"], [b"abcd"], [b"abc", b"d"], []])
def test_only_its_announced_size_is_committed(tmp_path: Path, pieces: list[bytes]) -> None:
    def write() -> None:
        with StagedFile(tmp_path, tmp_path / "object", 3) as staged:
            for piece in pieces:
                staged.write(piece)
            staged.commit()

    with pytest.raises(SizeMismatchError):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_vanished_is_told_in_its_own_words(tmp_path: Path) -> None:
    for gone, expected in ((UploadNotFoundError("1"), UploadNotFoundError), (None, StoreFailedError)):
        with pytest.raises(expected), StagedFile(tmp_path, tmp_path / "no" / "object", 0, gone) as staged:
            staged.commit()
    assert list(tmp_path.iterdir()) == []
