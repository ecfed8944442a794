from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.capture_cloud import CaptureCloud
from tests.support.mosquitto import Mosquitto


@pytest.fixture(scope="module")
def capture_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaptureCloud]:
    """One for all tests of a file: each has a device of its own."""
    with CaptureCloud(tmp_path_factory.mktemp("cloud")) as cloud:
        yield cloud


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """One that drops nothing, however long an agent takes to start on a busy machine: what it drops, nobody keeps."""
    with Mosquitto(tmp_path / "mosquitto", replace={"max_queued_messages": "0"}) as broker:
        yield broker
