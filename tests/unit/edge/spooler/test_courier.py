"""The thread that uploads: a fault that ends it is not passed over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from roost_edge.spool.limits import SpoolLimits
from roost_edge.spool.store import Spool
from roost_edge.spooler import courier as room
from roost_edge.spooler.courier import Courier, CourierEndedError, seal_limits
from roost_edge.spooler.settings import SpoolerSettings
from tests.support.waiting import until


def settings_in(state_dir: Path, uplink_bytes_per_s: float | None = None) -> SpoolerSettings:
    return SpoolerSettings(
        state_dir=str(state_dir),
        boot="b1",
        cloud_url=None,
        spool_bytes=1 << 20,
        free_disk_bytes=0,
        retention_s=3600,
        uplink_bytes_per_s=uplink_bytes_per_s,
        upload_after_s=3600,
    )


@pytest.fixture
def courier(tmp_path: Path) -> Iterator[Courier]:
    spool = Spool(tmp_path / "spool", "b1", SpoolLimits(reserve_bytes=0), 0)
    yield Courier(spool, settings_in(tmp_path))
    spool.close()


@pytest.mark.parametrize(
    ("rate", "size_bytes"),
    [
        pytest.param(None, 64 << 20, id="no cap"),
        pytest.param(1_000_000, 20_000_000, id="twenty seconds"),
        pytest.param(1_000, 16 << 20, id="a slow link"),
        pytest.param(1e8, 64 << 20, id="a fast one"),
    ],
)
def test_lists_are_short_at_a_capped_rate(tmp_path: Path, rate: float | None, size_bytes: int) -> None:
    limits = seal_limits(settings_in(tmp_path, rate))
    assert (limits.size_bytes, limits.age_s) == (size_bytes, 3600)


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
