"""Fixtures for tests of whole agents; a conftest takes them in by name."""

import pytest

from tests.support.bundles import Bundles, build_bundles

__all__ = ["bundles"]


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    """Tiny real bundles."""
    return build_bundles(tmp_path_factory.mktemp("bundles"))
