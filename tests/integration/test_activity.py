"""What answers came to, from windows that devices told, through the API; and what other rules would have made."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from roost_cloud.activity.additions import Additions
from roost_cloud.activity.expiry import expire_hours
from roost_cloud.activity.storing import store_additions
from roost_cloud.db import Database
from roost_cloud.db.tables import DeviceHour, TaskHour
from roost_shared.records import PolicyRecord, Record
from roost_shared.rendezvous import PolicyDocument
from tests.support.active import (
    HEALTH,
    METER,
    answers_window,
    meter_windows,
    recorded_requests,
    told_policy,
)
from tests.support.cloud import Cloud
from tests.support.fleet import API, FleetDevice, code_of, enrolled_device
from tests.support.query_plans import plans_of
from tests.support.telling import batch


def tell(cloud: Cloud, device: FleetDevice, records: list[Record], *, first: int = 1) -> None:
    data = batch(records, first=first)
    assert cloud.client.post(f"{API}/device/records", content=data, headers=device.headers()).status_code == 200


def get(cloud: Cloud, path: str, *, tenant: str = "acme", **query: Any) -> Any:
    answer = cloud.client.get(f"{API}/activity{path}", params=query, headers=cloud.headers(tenant, "viewer"))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_windows_come_to_figures_of_devices_tasks_and_contestants(cloud: Cloud) -> None:
    first, second = (enrolled_device(cloud, name) for name in ("cam-01", "cam-02"))
    tell(cloud, first, [*meter_windows(), *meter_windows()])
    tell(cloud, second, [answers_window(["preferred"] * 20)])
    tell(cloud, first, [*meter_windows(), *meter_windows()])  # the same again changes nothing
    every = get(cloud, "")
    assert (every["answers"], every["deadline_rate"], every["other_share"]) == (100, 0.98, 0.2)
    assert every["devices"] == {"never": 2, "online": 0, "offline": 0}
    assert {one["device"]: one["answers"] for one in get(cloud, "/devices", device=["cam-01", "cam-02", "x"])} == {
        "cam-01": 80,
        "cam-02": 20,
    }
    task = get(cloud, "/tasks/meter")
    assert task["reasons"]["preferred"] == 80
    assert task["p50_ms"] == pytest.approx(20, rel=0.25)
    by_name = {one["contestant"]: one for one in task["contestants"]}
    assert (by_name["primary"]["scores"], by_name["primary"]["answers"]["preferred"]) == (80, 60)
    pairs = {(one["one"], one["other"]): one["agreement"] for one in task["pairs"]}
    assert pairs["old", "primary"] == 0.75
    assert get(cloud, "/tasks")["items"][0]["task"] == "meter"
    assert get(cloud, "/tasks", tenant="beta")["items"] == []


def test_a_window_looks_through_no_other_hours(newest_sqlite: Path) -> None:
    database = Database(f"sqlite:///{newest_sqlite}")
    with database.begin() as session:
        with plans_of(session) as plans:
            store_additions(session, additions("meter", "light"))
        assert plans
        assert not [step for plan in plans for step in plan if step.startswith("SCAN") and "CONSTANT" not in step]
        session.rollback()
    database.close()


def test_windows_of_more_tasks_than_a_query_takes_add_up(database: Database) -> None:
    names = [f"task-{number}" for number in range(700)]
    for _ in range(2):
        with database.begin() as session:
            store_additions(session, additions(*names))
    with database.read() as session:
        told = session.execute(select(func.count(), func.min(TaskHour.count), func.max(TaskHour.count)))
        assert told.one() == (700, 2, 2)


def additions(*tasks: str) -> Additions:
    found = Additions()
    for task in tasks:
        found.add("acme", "cam-01", datetime(2026, 12, 1, 12, tzinfo=UTC), answers_window(["preferred"], task=task))
    return found


def test_only_the_hours_that_are_asked_for_count_and_old_ones_go(cloud: Cloud) -> None:
    cam = enrolled_device(cloud, "cam-01")
    tell(cloud, cam, [answers_window(["preferred"])])
    cloud.clock.advance(timedelta(hours=2))
    tell(cloud, cam, [answers_window(["default"])], first=2)
    assert [get(cloud, "", hours=hours)["answers"] for hours in (1, 2, 3)] == [1, 1, 2]
    expired_at = cloud.services.now() + timedelta(hours=167)
    assert expire_hours(cloud.services.database, expired_at, lambda: False) == 2
    with cloud.services.database.read() as session:
        assert [session.query(table).count() for table in (DeviceHour, TaskHour)] == [1, 1]


def test_what_was_not_told_is_not_known(cloud: Cloud) -> None:
    cam = enrolled_device(cloud, "cam-01")
    assert get(cloud, "/devices/cam-01")["health"] is None
    tell(cloud, cam, [answers_window([], missed=None), answers_window(["preferred"], missed=None)])
    told = get(cloud, "/devices/cam-01")
    assert (told["answers"], told["deadline_rate"], told["other_share"]) == (1, None, 0.0)
    headers = cloud.headers(role="viewer")
    for nobody in ("/devices/cam-09", "/tasks/light", "/tasks/light/policies", "/tasks/light/what-if"):
        assert code_of(cloud.client.get(f"{API}/activity{nobody}", headers=headers)) == (404, "not_found")


def test_a_device_says_how_it_is(cloud: Cloud) -> None:
    tell(cloud, enrolled_device(cloud, "cam-01"), [HEALTH])
    told = get(cloud, "/devices/cam-01")["health"]
    assert (told["temperature_c"], told["waiting"], told["link"]) == (51.5, 42, "good")


@pytest.mark.parametrize("other", [{"deadline_ms": 0}, {"rules": METER.rules * 100}])
def test_what_a_device_makes_up_is_no_policy_to_be_drawn(cloud: Cloud, other: dict[str, Any]) -> None:
    document = msgspec.structs.replace(PolicyDocument.of(METER), **other)
    made_up = PolicyRecord(task="meter", digest=document.digest, document=document.encode())
    tell(cloud, enrolled_device(cloud, "cam-01"), [told_policy(), made_up])
    (policy,) = get(cloud, "/tasks/meter/policies")
    assert policy["digest"] == PolicyDocument.of(METER).digest


def test_policies_are_told_and_a_moved_bar_is_played(cloud: Cloud) -> None:
    cam = enrolled_device(cloud, "cam-01")
    tell(cloud, cam, [told_policy(), *recorded_requests(30)])
    (policy,) = get(cloud, "/tasks/meter/policies")
    assert (policy["newest"], policy["deadline_ms"]) == (True, 300)
    assert [rule["accept"] for rule in policy["rules"]] == [rule.accept for rule in METER.rules]
    as_it_was = get(cloud, "/tasks/meter/what-if")
    assert (as_it_was["replayed"], as_it_was["changed"]["count"]) == (30, 0)
    lower = get(cloud, "/tasks/meter/what-if", contestant="primary", bar=0.5)
    assert lower["recorded"]["asked"]["count"] == 10
    assert lower["would_be"]["asked"]["count"] == 0
    assert lower["changed"]["count"] == 5  # where the cloud had said something else
    assert lower["would_be"]["p99_ms"] < lower["recorded"]["p99_ms"]
    shorter = get(cloud, "/tasks/meter/what-if", deadline_ms=260, limit=10)
    assert (shorter["records"], shorter["left_out"]) == (10, {})
    headers = cloud.headers(role="viewer")
    wrong = cloud.client.get(f"{API}/activity/tasks/meter/what-if?contestant=nobody&bar=0.5", headers=headers)
    assert wrong.json()["left_out"] == {"rules_do_not_fit": 30}
