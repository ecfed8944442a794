r"""What a payload is, by its first bytes. Light: the agent's own process may ask.

>>> kind_by_magic(b"\x89PNG\r\n\x1a\n"), kind_by_magic(b"[1, 2]")
('png', None)
"""

from typing import Final, Literal

__all__ = ["MAGIC_BYTES", "MagicKind", "is_image", "kind_by_magic"]

MagicKind = Literal["jpeg", "png", "bmp", "webp", "npy"]

MAGIC_BYTES: Final = 12  # of a payload's start, are enough


def kind_by_magic(start: bytes) -> MagicKind | None:
    """The kind of a payload that starts so; None where its first bytes do not tell, as JSON's do not."""
    if start.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if start.startswith(b"\x93NUMPY"):
        return "npy"
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "webp"
    if start.startswith(b"BM"):
        return "bmp"
    return None


def is_image(start: bytes) -> bool:
    """Whether a payload that starts so is a picture."""
    return kind_by_magic(start) not in (None, "npy")
