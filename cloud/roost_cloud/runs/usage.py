"""What a process and its children take of memory and of the processor, as Linux's /proc tells; and of the disk."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["Usage", "disk_bytes_of", "usage_of"]

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_BLOCK_BYTES: Final = 512  # of what `stat` counts
_TICKS: Final = os.sysconf("SC_CLK_TCK")  # a second


class Usage(NamedTuple):
    """At this moment.

    Attributes:
        own_bytes: of memory that is no file's.
        cpu_s: of processor time since the start.
    """

    own_bytes: int
    cpu_s: float


def usage_of(pid: int) -> Usage:
    """Of a process and all below it; what has ended meanwhile counts nothing."""
    own_bytes, cpu_s = 0, 0.0
    for one in _tree(pid):
        try:
            _, resident, shared, *_ = Path(f"/proc/{one}/statm").read_text(encoding="ascii").split()
            stat = Path(f"/proc/{one}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        own_bytes += (int(resident) - int(shared)) * _PAGE_BYTES
        cpu_s += (int(stat[11]) + int(stat[12])) / _TICKS
    return Usage(own_bytes, cpu_s)


def disk_bytes_of(folder: Path) -> int:
    """What all that lies in a folder takes of the disk; what vanishes meanwhile counts nothing."""
    blocks = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                blocks += os.lstat(os.path.join(path, name)).st_blocks  # noqa: PTH118 - of thousands, and twice as fast
    return blocks * _BLOCK_BYTES


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = file.read_text(encoding="ascii").split()
        except OSError:
            continue
        for child in children:
            yield from _tree(int(child))
