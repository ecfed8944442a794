"""A tensor's elements, out of JSON or binary data and into either.

Binary data is little-endian, row-major, without padding; an element of BYTES is its length in four bytes and then
itself. In JSON, numbers are a flat list or nested as the shape says, and an element of BYTES is a string.
"""

import functools
import math
import re
import sys
from array import array
from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Any, Final

import msgspec

from roost_shared.oip.datatypes import Datatype
from roost_shared.oip.errors import BadTensorError, TooLargeRequestError, UnsupportedTensorError

__all__ = ["bytes_element", "floats_to_binary", "json_numbers", "strings_to_binary"]

_LENGTH_BYTES: Final = 4
_NESTED: Final = re.compile(rb"\[[ \t\r\n]*\[")
_KINDS: Final[dict[str, type]] = {"bool": bool, "int": int, "float": float}


def bytes_element(data: memoryview) -> memoryview:
    """The only element of a BYTES tensor's binary data, where it lies: it may be large.

    Raises:
        BadTensorError: there is not exactly one.
    """
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    if data.nbytes < _LENGTH_BYTES or length != data.nbytes - _LENGTH_BYTES:
        raise BadTensorError(
            f"{data.nbytes} bytes of binary data are not one BYTES element: its length in {_LENGTH_BYTES} bytes, "
            "little-endian, then itself"
        )
    return data[_LENGTH_BYTES:]


def json_numbers(raw: msgspec.Raw, datatype: Datatype, shape: Sequence[int], *, most: int) -> bytes:
    """A numeric tensor from JSON, as binary data.

    Args:
        raw: the JSON of its data.
        datatype: of its elements.
        shape: how many there are, in each dimension.
        most: elements it may have.

    Raises:
        UnsupportedTensorError: JSON has no such numbers.
        TooLargeRequestError: there are too many.
        BadTensorError: the data does not fit datatype and shape.
    """
    if datatype.typecode is None:
        raise UnsupportedTensorError("FP16 has no form in JSON: send it as binary data")
    count = math.prod(shape)
    if count > most:
        raise TooLargeRequestError(f"{count} numbers in JSON, the limit is {most}: send them as binary data")
    nested = len(shape) > 1 and _NESTED.match(memoryview(raw)) is not None
    try:
        values = _decoder(datatype.kind, len(shape) if nested else 1).decode(raw)
        packed = array(datatype.typecode, _flattened(values, shape) if nested else values)
    except (msgspec.MsgspecError, OverflowError) as error:
        raise BadTensorError(f"the data is no list of numbers of the tensor's datatype: {error}") from error
    if len(packed) != count:
        raise BadTensorError(f"{len(packed)} elements, but the shape says {count}")
    return _little_endian(packed)


def floats_to_binary(values: Sequence[float]) -> bytes:
    """FP32 binary data."""
    return _little_endian(array("f", values))


def strings_to_binary(values: Sequence[str]) -> bytes:
    """BYTES binary data."""
    encoded = [value.encode() for value in values]
    return b"".join(chain.from_iterable((len(one).to_bytes(_LENGTH_BYTES, "little"), one) for one in encoded))


@functools.cache
def _decoder(kind: str, depth: int) -> msgspec.json.Decoder[Any]:
    """Of lists in lists; there are few kinds, and depths are bounded."""
    wanted: Any = _KINDS[kind]
    for _ in range(depth):
        wanted = list[wanted]
    return msgspec.json.Decoder(wanted)


def _flattened(values: list[Any], shape: Sequence[int]) -> list[Any]:
    count = 1
    for length, inner in pairwise(shape):
        count *= length
        if len(values) != count or any(len(value) != inner for value in values):
            raise BadTensorError(f"the data is not nested as the shape {list(shape)} says")
        values = list(chain.from_iterable(values))
    return values


def _little_endian(packed: "array[Any]") -> bytes:
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()
