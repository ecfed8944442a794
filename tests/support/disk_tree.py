"""Folders and files with more than one name, as calls are played to them, and what a power cut leaves of them.

As `power_cut.Disk`, for work that renames and links: durable are a file's bytes at its last fsync, and a folder's
names at its own. Of what came later any part may be there.
"""

import random
from pathlib import Path

from tests.support.strace import Call

__all__ = ["TREE_CALLS", "DiskTree"]

TREE_CALLS = "openat,write,fsync,fdatasync,ftruncate,unlink,unlinkat,rmdir,rename,renameat,link,linkat,mkdir"


class _File:
    def __init__(self, data: bytes = b"") -> None:
        self.durable = data
        self.now = bytearray(data)


class _Folder:
    def __init__(self) -> None:
        self.durable: dict[str, _File | _Folder] = {}
        self.now: dict[str, _File | _Folder] = {}


class DiskTree:
    """What is below `folder`, all of it durable at first."""

    def __init__(self, folder: Path) -> None:
        self._path = folder
        self._inodes: dict[int, _File] = {}
        self._root = self._load(folder)

    def play(self, call: Call) -> None:
        """A call was made."""
        match call.name:
            case "openat":
                names = self._parent(call.path).now
                names.setdefault(call.path.name, _File())
            case "mkdir":
                self._parent(call.path).now[call.path.name] = _Folder()
            case "unlink" | "rmdir":
                del self._parent(call.path).now[call.path.name]
            case "unlinkat":
                folder = self._find(call.path)
                assert isinstance(folder, _Folder)
                del folder.now[call.strings[0].decode()]
            case "rename" | "link":
                self._move(call.path, Path(call.strings[1].decode()), keep=call.name == "link")
            case "write":
                self._file(call.path).now += b"".join(call.strings)
            case "ftruncate":
                del self._file(call.path).now[call.numbers[-1] :]
            case "fsync" | "fdatasync":
                self._sync(call.path)
            case _:
                raise AssertionError(call)

    def cut(self, target: Path, dice: random.Random) -> None:
        """The power goes: write to `target` what is left."""
        self._write(self._root, target, dice)

    def _move(self, source: Path, target: Path, *, keep: bool) -> None:
        names = self._parent(source).now
        self._parent(target).now[target.name] = names[source.name]
        if not keep:
            del names[source.name]

    def _sync(self, path: Path) -> None:
        found = self._find(path)
        if isinstance(found, _File):
            found.durable = bytes(found.now)
        elif found is not None:
            found.durable = dict(found.now)

    def _parent(self, path: Path) -> _Folder:
        folder = self._find(path.parent)
        assert isinstance(folder, _Folder), path
        return folder

    def _file(self, path: Path) -> _File:
        file = self._find(path)
        assert isinstance(file, _File), path
        return file

    def _find(self, path: Path) -> "_File | _Folder | None":
        found: _File | _Folder | None = self._root
        for name in path.relative_to(self._path).parts:
            found = found.now.get(name) if isinstance(found, _Folder) else None
        return found

    def _load(self, folder: Path) -> _Folder:
        made = _Folder()
        for path in folder.iterdir():
            made.now[path.name] = self._load(path) if path.is_dir() else self._load_file(path)
        made.durable = dict(made.now)
        return made

    def _load_file(self, path: Path) -> _File:
        return self._inodes.setdefault(path.stat().st_ino, _File(path.read_bytes()))

    def _write(self, folder: _Folder, target: Path, dice: random.Random) -> None:
        target.mkdir()
        for name in sorted(folder.now.keys() | folder.durable.keys()):
            before, after = folder.durable.get(name), folder.now.get(name)
            kept = before if before is after or dice.random() < 0.5 else after
            if isinstance(kept, _Folder):
                self._write(kept, target / name, dice)
            elif kept is not None:
                (target / name).write_bytes(_torn(kept, dice))


def _torn(file: _File, dice: random.Random) -> bytes:
    if bytes(file.now) == file.durable or dice.random() < 0.3:
        return file.durable
    data = bytes(file.now)
    begin = dice.randrange(len(data) + 1)
    return data[:begin] + bytes(len(data) - begin)  # its length is known, and not all of its bytes
