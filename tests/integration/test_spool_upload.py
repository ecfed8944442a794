"""The device's spool on its disk and the uploader together, against a real cloud."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from roost_edge.spool.interface import NewEntry, SealLimits
from roost_edge.spool.limits import SpoolLimits
from roost_edge.spool.store import Spool
from roost_edge.uplink.http import CloudHttp
from roost_shared.records import Batch, DroppedRecord, encode_msgpack, encode_record
from tests.support.fleet import API
from tests.support.shard_inputs import JPEG, ShardInput, make_input
from tests.support.shard_site import ShardSite, serve_shard_site
from tests.support.telling import sample

FLUSH = SealLimits(flush=True)
INPUTS = [
    make_input("boot-1", JPEG + b"1" * 60_000, probability=0.5),
    make_input("boot-2", b"[1, 2]", content_type="application/json"),
    make_input("boot-3", b"?" * 90_000),
]


@pytest.fixture
def site(database_url: str, tmp_path: Path, small_parts: int) -> Iterator[ShardSite]:
    assert small_parts < 90_000
    with serve_shard_site(tmp_path / "cloud", database_url) as made:
        yield made


def open_spool(tmp_path: Path, boot: str) -> Spool:
    return Spool(tmp_path / "spool", boot, SpoolLimits(reserve_bytes=0), 0)


def keep(spool: Spool, inputs: list[ShardInput]) -> None:
    new = [
        NewEntry(
            sample=one.sample,
            task="meter",
            priority=0,
            probability=one.probability,
            record=one.record,
            payload=one.payload,
            sha256=one.sha256,
            content_type=one.content_type,
        )
        for one in inputs
    ]
    assert all(outcome.kept for outcome in spool.append(new, now_ns=0))


def test_what_the_spool_keeps_gets_to_the_cloud_and_is_forgotten(site: ShardSite, tmp_path: Path) -> None:
    spool = open_spool(tmp_path, "boot")
    keep(spool, INPUTS)
    reader = spool.reader()
    uploader = site.uploader(reader, limits=FLUSH)
    assert uploader.upload_next()
    assert not uploader.upload_next()
    assert reader.shards() == []
    site.has_once(INPUTS)
    reader.close()
    spool.close()


def test_what_people_want_goes_first_and_it_is_said_what_is_here_and_what_is_not(
    site: ShardSite, tmp_path: Path
) -> None:
    spool = open_spool(tmp_path, "boot")
    keep(spool, INPUTS)
    told = [*(one.record for one in INPUTS), encode_record(sample(4, boot="boot", payload=None))]
    told.append(encode_record(sample(5, boot="boot")))
    told.append(encode_record(DroppedRecord(samples=["boot-5"], reason="thinned")))
    sent: dict[str, Any] = {"content": encode_msgpack(Batch(boot="boot", first=1, oldest=1, records=told))}
    client, operator = site.cloud.client, site.cloud.headers()
    assert client.post(f"{API}/device/records", headers=site.device.headers(), **sent).status_code == 200
    now = site.cloud.services.now()
    third = now + timedelta(microseconds=2)  # samples of a batch are a microsecond apart
    of_device = {"device": "cam-01", "task": "meter", "until": (now + timedelta(minutes=1)).isoformat()}
    asked = client.post(f"{API}/wanted", headers=operator, json=of_device | {"since": third.isoformat()})
    far = {"samples": 3, "here": 0, "waiting": 1, "dropped": 1, "not_kept": 1}
    assert asked.json() == asked.json() | far | {"device": "cam-01", "task": "meter"}
    reader = spool.reader()
    uploader = site.uploader(reader, limits=FLUSH)
    assert uploader.upload_next()
    site.has_once([INPUTS[2]])
    (shown,) = client.get(f"{API}/wanted", headers=operator).json()
    assert shown == shown | far | {"here": 1, "waiting": 0}
    assert client.get(f"{API}/device/wanted", headers=site.device.headers()).json() == {"samples": []}
    assert uploader.upload_next()
    site.has_once(INPUTS)
    reader.close()
    spool.close()


def test_a_stretch_is_asked_for_within_bounds_and_for_a_week(site: ShardSite) -> None:
    client, operator = site.cloud.client, site.cloud.headers()
    stretch = {"device": "cam-01", "task": "meter", "since": "2026-11-20T00:00:00Z", "until": "2026-11-21T00:00:00Z"}
    for wrong, status in (({"until": stretch["since"]}, 422), ({"since": "2026-01-01T00:00:00Z"}, 422)):
        assert client.post(f"{API}/wanted", headers=operator, json=stretch | wrong).status_code == status
    assert client.post(f"{API}/wanted", headers=operator, json=stretch | {"device": "no-such"}).status_code == 404
    for _ in range(2):
        assert client.post(f"{API}/wanted", headers=operator, json=stretch).status_code == 200
    assert len(client.get(f"{API}/wanted", headers=operator).json()) == 1
    site.cloud.clock.advance(timedelta(days=8))
    assert client.get(f"{API}/wanted", headers=site.cloud.headers()).json() == []


class PowerCutError(BaseException):
    """The machine is off."""


class DyingHttp(CloudHttp):
    """The device's power goes when it asks for the commit."""

    def fetch(self, method: str, path: str, **options: Any) -> bytes:
        if path.endswith("/commit"):
            raise PowerCutError
        return super().fetch(method, path, **options)


def test_next_boot_brings_the_very_same_shard(site: ShardSite, tmp_path: Path) -> None:
    spool = open_spool(tmp_path, "boot")
    keep(spool, INPUTS)
    reader = spool.reader()
    with pytest.raises(PowerCutError):
        site.uploader(reader, limits=FLUSH, http=DyingHttp(site.url, None)).upload_next()
    (begun,) = reader.shards()
    reader.close()
    spool.close()
    sent = site.app.count("^PUT ")
    spool = open_spool(tmp_path, "later")
    reader = spool.reader()
    site.uploader(reader, limits=FLUSH).upload_next()
    assert site.app.count("^PUT ") == sent
    assert [shard.id for shard in site.shards()] == [begun]
    assert reader.shards() == []
    site.has_once(INPUTS)
    reader.close()
    spool.close()
