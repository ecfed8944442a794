"""Whose head runs in a worker's process: a number that the process writes and the agent reads once it died or hung.

A message before each head would cost a system call and wake the agent; this costs the process one store. It lies in
a memfd whose size is sealed, and outlives the process.
"""

import fcntl
import mmap
import os
import sys
from typing import Final

__all__ = ["NOBODY", "MarkWriter", "RunningMark"]

NOBODY: Final = 0  # no head runs: the base does, or nothing
_BYTES: Final = 4
_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW


class RunningMark:
    """The agent's end.

    Raises:
        OSError: no descriptor or no memory is left.
    """

    def __init__(self) -> None:
        self._descriptor = os.memfd_create("roost-mark", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(self._descriptor, _BYTES)
            fcntl.fcntl(self._descriptor, fcntl.F_ADD_SEALS, _SEALS)
        except BaseException:
            os.close(self._descriptor)
            raise

    def fileno(self) -> int:
        """The descriptor, to be passed to the process."""
        return self._descriptor

    def read(self) -> int:
        """The number of the head that runs, or ran when the process ended; counted from 1, or `NOBODY`."""
        return int.from_bytes(os.pread(self._descriptor, _BYTES, 0), sys.byteorder)

    def close(self) -> None:
        """Close the descriptor; nothing can be read after."""
        os.close(self._descriptor)


class MarkWriter:
    """The process's end; takes the descriptor over.

    Raises:
        OSError: there is no address space left for it.
    """

    def __init__(self, descriptor: int) -> None:
        try:
            self._number = memoryview(mmap.mmap(descriptor, _BYTES)).cast("I")
        finally:
            os.close(descriptor)

    def set(self, number: int) -> None:
        """Say that head `number`, counted from 1, runs from now on, or `NOBODY`."""
        self._number[0] = number
