from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from roost_edge.spool.disk import Disk
from roost_edge.spool.limits import SpoolLimits
from roost_edge.spool.store import Spool

Open = Callable[..., Spool]


@pytest.fixture
def open_spool(tmp_path: Path) -> Iterator[Open]:
    """Opens the one spool of a test; opened again, it is closed first."""
    opened: list[Spool] = []

    def open_it(boot: str = "boot", *, now_ns: int = 0, disk: Disk | None = None, **limits: float) -> Spool:
        while opened:
            opened.pop().close()
        settings = msgspec.convert({"reserve_bytes": 0} | limits, SpoolLimits)
        opened.append(Spool(tmp_path / "spool", boot, settings, now_ns, disk))
        return opened[-1]

    yield open_it
    while opened:
        opened.pop().close()
