"""The bytes of one input, written once and read by several processes.

They lie in a sealed memfd: anonymous memory with a descriptor, which no process can change, grow or shrink any
more. A worker gets the descriptor with its job and reads or maps it; a large one is held once, however many
contestants score it, and no worker can spoil it for the others or make a reader fault by truncating it.
"""

import fcntl
import mmap
import os
from typing import Final, Self

__all__ = ["SharedPayload", "map_payload"]

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_COPY_UP_TO_BYTES: Final = 1 << 20  # copying is faster than mapping; beyond this, memory matters more


class SharedPayload:
    """Input bytes behind a descriptor, counted by holder.

    Whoever makes one holds it once. A further holder calls `hold`; each calls `release` exactly once, and the last
    one closes the descriptor. A context manager releases. Not thread-safe: it belongs to the agent's loop.

    Args:
        data: the bytes as they came in.

    Raises:
        OSError: no descriptor or no memory is left.
    """

    __slots__ = ("_descriptor", "_holders", "payload_bytes")

    def __init__(self, data: bytes | memoryview) -> None:
        self.payload_bytes = len(data)
        self._holders = 1
        self._descriptor = os.memfd_create("roost-input", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            _write_all(self._descriptor, memoryview(data))
            fcntl.fcntl(self._descriptor, fcntl.F_ADD_SEALS, _SEALS)
        except BaseException:
            os.close(self._descriptor)
            raise

    def fileno(self) -> int:
        """The descriptor, to be passed to a worker.

        Raises:
            ValueError: every holder has released it.
        """
        if not self._holders:
            raise ValueError("this payload has been released")
        return self._descriptor

    def read(self) -> bytes:
        """A copy of the bytes.

        Raises:
            ValueError: every holder has released it.
        """
        return os.pread(self.fileno(), self.payload_bytes, 0)

    def hold(self) -> Self:
        """Count one holder more; returns itself."""
        self.fileno()
        self._holders += 1
        return self

    def release(self) -> None:
        """Count one holder less; the last closes the descriptor.

        Raises:
            ValueError: every holder has released it already.
        """
        self.fileno()
        self._holders -= 1
        if not self._holders:
            os.close(self._descriptor)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release."""
        self.release()


def map_payload(descriptor: int) -> memoryview:
    """The bytes behind a descriptor from `SharedPayload`, read-only; takes the descriptor over and closes it.

    Large ones stay mapped as long as the view, or an array made from it, lives.

    Raises:
        OSError: there is no address space left for it.
    """
    try:
        payload_bytes = os.fstat(descriptor).st_size
        if payload_bytes <= _COPY_UP_TO_BYTES:
            return memoryview(os.pread(descriptor, payload_bytes, 0))
        # Private, because kernels before 6.7 refuse a shared mapping of a write-sealed memfd even for reading.
        # Nothing is copied: no page is ever written.
        flags = mmap.MAP_PRIVATE | mmap.MAP_POPULATE
        return memoryview(mmap.mmap(descriptor, payload_bytes, flags=flags, prot=mmap.PROT_READ))
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
