"""Messages spoilt: in their bytes, cut, doubled, or in what they say while they stay well formed.

Seeds are good messages; whoever reads must read what comes of them, or refuse it by name.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

__all__ = ["ODD", "spoilt"]

ODD: Final[Sequence[Any]] = (
    None, True, "", "\0", "a\0b", "..", "../../x", "é" * 40, "x" * 70_000, "\U0010ffff", "NaN", "2026-13-40T99:99:99Z",
    0, -1, 1, 2**31, 2**63 - 1, -(2**63), 2**64 - 1, 0.0, -0.0, 1e308, 1e-308, 0.1,
    [], {}, [[]], [None], {"": None}, {"a": {"a": {"a": []}}}, b"", b"\0" * 9,
)  # fmt: skip
_NOT_FINITE: Final = (float("nan"), float("inf"), float("-inf"))
Codec = tuple[Callable[[bytes], Any], Callable[[Any], bytes]]
_CODECS: Final[dict[str, Codec]] = {
    "json": (msgspec.json.decode, msgspec.json.encode),
    "msgpack": (msgspec.msgpack.decode, msgspec.msgpack.encode),
}


def spoilt(seed: bytes, form: str, dice: random.Random) -> bytes:
    """A good message made a bad or an odd one.

    Args:
        seed: the good one.
        form: `json` or `msgpack`, where what it says can be changed, too; anything else: only its bytes.
        dice: chance.
    """
    if form in _CODECS and dice.random() < 0.6:  # noqa: PLR2004 - the others are spoilt in their bytes
        decode, encode = _CODECS[form]
        document = decode(seed)
        for _ in range(dice.choice((1, 1, 1, 2, 5))):
            document = _changed(document, dice, finite=form == "json")
        try:
            return encode(document)
        except (OverflowError, TypeError, ValueError):  # JSON has no such thing
            return seed[: dice.randrange(len(seed))]
    return _bytes(bytearray(seed), dice)


def _bytes(data: bytearray, dice: random.Random) -> bytes:
    """A few bytes changed, the end cut off, a piece doubled, left out or put in, or another beginning."""
    for _ in range(dice.choice((1, 1, 2, 4, 16))):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(6):
            case 0:
                del data[at:]
            case 1:
                data[at:at] = data[at : at + dice.randrange(64)]
            case 2:
                del data[at : at + dice.randrange(1, 9)]
            case 3:
                data[at:at] = dice.randbytes(dice.randrange(1, 9))
            case 4:
                data[at : at + 1] = bytes([dice.choice((0, 1, 0x7F, 0x80, 0x91, 0xC1, 0xDF, 0xFE, 0xFF))])
            case _:
                if at < len(data):
                    data[at] ^= 1 << dice.randrange(8)
    return bytes(data)


def _changed(node: Any, dice: random.Random, *, finite: bool) -> Any:
    """One place in a document put, left out, doubled or made something else."""
    deeper = dice.random() < 0.85  # noqa: PLR2004 - how far down it goes
    if isinstance(node, dict) and node and deeper:
        return _changed_map(node, dice, finite=finite)
    if isinstance(node, list) and node and deeper:
        return _changed_list(node, dice, finite=finite)
    slightly = dice.random() < 0.3  # noqa: PLR2004 - else it is something else altogether
    if isinstance(node, str) and slightly:
        at = dice.randrange(len(node) + 1)
        return node[:at] + dice.choice(("\0", "x", " ", "é", "/", "+", "#", "😀", "\n")) + node[at:]
    if isinstance(node, int | float) and slightly:
        return dice.choice((-node, node + 1, node * 1000, node / 3))
    return dice.choice(ODD if finite else (*ODD, *_NOT_FINITE))


def _changed_map(node: dict[Any, Any], dice: random.Random, *, finite: bool) -> dict[Any, Any]:
    key = dice.choice(list(node))
    match dice.randrange(8):
        case 0:
            return {name: value for name, value in node.items() if name != key}
        case 1:
            return {**node, f"{key}x": node[key]}
        case _:
            return {**node, key: _changed(node[key], dice, finite=finite)}


def _changed_list(node: list[Any], dice: random.Random, *, finite: bool) -> list[Any]:
    at = dice.randrange(len(node))
    match dice.randrange(8):
        case 0:
            return node[:at] + node[at + 1 :]
        case 1:
            return node[: at + 1] * dice.choice((2, 3, 300))
        case _:
            return [*node[:at], _changed(node[at], dice, finite=finite), *node[at + 1 :]]
