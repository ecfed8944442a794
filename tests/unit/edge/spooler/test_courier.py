"""The thread that uploads: a fault that ends it is not passed over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from roost_edge.spool.limits import SpoolLimits
from roost_edge.spool.store import Spool
from roost_edge.spooler import courier as room
from roost_edge.spooler.courier import Courier, CourierEndedError
from roost_edge.spooler.settings import SpoolerSettings
from tests.support.waiting import until


@pytest.fixture
def courier(tmp_path: Path) -> Iterator[Courier]:
    settings = SpoolerSettings(
        state_dir=str(tmp_path),
        boot="b1",
        cloud_url=None,
        spool_bytes=1 << 20,
        free_disk_bytes=0,
        retention_s=3600,
        uplink_bytes_per_s=None,
        upload_after_s=3600,
    )
    spool = Spool(tmp_path / "spool", "b1", SpoolLimits(reserve_bytes=0), 0)
    yield Courier(spool, settings)
    spool.close()


def test_while_it_runs_all_is_well(courier: Courier) -> None:
    courier.start()
    courier.check()
    courier.stop(10)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_one_that_has_died_is_told(courier: Courier, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(room, "read_identity", fail)
    courier.start()
    until(lambda: not courier._thread.is_alive(), "it has died")
    with pytest.raises(CourierEndedError):
        courier.check()
