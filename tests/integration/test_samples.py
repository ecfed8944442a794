"""Samples through the API: told by devices, listed by what they are, shown whole, their inputs and pictures."""

import io
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import event

from roost_cloud.db import Database
from roost_cloud.samples.listing import Chosen, page
from roost_cloud.samples.place import Place
from roost_shared.records import DroppedRecord, Record
from tests.support.cloud import Cloud
from tests.support.fleet import API, FleetDevice, code_of, enrolled_device
from tests.support.shard_inputs import make_input, opening_of, tar_of
from tests.support.stocked import PICTURE, stock_input, stock_shard
from tests.support.telling import BOOT, batch, late, policy, sample, window

Tell = Callable[..., dict[str, Any]]


@pytest.fixture
def cam(cloud: Cloud) -> FleetDevice:
    return enrolled_device(cloud, "cam.01")


def tell(cloud: Cloud, device: FleetDevice, data: bytes) -> dict[str, Any]:
    response = cloud.client.post(f"{API}/device/records", content=data, headers=device.headers())
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.json()
    return told


def told(cloud: Cloud, device: FleetDevice, records: list[Record], **fields: Any) -> None:
    tell(cloud, device, batch(records, **fields))


def listed(cloud: Cloud, query: str = "", **asked: Any) -> list[str]:
    """Samples of all pages, each asked for anew."""
    headers, found, after = cloud.headers(role="viewer"), [], ""
    while True:
        response = cloud.client.get(f"{API}/samples?{query}{after}", headers=headers, **asked)
        assert response.status_code == 200, response.text
        page = response.json()
        found += [f"{one['device']}/{one['sample'].rpartition('-')[2]}" for one in page["items"]]
        if page["next"] is None:
            return found
        after = f"&after={page['next']}"


def test_a_device_tells_over_http_and_hears_how_far(cloud: Cloud, cam: FleetDevice) -> None:
    assert tell(cloud, cam, batch([sample(1), sample(2)])) == {"schema_version": 1, "boot": BOOT, "sequence": 2}
    assert tell(cloud, cam, batch([sample(1), sample(2)]))["sequence"] == 2
    assert tell(cloud, cam, batch([sample(9)], first=9))["sequence"] == 2
    assert tell(cloud, cam, batch([window(3), late(2)], first=2))["sequence"] == 3
    assert tell(cloud, cam, batch([b"garbage"], first=4))["sequence"] == 4
    assert tell(cloud, cam, batch([sample(9)], first=9, oldest=7, boot="b2"))["sequence"] == 6
    assert len(listed(cloud)) == 3
    figures = cloud.client.get("/metrics").text
    for line in (
        'roost_ingest_batches_total{outcome="stored"} 5.0',
        'roost_ingest_records_total{kind="unreadable"} 1.0',
    ):
        assert line in figures


@pytest.mark.one_database
def test_a_batch_that_is_none_is_refused(cloud: Cloud, cam: FleetDevice) -> None:
    for data in (b"", b"\xff", batch([sample(1)], boot="a b"), batch([sample(1)], first=2**63)):
        response = cloud.client.post(f"{API}/device/records", content=data, headers=cam.headers())
        assert code_of(response) == (422, "message.invalid")
    newer = batch([]).replace(b"schema_version\x01", b"schema_version\x02")
    response = cloud.client.post(f"{API}/device/records", content=newer, headers=cam.headers())
    assert code_of(response) == (422, "message.version")


def test_more_records_than_are_taken_at_a_time_come_again(cloud: Cloud, cam: FleetDevice) -> None:
    assert tell(cloud, cam, batch([b""] * 10_001))["sequence"] == 10_000


@pytest.fixture
def stock(cloud: Cloud, cam: FleetDevice) -> Cloud:
    other = enrolled_device(cloud, "cam-02")
    told(
        cloud,
        cam,
        [
            sample(1, task="meter", label="7", confidence=0.9),
            sample(2, task="meter", label="1", confidence=0.3, kept_for=["low_confidence", "late"]),
            sample(3, task="light", label="green", confidence=1.0, contestant="backup"),
            sample(4, label=None, confidence=None, contestant=None, kept_for=["default"], payload=None),
        ],
    )
    cloud.clock.advance(timedelta(hours=1))
    told(cloud, other, [sample(1, kept_for=["disagreement"]), sample(2), late(2, differs=True)])
    stock_shard(cloud.services, "acme", "cam.01", {f"{BOOT}-1": PICTURE, f"{BOOT}-3": PICTURE})
    return cloud


ALL = ["cam-02/2", "cam-02/1", "cam.01/4", "cam.01/3", "cam.01/2", "cam.01/1"]
CHOICES = {
    "": ALL,
    "task=meter": [one for one in ALL if one != "cam.01/3"],
    "task=light": ["cam.01/3"],
    "label=7": ["cam-02/2", "cam-02/1", "cam.01/1"],
    "label=green&task=meter": [],
    "contestant=backup": ["cam.01/3"],
    "min_confidence=0.9": ["cam.01/3", "cam.01/1"],
    "max_confidence=0.3": ["cam.01/2"],
    "min_confidence=0.5&max_confidence=0.8": ["cam-02/2", "cam-02/1"],
    "disagreement=true": ["cam-02/2", "cam-02/1"],
    "disagreement=false": ["cam.01/4", "cam.01/3", "cam.01/2", "cam.01/1"],
    "device=cam.01": ["cam.01/4", "cam.01/3", "cam.01/2", "cam.01/1"],
    "since=2026-11-24T13:00:00Z": ["cam-02/2", "cam-02/1"],
    "until=2026-11-24T14:00:00%2B01:00": ["cam.01/4", "cam.01/3", "cam.01/2", "cam.01/1"],
    "kept_for=late": ["cam.01/2"],
    "kept_for=low_confidence": ["cam.01/2"],
    "kept_for=base_rate&device=cam.01": ["cam.01/3", "cam.01/1"],
    "has_input=true": ["cam.01/3", "cam.01/1"],
    "has_input=false&task=meter": ["cam-02/2", "cam-02/1", "cam.01/4", "cam.01/2"],
    "has_input=true&disagreement=true": [],
}


def test_samples_are_listed_by_what_they_are(stock: Cloud) -> None:
    for query, expected in CHOICES.items():
        assert listed(stock, query) == expected, query
        assert listed(stock, f"{query}&limit=2") == expected, f"{query} by pages"


def test_pages_lose_nothing_and_repeat_nothing_whatever_comes_between(cloud: Cloud, cam: FleetDevice) -> None:
    told(cloud, cam, [sample(number) for number in range(1, 101)])  # at one moment, a microsecond apart
    headers = cloud.headers(role="viewer")
    seen: list[str] = []
    after: str | None = ""
    count = 100
    while after is not None:
        page = cloud.client.get(f"{API}/samples?limit=7{after and f'&after={after}'}", headers=headers).json()
        seen += [one["sample"] for one in page["items"]]
        cloud.clock.advance(timedelta(seconds=1))
        told(cloud, cam, [sample(count + 1)], first=count + 1)
        after, count = page["next"], count + 1
    assert seen == [f"{BOOT}-{number}" for number in range(100, 0, -1)]


SENSELESS = [
    "after=x", "after=1.a", "after=99999999999999999.a.b", "since=yesterday", "since=2026-11-24T13:00:00",
    "since=0001-01-01T00:00:00%2B23:59", "until=9999-12-31T23:59:59-23:59", "min_confidence=nan", "min_confidence=2",
    "kept_for=x", "label=%00", "device=A", "limit=0", "disagreement=perhaps",
]  # fmt: skip


@pytest.mark.one_database
def test_a_question_that_makes_no_sense_is_refused(cloud: Cloud) -> None:
    headers = cloud.headers()
    for query in SENSELESS:
        assert cloud.client.get(f"{API}/samples?{query}", headers=headers).status_code == 422, query


def test_a_sample_is_shown_with_everything_that_was_said_of_it(cloud: Cloud, cam: FleetDevice) -> None:
    kept = sample(1, policy=policy().digest, inject={"light": 3, "rate": float("nan")})
    last = DroppedRecord(samples=[f"{BOOT}-1"], reason="quota")
    told(cloud, cam, [policy(), kept, late(1, output=[1.0, float("inf")]), last])
    shard = stock_shard(cloud.services, "acme", "cam.01", {f"{BOOT}-1": PICTURE}, probability=0.125)
    shown = cloud.client.get(f"{API}/samples/cam.01/{BOOT}-1", headers=cloud.headers(role="viewer")).json()
    assert [(one["contestant"], one["error"]) for one in shown["candidates"]] == [
        ("primary", None),
        ("backup", "worker.died"),
    ]
    [score] = shown["late"]
    assert (score["contestant"], score["label"], score["output"]) == ("cloud", "1", [1.0, None])
    assert shown["input"]["shard"] == shard
    assert (shown["input"]["probability"], shown["probability"]) == (0.125, 0.25)
    assert (shown["dropped"], shown["disagreement"], shown["kept_for"]) == ("quota", True, ["base_rate"])
    assert shown["record"]["answer"]["inject"] == {"light": 3, "rate": None}
    assert shown["record"]["policy"] == policy().digest
    in_list = cloud.client.get(f"{API}/samples", headers=cloud.headers()).json()["items"][0]
    assert in_list == {name: shown[name] for name in in_list}
    for name in ("cam.02", "cam.01/x"):
        missing = cloud.client.get(f"{API}/samples/{name.replace('/x', '')}/{BOOT}-9", headers=cloud.headers())
        assert code_of(missing) == (404, "not_found")


@pytest.mark.one_database
def test_an_input_comes_byte_for_byte_and_by_range(cloud: Cloud, cam: FleetDevice) -> None:
    payload = random.Random(1).randbytes(700_000)
    stock_shard(cloud.services, "acme", cam.device, {f"{BOOT}-1": b"before", f"{BOOT}-2": payload, f"{BOOT}-3": b"x"})
    path, headers = f"{API}/samples/{cam.device}/{BOOT}-2/input", cloud.headers(role="viewer")
    whole = cloud.client.get(path, headers=headers)
    assert (whole.status_code, whole.content) == (200, payload)
    assert whole.headers["content-type"] == "application/octet-stream"
    assert whole.headers["content-disposition"] == "attachment"
    for asked, start, stop in (
        ("0-9", 0, 10),
        ("-5", 699_995, 700_000),
        ("699990-", 699_990, 700_000),
    ):
        part = cloud.client.get(path, headers={**headers, "Range": f"bytes={asked}"})
        assert (part.status_code, part.content) == (206, payload[start:stop])
        assert part.headers["content-range"] == f"bytes {start}-{stop - 1}/700000"
    beyond = cloud.client.get(path, headers={**headers, "Range": "bytes=700000-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */700000")
    missing = cloud.client.get(f"{API}/samples/{cam.device}/{BOOT}-9/input", headers=headers)
    assert code_of(missing) == (404, "not_found")


@pytest.mark.one_database
def test_an_input_whose_shard_is_gone_is_not_found(cloud: Cloud, cam: FleetDevice) -> None:
    shard = stock_shard(cloud.services, "acme", cam.device, {f"{BOOT}-1": PICTURE})
    cloud.services.objects.delete(f"acme/shards/{cam.device}/{shard}.tar")
    for thing in ("input", "thumbnail"):
        answered = cloud.client.get(f"{API}/samples/{cam.device}/{BOOT}-1/{thing}", headers=cloud.headers())
        assert code_of(answered) == (404, "objects.not_found")


@pytest.mark.one_database
def test_a_picture_is_shown_small_and_nothing_else_is(cloud: Cloud, cam: FleetDevice) -> None:
    headers = cloud.headers(role="viewer")
    stock_shard(cloud.services, "acme", cam.device, {f"{BOOT}-1": PICTURE, f"{BOOT}-2": b"[1, 2]", f"{BOOT}-3": b""})
    stock_input(cloud.services, "acme", cam.device, f"{BOOT}-4", b"\x89PNG\r\n\x1a\n" + bytes(16 << 20))
    shown = cloud.client.get(f"{API}/samples/{cam.device}/{BOOT}-1/thumbnail", headers=headers)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    with Image.open(io.BytesIO(shown.content)) as small:
        assert small.size == (160, 100)
    for number in (2, 3, 4):
        answered = cloud.client.get(f"{API}/samples/{cam.device}/{BOOT}-{number}/thumbnail", headers=headers)
        assert code_of(answered) == (404, "samples.no_thumbnail")
    missing = cloud.client.get(f"{API}/samples/{cam.device}/{BOOT}-9/thumbnail", headers=headers)
    assert code_of(missing) == (404, "not_found")


@pytest.mark.parametrize(
    ("chosen", "index"),
    [
        (Chosen(), "ix_sample_tenant_received_at"),
        (Chosen(task="meter"), "ix_sample_tenant_task_received_at"),
        (Chosen(device="cam-01", has_input=True), "ix_sample_tenant_device_received_at"),
        (Chosen(label="7", max_confidence=0.5), "ix_sample_tenant_label_received_at"),
        (Chosen(disagreement=True), "ix_sample_disagreement"),
    ],
)
def test_a_page_is_found_by_an_index_in_its_order(newest_sqlite: Path, chosen: Chosen, index: str) -> None:
    database = Database(f"sqlite:///{newest_sqlite}")
    asked: list[tuple[str, Any]] = []
    event.listen(database.engine, "before_cursor_execute", lambda *told: asked.append(told[2:4]))
    with database.read() as session:
        page(session, "acme", chosen, limit=10, after=Place(datetime(2026, 11, 24, tzinfo=UTC), "cam-01", "b-1"))
        [(statement, parameters)] = [one for one in asked if one[0].startswith("SELECT sample.tenant")]
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    assert index in plan[0][3]
    database.close()


def test_an_input_that_came_in_a_devices_own_shard_is_found_in_it(cloud: Cloud, cam: FleetDevice) -> None:
    payloads = {f"{BOOT}-1": b"[1, 2]", f"{BOOT}-2": PICTURE, f"{BOOT}-3": PICTURE * 50}
    inputs = [make_input(name, payload, probability=0.5) for name, payload in payloads.items()]
    told(cloud, cam, [sample(number, payload=payload) for number, payload in enumerate(payloads.values(), 1)])
    assert listed(cloud, "has_input=true") == []
    shards = f"{API}/device/shards"
    begun = cloud.client.post(shards, json=opening_of(inputs), headers=cam.headers()).json()
    tar = tar_of(inputs)
    for part in begun["parts"]:
        piece = tar[part["offset"] :][: part["size_bytes"]]
        assert cloud.client.put(part["url"], content=piece).status_code == 200
    committed = cloud.client.post(f"{shards}/{begun['shard']}/commit", headers=cam.headers())
    assert committed.json()["state"] == "committed"
    assert len(listed(cloud, "has_input=true")) == len(payloads)
    headers = cloud.headers(role="viewer")
    for name, payload in payloads.items():
        assert cloud.client.get(f"{API}/samples/cam.01/{name}/input", headers=headers).content == payload
    shown = cloud.client.get(f"{API}/samples/cam.01/{BOOT}-2", headers=headers).json()
    assert (shown["input"]["media_type"], shown["input"]["probability"]) == ("image/png", 0.5)
    assert cloud.client.get(f"{API}/samples/cam.01/{BOOT}-2/thumbnail", headers=headers).status_code == 200
