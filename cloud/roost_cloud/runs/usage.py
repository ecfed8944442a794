"""What a process and its children take of memory and of the processor, as Linux's /proc tells."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["Usage", "usage_of"]

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
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


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = file.read_text(encoding="ascii").split()
        except OSError:
            continue
        for child in children:
            yield from _tree(int(child))
