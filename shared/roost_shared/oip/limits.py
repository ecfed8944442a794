"""How much one request may hold."""

from typing import Final

import msgspec

__all__ = ["MAX_DIMENSIONS", "MAX_ID_CHARS", "MAX_OUTPUTS", "OipLimits"]

MAX_DIMENSIONS: Final = 16
MAX_ID_CHARS: Final = 256
MAX_OUTPUTS: Final = 16


class OipLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on one inference request.

    JSON is bounded tightly, because it is read while others wait: what is larger belongs behind it as binary data.
    """

    payload_bytes: int = 16 << 20  # of the input
    json_bytes: int = 1 << 20  # of the JSON
    json_numbers: int = 1 << 16  # elements of a tensor in JSON: some milliseconds of work

    @property
    def body_bytes(self) -> int:
        """Of a whole body."""
        return self.json_bytes + self.payload_bytes
