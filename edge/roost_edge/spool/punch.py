"""Gives the blocks of a range back to the file system, the file's size unchanged. See fallocate(2)."""

import ctypes
import errno
import os
from typing import Final

__all__ = ["BLOCK_BYTES", "punch_hole", "whole_blocks"]

BLOCK_BYTES: Final = 4096  # as the common file systems have them
_KEEP_SIZE: Final = 1
_PUNCH_HOLE: Final = 2
_CANNOT: Final = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.ENODEV, errno.EINVAL})

_libc = ctypes.CDLL(None, use_errno=True)
# By its 64-bit name: the plain one takes 32-bit offsets on 32-bit Arm.
_fallocate = _libc.fallocate64
_fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
_fallocate.restype = ctypes.c_int


def whole_blocks(offset: int, size_bytes: int) -> tuple[int, int]:
    """Offset and bytes of the blocks that lie wholly in the range; 0 bytes if none does.

    What of a block is in use would be written anew if a hole began within it.

    >>> whole_blocks(4000, 10_000)
    (4096, 8192)
    >>> whole_blocks(10, 4096)
    (4096, 0)
    """
    first = -(-offset // BLOCK_BYTES) * BLOCK_BYTES
    end = (offset + size_bytes) // BLOCK_BYTES * BLOCK_BYTES
    return first, max(0, end - first)


def punch_hole(descriptor: int, offset: int, size_bytes: int) -> bool:
    """Free the range, which then reads as zeros; False where the file system cannot.

    Raises:
        OSError: it failed.
    """
    while _fallocate(descriptor, _KEEP_SIZE | _PUNCH_HOLE, offset, size_bytes):
        number = ctypes.get_errno()
        if number in _CANNOT:
            return False
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))
    return True
