"""Shards brought by the device's own uploader to a real cloud, over real HTTP: both stores, each on a database."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from roost_edge.spool.interface import SealLimits
from roost_edge.upload.errors import UploadRefusedError
from roost_edge.upload.token_bucket import TokenBucket
from roost_shared.clock import SystemClock
from tests.support.fleet import enrolled_device
from tests.support.memory_spool import MemorySpool
from tests.support.proxy import Proxy
from tests.support.s3 import S3Server
from tests.support.shard_inputs import JPEG, ShardInput, make_input, opening_of, tar_of
from tests.support.shard_site import ShardSite, serve_shard_site

# What a store does is no database's affair, nor the other way round.
pytestmark = pytest.mark.parametrize(
    ("store", "database_url"), [("file", "sqlite"), ("s3", "postgresql")], indirect=["database_url"]
)
PART_BYTES = 64 << 10  # on `file://`; S3 takes no less than 5 MiB


@pytest.fixture
def site(request: pytest.FixtureRequest, store: str, database_url: str, tmp_path: Path) -> Iterator[ShardSite]:
    folder = tmp_path / "cloud"
    if store == "file":
        request.getfixturevalue("small_parts")
        with serve_shard_site(folder, database_url) as made:
            yield made
        return
    s3: S3Server = request.getfixturevalue("s3_server")
    s3.empty()
    with closing(Proxy(s3.port)) as way:  # of signed URLs
        url = f"{s3.url()}&public_endpoint=http://127.0.0.1:{way.port}"
        with serve_shard_site(folder, database_url, objects_url=url) as made:
            made.proxies.append(way)
            yield made


@pytest.fixture
def inputs(store: str) -> list[ShardInput]:
    """Enough for several parts."""
    scale = 60 if store == "s3" else 1
    return [
        make_input("b-1", JPEG + b"1" * 50_000 * scale, probability=0.25),
        make_input("b-2", b"[1, 2]"),
        make_input("b-3", JPEG + b"3" * 100_000 * scale),
        make_input("b-4", b""),
    ]


def test_what_is_kept_gets_to_the_cloud_once(site: ShardSite, inputs: list[ShardInput]) -> None:
    spool = MemorySpool(inputs)
    uploader = site.uploader(spool)
    assert uploader.upload_next()
    assert not uploader.upload_next()
    site.has_once(inputs)
    assert spool.samples == []
    (shard,) = site.shards()
    assert (shard.device, shard.task, shard.entries, shard.size_bytes) == ("cam-01", "meter", 4, len(tar_of(inputs)))
    rows = site.inputs()
    assert [rows["cam-01", one.sample].media_type for one in inputs] == [
        *("image/jpeg", "application/json", "image/jpeg", "application/octet-stream")
    ]
    assert rows["cam-01", "b-1"].probability == 0.25
    told = uploader.describe()
    assert (told["state"], told["shards"], told["inputs"], told["problem"]) == ("idle", 1, 4, None)
    assert told["sent_bytes"] == len(tar_of(inputs))


def test_upload_goes_on_with_the_parts_that_are_missing(site: ShardSite, inputs: list[ShardInput]) -> None:
    api, tar = site.api(), tar_of(inputs)
    offer = api.call("POST", "/device/shards", dict, body=opening_of(inputs))
    first = offer["parts"][0]
    assert len(offer["parts"]) > 1
    api.http.put_signed(first["url"], first["size_bytes"], [tar[: first["size_bytes"]]])
    told = api.call("GET", f"/device/shards/{offer['shard']}", dict)
    assert [part["done"] for part in told["parts"]] == [True] + [False] * (len(offer["parts"]) - 1)
    spool = MemorySpool(inputs)
    uploader = site.uploader(spool)
    uploader.upload_next()
    assert uploader.describe()["sent_bytes"] == len(tar) - first["size_bytes"]
    site.has_once(inputs)


def test_connection_cut_in_the_middle_of_parts_costs_those_parts(site: ShardSite, inputs: list[ShardInput]) -> None:
    class Cutting(TokenBucket):
        """Cuts the connection at its second chunk and its ninth."""

        taken = 0

        def take(self, size_bytes: int, now_ns: int) -> int:
            self.taken += 1
            if self.taken in (2, 9):
                site.cut()
            return super().take(size_bytes, now_ns)

    bucket = Cutting(None)
    bucket.chunk_bytes = len(tar_of(inputs)) // 20
    site.uploader(MemorySpool(inputs), bucket=bucket).upload_next()
    assert bucket.taken > 20
    site.has_once(inputs)


def test_inputs_of_an_earlier_shard_stay_where_they_are(site: ShardSite, inputs: list[ShardInput]) -> None:
    site.uploader(MemorySpool(inputs[:2])).upload_next()
    before = site.inputs()
    site.uploader(MemorySpool(inputs)).upload_next()
    after = site.inputs()
    assert len(site.shards()) == 2
    assert {key: after[key].shard for key in before} == {key: row.shard for key, row in before.items()}
    assert len(after) == 4
    assert all(site.read_input(after["cam-01", one.sample]) == one.payload for one in inputs)


def test_wrong_bytes_are_refused_and_nothing_of_them_is_kept(site: ShardSite, inputs: list[ShardInput]) -> None:
    api = site.api()
    offer = api.call("POST", "/device/shards", dict, body=opening_of(inputs))
    tar = bytearray(tar_of(inputs))
    tar[700] ^= 1
    for part in offer["parts"]:
        data = bytes(tar[part["offset"] :][: part["size_bytes"]])
        api.http.put_signed(part["url"], part["size_bytes"], [data])
    headers = site.device.headers()
    path = f"/api/v1/device/shards/{offer['shard']}"
    refused = site.cloud.client.post(f"{path}/commit", headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "shard.wrong_bytes")
    assert "b-1.jpg" in refused.json()["error"]["message"]
    assert site.cloud.client.get(path, headers=headers).status_code == 404
    assert (site.shards(), site.under_way(), site.inputs()) == ([], [], {})
    assert site.objects("shards") == site.objects("shard-uploads") == []
    site.uploader(MemorySpool(inputs)).upload_next()
    site.has_once(inputs)


def test_commit_before_all_parts_are_there_keeps_what_arrived(site: ShardSite, inputs: list[ShardInput]) -> None:
    api, tar = site.api(), tar_of(inputs)
    offer = api.call("POST", "/device/shards", dict, body=opening_of(inputs))
    first = offer["parts"][0]
    api.http.put_signed(first["url"], first["size_bytes"], [tar[: first["size_bytes"]]])
    refused = site.cloud.client.post(f"/api/v1/device/shards/{offer['shard']}/commit", headers=site.device.headers())
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "objects.parts_missing")
    told = api.call("GET", f"/device/shards/{offer['shard']}", dict)
    assert told["parts"][0]["done"]


def test_two_uploads_of_one_shard_at_once_are_one(site: ShardSite, inputs: list[ShardInput]) -> None:
    barrier = threading.Barrier(2)

    def bring(spool: MemorySpool) -> None:
        uploader = site.uploader(spool)
        barrier.wait()
        uploader.upload_next()

    spools = [MemorySpool(inputs), MemorySpool(inputs)]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(bring, spools))
    assert len(site.shards()) == 1
    assert [spool.samples for spool in spools] == [[], []]
    site.has_once(inputs)
    assert site.under_way() == []


def test_devices_have_shards_of_their_own(site: ShardSite, inputs: list[ShardInput]) -> None:
    """Also of the same content: nobody learns what another has."""
    others = [enrolled_device(site.cloud, "cam-02"), enrolled_device(site.cloud, "cam-01", "beta")]
    site.uploader(MemorySpool(inputs)).upload_next()
    shard = site.shards()[0].id
    for other in others:
        headers = other.headers()
        for method, path in (("GET", f"/{shard}"), ("POST", f"/{shard}/commit")):
            answer = site.cloud.client.request(method, f"/api/v1/device/shards{path}", headers=headers)
            assert answer.status_code == 404
        assert site.api(other).call("POST", "/device/shards", dict, body=opening_of(inputs))["state"] == "uploading"
    site.uploader(MemorySpool(inputs), device=others[0]).upload_next()
    site.has_once(inputs)
    site.has_once(inputs, "cam-02")


@pytest.mark.parametrize(
    "change",
    [
        {"shard": "0" * 64},
        {"size_bytes": 10240},
        {"task": "other"},
    ],
)
def test_list_of_another_shard_is_refused(
    site: ShardSite, inputs: list[ShardInput], change: dict[str, object]
) -> None:
    answer = site.cloud.client.post(
        "/api/v1/device/shards", json=opening_of(inputs) | change, headers=site.device.headers()
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "shard.mismatch")
    assert site.under_way() == []


def test_token_that_runs_out_in_the_middle_is_replaced(site: ShardSite, inputs: list[ShardInput]) -> None:
    class Slow(TokenBucket):
        """At every second chunk a token's life goes by; a URL's does not."""

        taken = 0

        def take(self, size_bytes: int, now_ns: int) -> int:
            self.taken += 1
            if self.taken == 2:
                site.cloud.clock.advance(timedelta(minutes=16))
            return super().take(size_bytes, now_ns)

    site.uploader(MemorySpool(inputs), bucket=Slow(None)).upload_next()
    site.has_once(inputs)
    assert site.app.count("POST /api/v1/device-auth/token") == 2


def test_lists_are_sealed_by_count_and_all_are_brought(site: ShardSite, inputs: list[ShardInput]) -> None:
    more = make_input("b-5", b"the last, and alone")
    spool = MemorySpool([*inputs, more])
    uploader = site.uploader(spool, limits=SealLimits(entries=2, age_s=600))
    thread = threading.Thread(target=uploader.run)
    thread.start()
    try:
        uploader.flush()
        until = SystemClock().now_ns() + 60_000_000_000
        while spool.samples:
            assert SystemClock().now_ns() < until, uploader.describe()
            threading.Event().wait(0.01)
    finally:
        uploader.stop()
        thread.join(60)
    assert not thread.is_alive()
    assert [shard.entries for shard in site.shards()].count(2) == 2
    site.has_once([*inputs, more])


def test_expired_certificates_device_is_told_to_stop(site: ShardSite, inputs: list[ShardInput]) -> None:
    site.cloud.clock.advance(timedelta(days=91))
    spool = MemorySpool(inputs)
    uploader = site.uploader(spool)
    with pytest.raises(UploadRefusedError, match="403"):
        uploader.upload_next()
    assert spool.samples == [one.sample for one in inputs]
    assert uploader.describe()["refused"] == 1
    assert not uploader.upload_next()  # it is left alone for an hour
