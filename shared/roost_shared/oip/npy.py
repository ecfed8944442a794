"""A tensor's bytes as an `.npy` file, without numpy. Format: `numpy.lib.format`, version 1.0."""

from collections.abc import Sequence
from typing import Final

__all__ = ["write_npy"]

_MAGIC: Final = b"\x93NUMPY\x01\x00"
_ALIGNMENT: Final = 64  # bytes, at which the data begins


def write_npy(descr: str, shape: Sequence[int], data: bytes | memoryview) -> bytes:
    r"""An array as a file.

    Args:
        descr: numpy's name of the element type, such as `<f4`.
        shape: of the array.
        data: its elements, in row-major order.

    >>> write_npy("|u1", [2], b"\x07\x08")[10:].split(b"}")[0]
    b"{'descr': '|u1', 'fortran_order': False, 'shape': (2,), "
    """
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple(shape)}, }}".encode("ascii")
    unpadded = len(_MAGIC) + 2 + len(header) + 1
    header += b" " * (-unpadded % _ALIGNMENT) + b"\n"
    return b"".join((_MAGIC, len(header).to_bytes(2, "little"), header, data))
