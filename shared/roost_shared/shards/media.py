r"""What an input's file is called in a shard, by its first bytes or else by what its sender said.

>>> suffix_of(b"\xff\xd8\xff\xe0", None), suffix_of(b"[0.5, 1]", None), suffix_of(b"?", "application/octet-stream")
('jpg', 'input.json', 'bin')
"""

from typing import Final, Literal

from roost_shared.magic import MagicKind, kind_by_magic

__all__ = ["Suffix", "media_type", "suffix_of"]

# `{sample}.json` is the record; WebDataset decodes `input.json` by its last part.
Suffix = Literal["jpg", "png", "bmp", "webp", "npy", "input.json", "bin"]

_BY_MAGIC: Final[dict[MagicKind, Suffix]] = {"jpeg": "jpg", "png": "png", "bmp": "bmp", "webp": "webp", "npy": "npy"}
_MEDIA_TYPES: Final[dict[Suffix, str]] = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "bmp": "image/bmp",
    "webp": "image/webp",
    "npy": "application/x-npy",
    "input.json": "application/json",
    "bin": "application/octet-stream",
}


def suffix_of(start: bytes, content_type: str | None) -> Suffix:
    """The suffix of an input that starts so, `magic.MAGIC_BYTES` of it at least where it has as many."""
    kind = kind_by_magic(start)
    if kind is not None:
        return _BY_MAGIC[kind]
    said = (content_type or "").partition(";")[0].strip().lower()
    if said == "application/json" or start.lstrip()[:1] in (b"[", b"{"):
        return "input.json"
    return "bin"


def media_type(suffix: Suffix) -> str:
    """The media type of a file with that suffix."""
    return _MEDIA_TYPES[suffix]
