"""The device's spool on its disk and the uploader together, against a real cloud."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roost_edge.spool.interface import NewEntry, SealLimits
from roost_edge.spool.limits import SpoolLimits
from roost_edge.spool.store import Spool
from roost_edge.uplink.http import CloudHttp
from tests.support.shard_inputs import JPEG, ShardInput, make_input
from tests.support.shard_site import ShardSite, serve_shard_site

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
