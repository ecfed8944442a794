"""Samples that are too old go, with all that was said of them and then their inputs; nothing else does."""

import dataclasses
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from roost_cloud.db.tables import DroppedInput, LateScore, Sample, SampleInput, SampleScore, Shard
from roost_cloud.director.worker import make_director
from roost_cloud.objects.errors import StoreUnavailableError
from roost_cloud.samples.expiry import Expired, expire
from roost_shared.records import DroppedRecord, Record
from tests.support.cloud import Cloud
from tests.support.fleet import API, FleetDevice, enrolled_device
from tests.support.stocked import stock_input, stock_shard
from tests.support.telling import BOOT, batch, late, sample

DAY = timedelta(days=1)


@pytest.fixture
def cam(cloud: Cloud) -> FleetDevice:
    return enrolled_device(cloud, "cam.01")


def tell(cloud: Cloud, device: FleetDevice, records: list[Record], first: int = 1) -> None:
    data = batch(records, first=first)
    response = cloud.client.post(f"{API}/device/records", content=data, headers=device.headers())
    assert response.status_code == 200, response.text


def expired(cloud: Cloud, older_than: timedelta) -> Expired:
    services = cloud.services
    return expire(services.database, services.objects, services.now() - older_than, now=services.now())


def counted(cloud: Cloud) -> list[int]:
    with cloud.services.database.read() as session:
        tables = (Sample, SampleScore, LateScore, DroppedInput, SampleInput, Shard)
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def stored(cloud: Cloud) -> int:
    return len(list(cloud.services.objects.list_objects("acme/shards/")))


def get(cloud: Cloud, path: str) -> Any:
    return cloud.client.get(f"{API}/samples/cam.01/{BOOT}-{path}", headers=cloud.headers(role="viewer"))


def test_what_is_too_old_goes_whole_and_the_rest_stays_whole(cloud: Cloud, cam: FleetDevice) -> None:
    tell(cloud, cam, [sample(1), late(1), sample(2), DroppedRecord(samples=[f"{BOOT}-2"], reason="quota")])
    stock_input(cloud.services, "acme", "cam.01", f"{BOOT}-1", b"old")
    cloud.clock.advance(2 * DAY)
    tell(cloud, cam, [sample(3), late(3)], first=5)
    stock_input(cloud.services, "acme", "cam.01", f"{BOOT}-3", b"new")
    assert expired(cloud, 3 * DAY) == (0, 0)
    assert expired(cloud, DAY) == (2, 1)
    assert counted(cloud) == [1, 2, 1, 0, 1, 1]
    assert stored(cloud) == 1
    assert get(cloud, "1").status_code == get(cloud, "1/input").status_code == 404
    assert get(cloud, "3/input").content == b"new"
    assert expired(cloud, DAY) == (0, 0)


def test_a_shard_stays_until_none_of_its_inputs_is_wanted(cloud: Cloud, cam: FleetDevice) -> None:
    stock_shard(cloud.services, "acme", "cam.01", {f"{BOOT}-1": b"one", f"{BOOT}-2": b"two"})
    tell(cloud, cam, [sample(1)])
    cloud.clock.advance(2 * DAY)
    tell(cloud, cam, [sample(2)], first=2)
    assert expired(cloud, DAY) == (1, 0)
    assert get(cloud, "1/input").status_code == 404
    assert get(cloud, "2/input").content == b"two"
    cloud.clock.advance(2 * DAY)
    assert expired(cloud, DAY) == (1, 1)
    assert (sum(counted(cloud)), stored(cloud)) == (0, 0)


def test_an_input_of_which_nothing_was_told_goes_in_its_time(cloud: Cloud, cam: FleetDevice) -> None:
    stock_input(cloud.services, "acme", cam.device, f"{BOOT}-1", b"lonely")
    assert expired(cloud, DAY) == (0, 0)
    cloud.clock.advance(2 * DAY)
    assert expired(cloud, DAY) == (0, 1)
    assert stored(cloud) == 0


def test_what_a_store_that_is_away_keeps_goes_by_the_next_round(
    cloud: Cloud, cam: FleetDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_key: str) -> None:
        raise StoreUnavailableError("the store is away")

    tell(cloud, cam, [sample(1)])
    stock_input(cloud.services, "acme", "cam.01", f"{BOOT}-1", b"old")
    cloud.clock.advance(2 * DAY)
    with monkeypatch.context() as patch:
        patch.setattr(cloud.services.objects, "delete", away)
        with pytest.raises(StoreUnavailableError):
            expired(cloud, DAY)
    assert get(cloud, "1").status_code == 404, "nobody finds it any more"
    assert (stored(cloud), counted(cloud)[-1]) == (1, 1)
    assert expired(cloud, DAY) == (0, 1)
    assert (stored(cloud), sum(counted(cloud))) == (0, 0)


def test_more_than_a_batch_goes_in_one_round(cloud: Cloud, cam: FleetDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roost_cloud.samples.expiry._AT_ONCE", 3)
    tell(cloud, cam, [sample(number) for number in range(1, 8)])
    cloud.clock.advance(2 * DAY)
    assert expired(cloud, DAY) == (7, 0)


@pytest.mark.parametrize(("days", "does"), [(0, False), (30, True)])
def test_samples_are_kept_for_ever_unless_it_is_said_how_long(cloud: Cloud, days: float, does: bool) -> None:  # noqa: FBT001 - a case
    settings = msgspec.structs.replace(cloud.services.settings, sample_retention_days=days)
    director = make_director(dataclasses.replace(cloud.services, settings=settings))
    assert ("expire-samples" in {duty.name for duty in director._duties}) is does
