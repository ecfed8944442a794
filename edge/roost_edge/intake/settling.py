"""When a file in a watched folder is complete: once it has stayed the same for long enough. Pure.

A folder does not tell who is still writing into it. Whoever copies a file there changes its size and time until the
last byte is in; a file that has not changed for a while is taken to be whole.
"""

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Settling", "Stamp"]


class Stamp(NamedTuple):
    """What tells one content of a name from another."""

    mtime_ns: int  # by the wall clock of whoever keeps the file
    size_bytes: int
    inode: int


class Settling:
    """Remembers since when each file has been as it is.

    Args:
        settle_ns: how long a file must stay the same; 0 where every file is renamed into place when it is whole.
    """

    def __init__(self, settle_ns: int) -> None:
        self._settle_ns = settle_ns
        self._since: dict[str, tuple[Stamp, int]] = {}

    def complete(self, listing: Mapping[str, Stamp], now_ns: int) -> list[str]:
        """The files that are complete, the oldest first.

        Args:
            listing: all files there are now; others are forgotten.
            now_ns: when that was, monotonic.
        """
        self._since = {name: (stamp, self._same_since(name, stamp, now_ns)) for name, stamp in listing.items()}
        complete = [name for name, (_, since_ns) in self._since.items() if now_ns - since_ns >= self._settle_ns]
        return sorted(complete, key=lambda name: (listing[name].mtime_ns, name))

    def _same_since(self, name: str, stamp: Stamp, now_ns: int) -> int:
        before, since_ns = self._since.get(name, (None, now_ns))
        return since_ns if before == stamp else now_ns
