"""The protocol's tensor datatypes, and what each is in an `.npy` file and in `array`."""

from typing import Final, Literal

import msgspec

__all__ = ["DATATYPES", "Datatype"]


class Datatype(msgspec.Struct, frozen=True):
    """A numeric datatype.

    Attributes:
        descr: how an `.npy` header names it.
        item_bytes: size of one element.
        typecode: of `array.array`; None where that has none, and so JSON cannot carry it.
        kind: what its elements are in JSON.
    """

    descr: str
    item_bytes: int
    typecode: Literal["b", "B", "h", "H", "i", "I", "q", "Q", "f", "d"] | None
    kind: Literal["bool", "int", "float"]


DATATYPES: Final = {
    "BOOL": Datatype("|b1", 1, "B", "bool"),
    "UINT8": Datatype("|u1", 1, "B", "int"),
    "UINT16": Datatype("<u2", 2, "H", "int"),
    "UINT32": Datatype("<u4", 4, "I", "int"),
    "UINT64": Datatype("<u8", 8, "Q", "int"),
    "INT8": Datatype("|i1", 1, "b", "int"),
    "INT16": Datatype("<i2", 2, "h", "int"),
    "INT32": Datatype("<i4", 4, "i", "int"),
    "INT64": Datatype("<i8", 8, "q", "int"),
    "FP16": Datatype("<f2", 2, None, "float"),
    "FP32": Datatype("<f4", 4, "f", "float"),
    "FP64": Datatype("<f8", 8, "d", "float"),
}
