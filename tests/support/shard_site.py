"""A cloud behind a proxy, a device that brings it shards, and what became of them."""

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI
from sqlalchemy import select

from roost_cloud.db.tables import SampleInput, Shard, ShardUpload
from roost_cloud.services import open_services
from roost_cloud.shards.uploads import ShardKey, shard_key
from roost_edge.identity.keys import DeviceKey
from roost_edge.spool.interface import SealLimits, SpoolReader
from roost_edge.uplink.api import DeviceApi
from roost_edge.uplink.http import CloudHttp
from roost_edge.upload.reachability import can_connect
from roost_edge.upload.shard_cloud import ShardCloud
from roost_edge.upload.token_bucket import TokenBucket
from roost_edge.upload.uploader import Uploader
from tests.support.cloud import Cloud, ManualClock, settings_for
from tests.support.faulty_app import FaultyApp
from tests.support.fleet import FleetDevice, enrolled_device
from tests.support.proxy import Proxy
from tests.support.served import Served
from tests.support.shard_inputs import ShardInput

__all__ = ["AT_ONCE", "ShardSite", "serve_shard_site"]

AT_ONCE = SealLimits(age_s=0)
_HASTE = 1e-3  # of a wait that a device would choose


@dataclass
class ShardSite:
    """One cloud, and its device `cam-01`.

    Attributes:
        app: where faults are made.
        proxies: between the device and the cloud, and where that is elsewhere, its object store.
        url: of the cloud, by way of the proxy.
    """

    cloud: Cloud
    app: FaultyApp
    proxies: list[Proxy]
    url: str
    device: FleetDevice

    def api(self, device: FleetDevice | None = None, http: CloudHttp | None = None) -> DeviceApi:
        """The API as a device."""
        who = device or self.device
        return DeviceApi(
            http or CloudHttp(self.url, None), tenant=who.tenant, device=who.device, key=DeviceKey(who.key)
        )

    def uploader(
        self,
        spool: SpoolReader,
        *,
        limits: SealLimits = AT_ONCE,
        bucket: TokenBucket | None = None,
        http: CloudHttp | None = None,
        device: FleetDevice | None = None,
        draw: Callable[[], float] = lambda: _HASTE,
        knock: Callable[[str], bool] = can_connect,
    ) -> Uploader:
        """One in a hurry."""
        cloud = ShardCloud(self.api(device, http))
        return Uploader(spool, cloud, limits=limits, bucket=bucket or TokenBucket(None), draw=draw, knock=knock)

    def cut(self) -> None:
        """End all of the device's connections."""
        for proxy in self.proxies:
            proxy.cut()

    def shards(self) -> list[Shard]:
        with self.cloud.services.database.read() as session:
            return list(session.scalars(select(Shard).order_by(Shard.committed_at, Shard.id)))

    def under_way(self) -> list[ShardUpload]:
        with self.cloud.services.database.read() as session:
            return list(session.scalars(select(ShardUpload)))

    def inputs(self) -> dict[tuple[str, str], SampleInput]:
        """By device and sample."""
        with self.cloud.services.database.read() as session:
            return {(row.device, row.sample): row for row in session.scalars(select(SampleInput))}

    def objects(self, kind: str, tenant: str = "acme") -> list[str]:
        return [info.key for info in self.cloud.services.objects.list_objects(f"{tenant}/{kind}/")]

    def read_input(self, row: SampleInput) -> bytes:
        """An input's bytes, by where its row says that they lie."""
        key = shard_key(ShardKey(row.tenant, row.device, row.shard))
        with self.cloud.services.objects.open(key, offset=row.offset, length_bytes=row.size_bytes) as reader:
            return reader.read()

    def has_once(self, inputs: Sequence[ShardInput], device: str = "cam-01") -> None:
        """Assert that the cloud has exactly these inputs of a device, each in one shard, and nothing else about."""
        found = {sample: row for (of, sample), row in self.inputs().items() if of == device}
        assert found.keys() == {one.sample for one in inputs}
        for one in inputs:
            row = found[one.sample]
            assert (row.size_bytes, row.sha256) == (len(one.payload), hashlib.sha256(one.payload).hexdigest())
            assert self.read_input(row) == one.payload
        names = [name for key in self.objects("shards") if f"/{device}/" in key for name in self._names(key)]
        assert sorted(name for name in names if name.count(".json") == 1 and ".input." not in name) == sorted(
            f"{one.sample}.json" for one in inputs
        )
        assert self.objects("shard-uploads") == []

    def _names(self, key: str) -> list[str]:
        with self.cloud.services.objects.open(key) as reader, tarfile.open(fileobj=io.BytesIO(reader.read())) as tar:
            return tar.getnames()


@contextmanager
def serve_shard_site(folder: Path, database_url: str, **settings: Any) -> Iterator[ShardSite]:
    """A cloud with its data in `folder`, and a device that is enrolled there."""
    served, clock = Served(), ManualClock()
    with closing(Proxy(served.port)) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        chosen = settings_for(folder, database_url=database_url, public_url=url, **settings)
        with open_services(chosen, clock=clock) as services:
            cloud = Cloud(services, clock)
            app = FaultyApp(cast("FastAPI", cloud.client.app), proxy.cut)
            served.app = cast("FastAPI", app)
            with served:
                yield ShardSite(cloud, app, [proxy], url, enrolled_device(cloud))
