"""What is told once a minute of the device itself, and how warm it is."""

from pathlib import Path

import pytest

from roost_edge.monitor.health import HealthTeller, health_of
from roost_edge.monitor.thermal import read_temperature_c
from roost_shared.clock import SECOND, SystemClock
from roost_shared.complaints import Complaints
from roost_shared.messages import ErrorInfo
from roost_shared.records import HealthRecord, decode_record
from tests.support.virtual_reactor import VirtualReactor


class Keeper:
    """Takes records while it has room."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.room = True

    def note(self, record: bytes, _done: object) -> bool:
        if self.room:
            self.records.append(record)
        return self.room


def test_it_is_told_each_minute_until_it_is_stopped_and_a_full_disk_is_named() -> None:
    reactor, keeper = VirtualReactor(), Keeper()
    complaints = Complaints(SystemClock())
    look = HealthRecord(temperature_c=51.5, waiting=3)
    teller = HealthTeller(keeper, reactor.as_reactor(), complaints, lambda: look)
    teller.start()
    reactor.advance(125 * SECOND)
    assert [decode_record(record) for record in keeper.records] == [look, look]
    keeper.room = False
    reactor.advance(185 * SECOND)
    assert complaints.counts["health.overloaded"] == 1
    teller.stop()
    keeper.room = True
    reactor.advance(600 * SECOND)
    assert len(keeper.records) == 2
    teller._kept(ErrorInfo("spooler.down", "it does not run"))
    assert complaints.counts["spooler.down"] == 1


def test_what_parts_do_not_tell_is_not_told() -> None:
    assert health_of(None, {}, 1000, None) == HealthRecord(spool_limit_bytes=1000)
    spool = {"entries": {"1": 2, "5": 1}, "entry_bytes": 700}
    told = health_of(51.5, spool, 1000, {"state": "good", "probe_p50_ms": 12.5})
    assert (told.waiting, told.spool_bytes, told.link, told.round_trip_ms) == (3, 700, "good", 12.5)


@pytest.mark.parametrize(
    ("sensors", "warmest"),
    [
        pytest.param([], None, id="none"),
        pytest.param(["48312\n", "51500\n"], 51.5, id="the warmest counts"),
        pytest.param(["what?", "-274000", "40000"], 40.0, id="what is no temperature does not"),
    ],
)
def test_temperature_is_read_from_linux_s_sensors(tmp_path: Path, sensors: list[str], warmest: float | None) -> None:
    for number, told in enumerate(sensors):
        zone = tmp_path / "sys/class/thermal" / f"thermal_zone{number}"
        zone.mkdir(parents=True)
        (zone / "temp").write_text(told)
    assert read_temperature_c(tmp_path) == warmest
