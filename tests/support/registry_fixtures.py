"""Fixtures around the registry. Every test's conftest reads this file, so what is slow to import comes in late."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from roost_shared.bundle import Bundle
    from tests.support.served_cloud import ServedCloud

__all__ = ["argmax", "served_cloud", "small_parts"]


@pytest.fixture(scope="session")
def argmax(tmp_path_factory: pytest.TempPathFactory) -> "Bundle":
    """A bundle of base and head, version 1; read only."""
    from roost_shared.bundle import open_bundle  # noqa: PLC0415 - see above
    from tests.support.split_bundles import split_bundle  # noqa: PLC0415 - see above

    return open_bundle(split_bundle(tmp_path_factory.mktemp("argmax") / "argmax-1"))


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> int:
    """Parts of 64 KiB, so that a blob of some hundred has several; the `file://` store minds no size."""
    size_bytes = 64 << 10
    monkeypatch.setattr("roost_cloud.objects.parts.PART_BYTES", size_bytes)
    return size_bytes


@pytest.fixture
def served_cloud(database_url: str, tmp_path: Path) -> Iterator["ServedCloud"]:
    from tests.support.served_cloud import serve_cloud  # noqa: PLC0415 - see above

    with serve_cloud(tmp_path / "cloud", database_url) as cloud:
        yield cloud
