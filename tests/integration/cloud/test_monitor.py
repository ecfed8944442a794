"""From devices' windows to alarms, through the database: who drifted and what of it, and nobody else."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from roost_cloud.db.tables import DriftBaseline, Event
from roost_cloud.services import Services, open_services
from tests.support.cloud import ManualClock, settings_for
from tests.support.drifting import PLAIN, DriftingFleet, monitor_of

BLURRED = replace(PLAIN, phi=(0, -4, 0, 0, 0, 0, -9, -9))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def services(database_url: str, tmp_path: Path, clock: ManualClock) -> Iterator[Services]:
    with open_services(settings_for(tmp_path / "cloud", database_url=database_url), clock=clock) as services:
        yield services


@pytest.fixture
def fleet(services: Services, clock: ManualClock) -> DriftingFleet:
    return DriftingFleet(services, clock)


def test_a_device_whose_lens_blurs_is_named_with_what_moved_and_no_other_is(fleet: DriftingFleet) -> None:
    monitor = monitor_of(fleet.services)
    fleet.live(12, monitors=[monitor])
    assert fleet.alarms() == []
    fleet.live(6, {"cam-03": BLURRED}, monitors=[monitor])
    (alarm,) = fleet.alarms()
    assert (alarm.device, alarm.task, alarm.kind, alarm.cause) == ("cam-03", "meter", "input", "input")
    assert {one["what"] for one in alarm.explanation["moved"][:2]} == {"gradient", "laplacian"}
    assert "sharpness of edges fell by" in alarm.explanation["summary"]
    assert alarm.explanation["decisions_exceeded"] >= 3
    with fleet.services.database.read() as session:
        assert session.scalars(select(Event.kind)).all() == ["alarm.opened"]
        assert session.scalar(select(func.count()).where(DriftBaseline.commissioned_at.is_(None))) == 0
