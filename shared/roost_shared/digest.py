"""Digests as OCI writes them: by them blobs, manifests and bundles are addressed and checked.

>>> digest_of(b"meter")
'sha256:5eff322a1bd4164e1db317c7f60b1b6529b05d692d739317f36720ffd1fc5abe'
"""

import hashlib
import re
from typing import Final, Protocol

__all__ = ["DIGEST", "digest_of", "digest_of_stream", "hex_of"]

DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_READ_BYTES: Final = 1 << 20  # at a time


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


def digest_of(data: bytes) -> str:
    """The digest of `data`: `sha256:` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def digest_of_stream(stream: _Stream) -> str:
    """The digest of all that is left of a stream, read a piece at a time."""
    digest = hashlib.sha256()
    while data := stream.read(_READ_BYTES):
        digest.update(data)
    return f"sha256:{digest.hexdigest()}"


def hex_of(digest: str) -> str:
    """The 64 digits of a digest, as files and objects are called.

    >>> hex_of("sha256:2c26b4")
    '2c26b4'
    """
    return digest.removeprefix("sha256:")
