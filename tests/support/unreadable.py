"""Bytes that are no message, each in a way of its own, by what is wrong with them."""

from typing import Final

import msgspec

__all__ = ["NO_JSON", "NO_MESSAGEPACK"]

_LEVELS: Final = 5000
_DEEP_JSON: Final = b"[" * _LEVELS + b"]" * _LEVELS
_DEEP_MESSAGEPACK: Final = b"\x91" * _LEVELS + b"\x01"


def _messagepack(field: str, value: bytes) -> bytes:
    """A map of an id and one more field, whose value is bytes as given."""
    texts = [msgspec.msgpack.encode(text) for text in ("id", "x", field)]
    return b"\x82" + b"".join(texts) + value


NO_JSON: Final = {
    "nothing": b"",
    "garbage": b"\xff\x00",
    "no-object": b"null",
    "bad-utf8": b'{"state":"online","boot":"\xff","session":1}',
    "deep": _DEEP_JSON,
    "deep-where-nobody-reads": b'{"state":"online","boot":"b","session":1,"more":%b}' % _DEEP_JSON,
}
NO_MESSAGEPACK: Final = {
    "nothing": b"",
    "garbage": b"\xc1",
    "no-map": b"\x01",
    "bad-utf8": b"\x81\xa2id\xa1\xff",
    "deep": _DEEP_MESSAGEPACK,
    "year-10000": _messagepack("output", b"\xc7\x0c\xff" + bytes(4) + (253_402_300_800).to_bytes(8, "big")),
    "deep-output": _messagepack("output", _DEEP_MESSAGEPACK),
    "deep-where-nobody-reads": _messagepack("more", _DEEP_MESSAGEPACK),
}
