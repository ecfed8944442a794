"""The disk's side of a watched folder: which files are inputs, reading one, putting it away with its answer.

```
FOLDER/photo.jpg ─▶ answered by a contestant ─▶ FOLDER/done/photo.jpg.json    then FOLDER/done/photo.jpg, or deleted
                 └▶ nobody could answer it   ─▶ FOLDER/failed/photo.jpg.json  then FOLDER/failed/photo.jpg
```
The answer is durable before the input goes, so whatever ends the agent, an input is still there or has its answer. All
of this blocks: it belongs into a thread.
"""

import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, Literal

import msgspec

from roost_edge.intake.inputs import RefusedInputError
from roost_edge.intake.settling import Settling, Stamp
from roost_shared.clock import Clock
from roost_shared.durable import write_durably
from roost_shared.messages import Answer, ErrorInfo, MessageError, decode_json, encode_json

__all__ = ["Collected", "Found", "Inbox"]

DONE: Final = "done"
FAILED: Final = "failed"
UNFINISHED: Final = (".part", ".tmp", "~")  # how names end while somebody writes or edits
MAX_NAME: Final = 240  # bytes; the answer's name and that of its temporary file are longer, and a name holds 255
LISTED: Final = 1000  # files looked at in a turn; with more of them, the rest comes up as these go
MAX_ANSWER: Final = 1 << 20  # bytes of an answer that is read back


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is an input.

    Attributes:
        name: in the folder.
        id: tells it from a later file of the same name.
        stamp: what it was when it was read.
        payload: its content; empty if `error`.
        read_ns: when it was read, monotonic.
        backlog: it lay there before anybody looked.
        redelivered: an answer to this very file lies there already.
        error: why it cannot be read.
    """

    name: str
    id: str
    stamp: Stamp
    payload: bytes
    read_ns: int
    backlog: bool
    redelivered: bool
    error: ErrorInfo | None = None


class Collected(msgspec.Struct, kw_only=True):
    """What one look into the folder gave; `more`: there was no room for all that is ready."""

    found: list[Found] = []
    notes: list[ErrorInfo] = []
    more: bool = False


class Inbox:
    """A watched folder on the disk; one thread at a time.

    Args:
        path: the folder; it may appear later.
        clock: for times of reading.
        settle_ns: how long a file must stay the same to be complete.
        limit_bytes: a larger file is not read; neither is more than about this much in one turn.
        done: what becomes of an input that a contestant has answered.
    """

    def __init__(
        self, path: Path, clock: Clock, *, settle_ns: int, limit_bytes: int, done: Literal["move", "delete"]
    ) -> None:
        self._path = path
        self._clock = clock
        self._settling = Settling(settle_ns)
        self._limit_bytes = limit_bytes
        self._done = done
        self._in_hand: set[str] = set()  # read, and not put away yet
        self._passed_over: set[str] = set()  # names counted once as no inputs
        self._backlog: dict[str, Stamp] | None = None  # what lay there first

    # ---- taking

    def collect(self, room: int) -> Collected:
        """Read the inputs that are complete, at most `room`, the oldest first."""
        collected = Collected()
        try:
            listing = dict(islice(self._candidates(collected.notes), LISTED))
        except OSError as error:
            collected.notes.append(ErrorInfo("folder.unreadable", _reason(self._path, error)))
            return collected
        if self._backlog is None:
            self._backlog = listing
        read_bytes = 0
        for name in self._settling.complete(listing, self._clock.now_ns()):
            if name in self._in_hand:
                continue
            if len(collected.found) >= room or read_bytes >= self._limit_bytes:
                collected.more = True
                break
            found = self._take(name, listing[name], collected.notes)
            if found is not None:
                collected.found.append(found)
                read_bytes += len(found.payload)
        return collected

    def _candidates(self, notes: list[ErrorInfo]) -> Iterator[tuple[str, Stamp]]:
        """What might be an input, file by file."""
        passed_over = set()
        with os.scandir(self._path) as entries:
            for entry in entries:
                problem = _no_candidate(entry)
                if problem is None:
                    try:
                        yield entry.name, _stamp(entry.stat(follow_symlinks=False))
                    except FileNotFoundError:
                        continue  # gone before it was ever seen
                elif problem:
                    passed_over.add(entry.name)
                    if entry.name not in self._passed_over:
                        self._passed_over.add(entry.name)
                        notes.append(ErrorInfo(problem, f"{self._path}: {_readable(entry.name)} is passed over"))
        self._passed_over = passed_over  # forget those that are gone

    def _take(self, name: str, stamp: Stamp, notes: list[ErrorInfo]) -> Found | None:
        """Read a file; None if it is gone or has changed meanwhile."""
        payload, error = b"", None
        try:
            payload = self._read(name, stamp)
        except FileNotFoundError:
            notes.append(ErrorInfo("input.vanished", _readable(name)))
            return None
        except _ChangedError:
            return None  # it was not complete: it will settle again
        except RefusedInputError as refusal:
            error = refusal.info
        except OSError as failure:
            error = ErrorInfo("input.unreadable", failure.strerror or str(failure))
        self._in_hand.add(name)
        request_id = f"{_readable(name)}:{stamp.mtime_ns:x}-{stamp.size_bytes:x}-{stamp.inode:x}"
        return Found(
            name=name,
            id=request_id,
            stamp=stamp,
            payload=payload,
            read_ns=self._clock.now_ns(),
            backlog=(self._backlog or {}).get(name) == stamp,
            redelivered=self._was_answered(name, request_id),
            error=error,
        )

    def _read(self, name: str, stamp: Stamp) -> bytes:
        path = self._path / name
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            raise RefusedInputError("input.symlink", "a symbolic link is not followed")
        if not stat.S_ISREG(mode):
            raise RefusedInputError("input.not_a_file", "it is no ordinary file")
        if stamp.size_bytes > self._limit_bytes:
            raise RefusedInputError("input.too_large", f"{stamp.size_bytes} bytes, the limit is {self._limit_bytes}")
        # Should it have become a link or a pipe since: neither followed nor waited for.
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123 - by descriptor
            payload = file.read(stamp.size_bytes)
            if _stamp(os.fstat(file.fileno())) != stamp:
                raise _ChangedError
        return payload

    def _was_answered(self, name: str, request_id: str) -> bool:
        for folder in (DONE, FAILED):
            path = self._path / folder / f"{name}.json"
            try:
                if path.stat().st_size <= MAX_ANSWER and decode_json(path.read_bytes(), Answer).id == request_id:
                    return True
            except (OSError, MessageError):
                continue
        return False

    # ---- putting away

    def put_away(self, found: Found, answer: Answer) -> ErrorInfo | None:
        """Write an input's answer durably, then move the input or delete it.

        Returns:
            Why that could not be done; the input then stays where it is, and this may be tried again.
        """
        answered = answer.contestant is not None
        folder = self._path / (DONE if answered else FAILED)
        try:
            folder.mkdir(exist_ok=True)
            if folder.is_symlink():
                return ErrorInfo("folder.unwritable", f"{folder}: is a symbolic link, which is not followed")
            write_durably(folder / f"{found.name}.json", encode_json(answer) + b"\n")
            self._remove(found, None if answered and self._done == "delete" else folder / found.name)
        except OSError as error:
            return ErrorInfo("folder.unwritable", _reason(folder, error))
        self._in_hand.discard(found.name)
        return None

    def _remove(self, found: Found, target: Path | None) -> None:
        path = self._path / found.name
        try:
            if _stamp(path.lstat()) != found.stamp:
                return  # another of the same name has come: that is an input of its own
            if target is None:
                path.unlink()
            else:
                path.replace(target)
        except FileNotFoundError:
            return  # somebody else has put it away


class _ChangedError(Exception):
    """The file is being written."""


def _no_candidate(entry: "os.DirEntry[str]") -> str | None:
    """Why this is no input: a code to count, or "" if that is as it should be; None if it may be one."""
    name = entry.name
    if name in (DONE, FAILED) or name.startswith(".") or name.lower().endswith(UNFINISHED):
        return ""
    if entry.is_dir(follow_symlinks=False):
        return "folder.subfolder"
    return "input.name_too_long" if len(os.fsencode(name)) > MAX_NAME else None


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_mtime_ns, status.st_size, status.st_ino)


def _readable(name: str) -> str:
    """A file's name as text, whatever its bytes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _reason(path: Path, error: OSError) -> str:
    return f"{path}: {error.strerror or error}"
