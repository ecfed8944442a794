"""What a campaign has done so far, on the disk: killed at any moment, it goes on where it was.

A file of JSON lines, each whole and synced before the next thing happens. A step that was begun and has not ended is
done again. A last line that was cut is no line. One process writes at a time: with two, a step would count twice.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from roost_shared.errors import ContentError
from scripts.roost_campaign.outcome import Outcome

__all__ = ["Done", "Journal", "JournalError"]

_FORMAT: Final = 1


class JournalError(ContentError):
    """The file is no journal of this campaign."""

    code = "campaign.journal"


class Header(msgspec.Struct, frozen=True, tag="campaign"):
    """Whose journal it is."""

    seed: int
    format: int = _FORMAT


class Begun(msgspec.Struct, frozen=True, tag="begun"):
    """A step begins."""

    scenario: str
    number: int


class Done(msgspec.Struct, frozen=True, tag="done"):
    """A step has ended."""

    scenario: str
    number: int
    seconds: float
    outcome: Outcome


_line: Final = msgspec.json.Decoder(Header | Begun | Done)


class Journal:
    """A context manager that closes the file.

    Args:
        file: the journal; made if it is not there.
        seed: of the campaign.

    Attributes:
        done: steps that have ended, in their order.
        interrupted: how often a step was begun and did not end.

    Raises:
        JournalError: it is of another seed, or no journal, or another process is writing it.
    """

    def __init__(self, file: Path, seed: int) -> None:
        self.done: list[Done] = []
        self.interrupted = 0
        file.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            self._read(file, seed)
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        os.close(self._descriptor)

    def begin(self, scenario: str, number: int) -> None:
        """A step begins."""
        self._write(Begun(scenario, number))

    def end(self, done: Done) -> None:
        """A step has ended."""
        self._write(done)
        self.done.append(done)

    @property
    def spent_s(self) -> float:
        """What all steps took, in seconds."""
        return sum(one.seconds for one in self.done)

    def _read(self, file: Path, seed: int) -> None:
        try:
            # POSIX's kind of lock: those that are forked off do not hold it on. Nor would we, had we opened it twice.
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalError(f"another campaign is writing {file}: let it end, or give another folder") from error
        data = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            os.ftruncate(self._descriptor, len(whole))
        if not whole:
            self._write(Header(seed))
            return
        try:
            header, *lines = [_line.decode(line) for line in whole.splitlines()]
        except msgspec.MsgspecError as error:
            raise JournalError(f"{file} is no campaign's journal: {error}") from error
        if header != Header(seed):
            raise JournalError(f"{file} is of another campaign, {header}: give its seed, or another folder")
        self.done = [line for line in lines if isinstance(line, Done)]
        self.interrupted = sum(isinstance(line, Begun) for line in lines) - len(self.done)

    def _write(self, line: Header | Begun | Done) -> None:
        os.write(self._descriptor, msgspec.json.encode(line) + b"\n")
        os.fsync(self._descriptor)
