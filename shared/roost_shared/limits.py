"""How large an input may be before it is refused unread."""

import msgspec

__all__ = ["InputLimits"]


class InputLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on one payload; beyond them it is an error, never a slow or large decode."""

    payload_bytes: int = 16 << 20  # bytes as received
    image_pixels: int = 25_000_000  # width × height, as the image's header claims; 3 bytes of memory each
