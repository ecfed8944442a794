from collections.abc import Iterator

import pytest

from tests.support.capture_cloud import CaptureCloud


@pytest.fixture(scope="module")
def capture_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaptureCloud]:
    """One for all tests of a file: each has a device of its own."""
    with CaptureCloud(tmp_path_factory.mktemp("cloud")) as cloud:
        yield cloud
