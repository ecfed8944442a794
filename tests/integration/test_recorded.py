"""Requests as devices told of them, through the API: in pages, whole, with their policies."""

import base64
from datetime import timedelta
from typing import Any

from roost_shared.records import LateRecord, SampleRecord, decode_record
from tests.support.cloud import Cloud
from tests.support.fleet import API, FleetDevice, code_of, enrolled_device
from tests.support.stocked import PICTURE, stock_input
from tests.support.telling import BOOT, batch, late, policy, sample

DAY = {"task": "meter", "since": "2026-11-24T00:00:00Z", "until": "2026-11-25T00:00:00Z"}


def tell(cloud: Cloud, device: FleetDevice, data: bytes) -> None:
    assert cloud.client.post(f"{API}/device/records", content=data, headers=device.headers()).status_code == 200


def pages(cloud: Cloud, tenant: str = "acme", **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        headers = cloud.headers(tenant, "viewer")
        answer = cloud.client.get(f"{API}/recorded", params={**DAY, **asked, **after}, headers=headers)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if answer.json()["next"] is None:
            return found
        after = {"after": answer.json()["next"]}


def test_requests_come_whole_and_in_pages(cloud: Cloud) -> None:
    cam = enrolled_device(cloud, "cam.01")
    records = [sample(number) for number in range(1, 8)]
    tell(
        cloud, cam, batch([*records, sample(8, task="light"), late(3), late(3, contestant="backup", elapsed_ms=80.0)])
    )
    stock_input(cloud.services, "acme", "cam.01", f"{BOOT}-3", PICTURE)
    found = pages(cloud, limit=3)
    assert [decode_record(base64.b64decode(one["record"])) for one in found] == records[::-1]
    third = found[-3]
    assert (third["device"], third["sample"], third["probability"]) == ("cam.01", f"{BOOT}-3", 0.5)
    told = [decode_record(base64.b64decode(one)) for one in third["late"]]
    assert [one.contestant for one in told if isinstance(one, LateRecord)] == ["backup", "cloud"]
    assert all(one["late"] == [] and one["probability"] is None for one in found if one is not third)
    assert pages(cloud, limit=100) == found
    assert pages(cloud, "beta") == []


def test_only_the_span_is_shown(cloud: Cloud) -> None:
    cam = enrolled_device(cloud, "cam.01")
    for number in range(1, 4):
        tell(cloud, cam, batch([sample(number)], first=number))
        cloud.clock.advance(timedelta(hours=1))
    middle = pages(cloud, since="2026-11-24T13:00:00Z", until="2026-11-24T15:00:00+01:00")
    found = [decode_record(base64.b64decode(one["record"])) for one in middle]
    assert [one.sample for one in found if isinstance(one, SampleRecord)] == [f"{BOOT}-2"]


def test_a_policy_comes_as_it_was_told(cloud: Cloud) -> None:
    told = policy()
    tell(cloud, enrolled_device(cloud, "cam.01"), batch([told]))
    where, headers = f"{API}/policies/meter/{told.digest}", cloud.headers(role="viewer")
    assert cloud.client.get(where, headers=headers).content == told.document
    for other in (where.replace("meter", "light"), f"{API}/policies/meter/{64 * '0'}"):
        assert code_of(cloud.client.get(other, headers=headers)) == (404, "not_found")
    assert code_of(cloud.client.get(where, headers=cloud.headers("beta", "viewer"))) == (404, "not_found")
    assert cloud.client.get(f"{API}/policies/meter/x", headers=headers).status_code == 422


def test_a_question_that_makes_no_sense_is_refused(cloud: Cloud) -> None:
    headers = cloud.headers(role="viewer")
    for wrong in ({"since": "yesterday"}, {"until": "2026-11-24"}, {"task": "A"}, {"after": "x"}, {"limit": "0"}):
        answer = cloud.client.get(f"{API}/recorded", params={**DAY, **wrong}, headers=headers)
        assert answer.status_code == 422, wrong
    assert cloud.client.get(f"{API}/recorded", params={"task": "meter"}, headers=headers).status_code == 422
