"""Chance that is the same on every machine and on every day: a number for a name. Pure.

>>> round(chance("second", "cam-01", "b-7"), 3), chance("a", "bc") == chance("ab", "c")
(0.582, False)
"""

from hashlib import blake2b

__all__ = ["chance"]


def chance(*names: str) -> float:
    """A number in 0…1, 1 excluded, evenly spread over names."""
    digest = blake2b("\0".join(names).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53
