import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server_fixtures import *  # noqa: F403 - for pytest to find them by name


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: a killed process leaves the same there as on a disk, only sooner."""
    memory = Path("/dev/shm")  # noqa: S108 - what is made there has a name of its own
    if not memory.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="roost-test-") as folder:
        yield Path(folder)
