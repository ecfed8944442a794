import io
import tarfile
from pathlib import Path

import pytest

from roost_cloud.runs.executor import ExecutorError
from roost_cloud.runs.packing import pack, unpack


def packed(folder: Path, *names: str) -> io.BytesIO:
    made = io.BytesIO()
    pack(folder, names, made)
    made.seek(0)
    return made


def tar_of(*members: tarfile.TarInfo) -> io.BytesIO:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    made.seek(0)
    return made


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size, link
    return made


def test_what_is_packed_comes_out_the_same_and_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    (source / "candidate" / "blobs").mkdir(parents=True)
    (source / "candidate" / "blobs" / "x").write_bytes(b"bytes")
    (source / "candidate" / "link").symlink_to("/etc/passwd")
    (source / "other").write_bytes(b"stays")
    target.mkdir()
    unpack(packed(source, "candidate", "absent"), target, ["candidate", "absent"])
    assert [str(path.relative_to(target)) for path in sorted(target.rglob("*"))] == [
        "candidate",
        "candidate/blobs",
        "candidate/blobs/x",
    ]
    (source / "candidate" / "blobs" / "x").touch()
    assert packed(source, "candidate").getvalue() == packed(source, "candidate").getvalue()


@pytest.mark.parametrize(
    "made",
    [
        member("../x"),
        member("/x"),
        member("candidate/../../x"),
        member("other"),
        member("candidate/x", tarfile.SYMTYPE, link="/etc"),
        member("candidate/x", tarfile.LNKTYPE, link="/etc/passwd"),
        member("candidate/x", tarfile.FIFOTYPE),
        member("candidate/x", size=2000),
    ],
    ids=lambda one: f"{one.name}-{one.type!r}",
)
def test_what_was_not_asked_for_is_not_unpacked(tmp_path: Path, made: tarfile.TarInfo) -> None:
    with pytest.raises(ExecutorError):
        unpack(tar_of(made), tmp_path, ["candidate"], limit_bytes=1000)
    assert not [path for path in tmp_path.rglob("*") if not path.is_dir()]


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExecutorError, match="cannot be read"):
        unpack(io.BytesIO(b"no archive" * 100), tmp_path, None)
