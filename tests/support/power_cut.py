"""What is on a disk after a power cut, by a record of what was asked of it.

Durable is what was written to a file before its last fsync, and under which names files went at the last fsync of
their folder. Of all that came later anything may be there: each write, whole or torn between sectors, each cut and
each hole, in any combination; and each new name.
"""

import itertools
import random
from collections.abc import Sequence
from pathlib import Path

from tests.support.strace import Call

__all__ = ["Disk"]

_SECTOR_BYTES = 512


class _File:
    def __init__(self) -> None:
        self.durable = bytearray()
        self.pending: list[Call] = []

    def sync(self) -> None:
        for call in self.pending:
            _apply(self.durable, call)
        self.pending.clear()

    def after_cut(self, dice: random.Random) -> bytes:
        content = bytearray(self.durable)
        for call in self.pending:
            if dice.random() < 0.5:
                _apply(content, call, dice if dice.random() < 0.5 else None)
        return bytes(content)


class Disk:
    """The files below one folder, as calls are played to it."""

    def __init__(self) -> None:
        self._names: dict[Path, _File] = {}
        self._durable_names: dict[Path, _File] = {}

    def play(self, call: Call) -> None:
        """A call was made."""
        if call.name in {"fsync", "fdatasync"}:
            if call.path in self._names:
                self._names[call.path].sync()
            else:
                self._sync_folder(call.path)
        elif call.name == "openat":
            self._names.setdefault(call.path, _File())
        elif call.name in {"unlink", "unlinkat"}:
            self._names.pop(call.path, None)
        elif call.name in {"write", "pwrite64", "pwritev", "pwritev2", "ftruncate", "fallocate"}:
            self._names[call.path].pending.append(call)
        else:
            assert call.name == "mkdir", call.name

    def _sync_folder(self, folder: Path) -> None:
        others = {path: file for path, file in self._durable_names.items() if path.parent != folder}
        self._durable_names = others | {path: file for path, file in self._names.items() if path.parent == folder}

    def cut(self, source: Path, target: Path, dice: random.Random) -> None:
        """The power goes: write to `target` what is left of `source`."""
        names = dict(self._durable_names)
        for path in self._names.keys() | self._durable_names.keys():
            if self._names.get(path) is not names.get(path) and dice.random() < 0.5:
                names.pop(path, None)
                if path in self._names:
                    names[path] = self._names[path]
        for path, file in names.items():
            if not path.name.endswith("-shm"):  # memory that happens to have a name: SQLite makes it anew
                copy = target / path.relative_to(source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(file.after_cut(dice))


def _apply(content: bytearray, call: Call, dice: random.Random | None = None) -> None:
    if call.name == "ftruncate":
        size_bytes = call.numbers[-1]
        del content[size_bytes:]
        content.extend(bytes(size_bytes - len(content)))
    elif call.name == "fallocate":
        offset, size_bytes = call.numbers[-2:]
        end = min(len(content), offset + size_bytes)
        content[offset:end] = bytes(max(0, end - offset))
    else:
        _write(content, _offset(content, call), b"".join(call.strings), dice)


def _offset(content: bytearray, call: Call) -> int:
    if call.name == "write":
        return len(content)
    return call.numbers[-2 if call.name == "pwritev2" else -1]  # its flags come last


def _write(content: bytearray, offset: int, data: bytes, dice: random.Random | None) -> None:
    for start, end in _sectors(offset, len(data)):
        if dice is None or dice.random() < 0.5:
            content.extend(bytes(max(0, end - len(content))))
            content[start:end] = data[start - offset : end - offset]


def _sectors(offset: int, size_bytes: int) -> Sequence[tuple[int, int]]:
    end = offset + size_bytes
    edges = [offset, *range((offset // _SECTOR_BYTES + 1) * _SECTOR_BYTES, end, _SECTOR_BYTES), end]
    return list(itertools.pairwise(edges))
