"""What this machine has, looked up: runtimes, architecture, memory within the process's control groups.

A runtime counts as installed if its package can be found; it is not loaded here.
"""

import importlib.util
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from roost_edge.installer.fit import Machine
from roost_shared.runtime_settings import RUNTIME_PACKAGES

__all__ = ["read_machine"]

_ROOT: Final = Path("/")
_KIB: Final = 1024
_UNLIMITED_BYTES: Final = 1 << 60  # cgroup v1 says "none" by a number of that size


def read_machine(root: Path = _ROOT) -> Machine:
    """This machine, now.

    Args:
        root: where /proc and /sys are.
    """
    installed = [name for name, package in RUNTIME_PACKAGES.items() if importlib.util.find_spec(package) is not None]
    total, available = _meminfo(root)
    limits = list(_limits(root))
    return Machine(
        runtimes=installed,
        architecture=platform.machine(),
        memory_bytes=_least([total, *(limit for limit, _ in limits)]),
        available_bytes=_least([available, *(free for _, free in limits)]),
    )


def _least(sizes: list[int | None]) -> int | None:
    return min((size for size in sizes if size is not None), default=None)


def _meminfo(root: Path) -> tuple[int | None, int | None]:
    """What the machine has, and what of it a new process may have without swapping; in bytes."""
    sizes = {}
    for line in _text(root / "proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        number = rest.split()[:1]
        if number and number[0].isdecimal():
            sizes[name] = int(number[0]) * _KIB
    return sizes.get("MemTotal"), sizes.get("MemAvailable")


def _limits(root: Path) -> Iterator[tuple[int, int]]:
    """Of each control group that we are in and that is limited: its limit, and what is left of that; in bytes."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers == "":
            mount, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            mount = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        group = mount / path.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(mount):
                yield from _limit(folder, *names)


def _limit(folder: Path, limit_name: str, usage_name: str, cache_name: str) -> Iterator[tuple[int, int]]:
    limit = _number(_text(folder / limit_name))
    if limit is None or limit >= _UNLIMITED_BYTES:
        return
    usage = _number(_text(folder / usage_name)) or 0
    stat = dict(line.split(maxsplit=1) for line in _text(folder / "memory.stat").splitlines() if " " in line)
    cache = _number(stat.get(cache_name, "")) or 0  # which the kernel gives up when asked for memory
    yield limit, max(limit - max(usage - cache, 0), 0)


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() else None


def _text(path: Path) -> str:
    """A file's text; nothing where the kernel has no such file."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
